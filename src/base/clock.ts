import { assert } from './assert.ts'

/** A timer that has been started. */
export interface Timer {
  /** The timer will not fire any more. Cancelling twice, or after it has fired, is harmless. */
  cancel(): void
}

/** The library's only access to time, so that tests and the simulation can bring their own. */
export interface Clock {
  /** Monotonic, in ms, from an arbitrary origin: only differences mean anything. */
  nowMs(): number
  /**
   * The same moment by the wall clock, in ms since 1970 (UTC); may leap. For what recurs at times of day.
   *
   * @defaultValue nowMs(): what recurs is then counted from the clock's own origin
   */
  epochMs?(): number
  /**
   * CPU time that this process has used so far, in ms: an event loop that was late while it used none did not compute.
   *
   * @defaultValue not known
   */
  cpuMs?(): number | undefined
  /**
   * Calls `fire` once, `delayMs` from now.
   *
   * @param background true for housekeeping: such a timer never keeps the process alive. A timer on which a caller's
   *   promise depends must not be one, else Node leaves with the promise unsettled. @defaultValue false
   */
  startTimer(delayMs: number, fire: () => void, background?: boolean): Timer
}

/** Past this, in ms, Node's setTimeout fires at once. */
export const TIMER_DELAY_MS_MAX: number = 2 ** 31 - 1

/** The process's monotonic clock and its timers. */
export const systemClock: Clock = {
  nowMs: () => performance.now(),
  epochMs: () => Date.now(),
  cpuMs() {
    const { user, system } = process.cpuUsage()
    return (user + system) / 1_000
  },
  startTimer(delayMs, fire, background = false) {
    assert(delayMs <= TIMER_DELAY_MS_MAX, () => `timer of ${delayMs} ms`)
    const handle = setTimeout(fire, delayMs)
    if (background) handle.unref()
    return { cancel: () => clearTimeout(handle) }
  },
}

/** The time of day, in ms since 1970: to tell people. It jumps, so that no difference of two of these is a duration. */
export function wallClockMs(): number {
  return Date.now()
}
