import { systemClock, TIMER_DELAY_MS_MAX } from '../base/clock.ts'

/**
 * Resolves once `wait` is told that something has closed. A good-bye that the network swallows would keep the socket,
 * and whoever waits for it, for a quarter of an hour.
 *
 * @param timeoutMs what is not closed by then, in ms, is cut; beyond a timer's reach: never, and no timer is started
 */
export async function cutLate(timeoutMs: number, cut: () => void, wait: (closed: () => void) => void): Promise<void> {
  const timer = timeoutMs > TIMER_DELAY_MS_MAX ? undefined : systemClock.startTimer(timeoutMs, cut, true)
  await new Promise<void>(wait)
  timer?.cancel()
}
