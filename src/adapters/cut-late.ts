import { systemClock, TIMER_DELAY_MS_MAX, type Timer } from '../base/clock.ts'

/**
 * A good-bye that the network swallows would keep the socket, and whoever waits for it, for a quarter of an hour.
 *
 * @param timeoutMs what is not closed by then, in ms, is cut; beyond a timer's reach: never, and no timer is started
 */
export function cutLate(timeoutMs: number, cut: () => void): Timer | undefined {
  return timeoutMs > TIMER_DELAY_MS_MAX ? undefined : systemClock.startTimer(timeoutMs, cut, true)
}
