import { type Clock, TIMER_DELAY_MS_MAX } from './clock.ts'

/**
 * The outcome of `work`, or a rejection with `late()` if it takes longer than `timeoutMs`. What comes of it after that
 * is dropped; a late rejection is no unhandled one.
 *
 * @param timeoutMs in ms; Infinity: no limit, and no timer
 */
export function settleWithin<R>(clock: Clock, timeoutMs: number, work: Promise<R>, late: () => Error): Promise<R> {
  if (timeoutMs === Number.POSITIVE_INFINITY) return work
  return new Promise((resolve, reject) => {
    const timer = clock.startTimer(Math.min(timeoutMs, TIMER_DELAY_MS_MAX), () => reject(late()))
    work.then(
      (result) => {
        timer.cancel()
        resolve(result)
      },
      (error: unknown) => {
        timer.cancel()
        reject(error)
      },
    )
  })
}
