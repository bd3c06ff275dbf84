import { type Clock, TIMER_DELAY_MS_MAX } from './clock.ts'

/**
 * The outcome of `work`, or a rejection with `late()` if it takes longer than `timeoutMs`. What comes of it after that
 * is dropped; a late rejection is no unhandled one.
 *
 * @param timeoutMs in ms; beyond a timer's reach: no limit, and no timer
 * @param onGiveUp is handed what ends the wait at once, with an error
 */
export function settleWithin<R>(
  clock: Clock,
  timeoutMs: number,
  work: Promise<R>,
  late: () => Error,
  onGiveUp?: (giveUp: (error: Error) => void) => void,
): Promise<R> {
  return new Promise((resolve, reject) => {
    const timer = timeoutMs > TIMER_DELAY_MS_MAX ? undefined : clock.startTimer(timeoutMs, () => reject(late()))
    const failed = (error: unknown): void => {
      timer?.cancel()
      reject(error)
    }
    onGiveUp?.(failed)
    work.then((result) => {
      timer?.cancel()
      resolve(result)
    }, failed)
  })
}
