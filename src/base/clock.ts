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
   * Calls `fire` once, `delayMs` from now.
   *
   * @param background true for housekeeping: such a timer never keeps the process alive. A timer on which a caller's
   *   promise depends must not be one, else Node leaves with the promise unsettled. @defaultValue false
   */
  startTimer(delayMs: number, fire: () => void, background?: boolean): Timer
}

/** Past this, in ms, Node's setTimeout fires at once. */
export const TIMER_DELAY_MS_MAX: number = 2 ** 31 - 1

/** Readings closer together than this, in ms, make a burst. */
const BURST_MS = 0.01
/** After so many of them in a row, the next ones share. Few pools ever see that many events in one turn. */
const BURST_READINGS = 16
/** How many share one reading: beyond, there is little left to save. */
const SHARED_READINGS = 8

/**
 * A clock that is cheap in a burst. Reading the process's takes 50 ns, as much as all the rest of an acquire; so once
 * readings have come within 10 µs of each other sixteen times in a row, eight share one. Never beyond the turn of the
 * event loop: whatever comes after I/O or a timer meets a fresh one. (Node's own timers are coarser: they count from
 * the time at which their turn began.)
 *
 * @param readMs the true time
 */
export function burstClock(readMs: () => number): () => number {
  let nowMs = Number.NEGATIVE_INFINITY
  let readings = 0
  let shares = 0
  let isTurnAwaited = false
  const endTurn = (): void => {
    isTurnAwaited = false
    readings = 0
    shares = 0
  }
  return () => {
    if (shares > 0) {
      shares -= 1
      return nowMs
    }
    const beforeMs = nowMs
    nowMs = readMs()
    readings = nowMs - beforeMs < BURST_MS ? readings + 1 : 0
    if (readings < BURST_READINGS) return nowMs
    shares = SHARED_READINGS - 1
    if (!isTurnAwaited) setImmediate(endTurn)
    isTurnAwaited = true
    return nowMs
  }
}

/** The process's monotonic clock and its timers. */
export const systemClock: Clock = {
  nowMs: burstClock(() => performance.now()),
  epochMs: () => Date.now(),
  startTimer(delayMs, fire, background = false) {
    assert(delayMs <= TIMER_DELAY_MS_MAX, () => `timer of ${delayMs} ms`)
    const handle = setTimeout(fire, delayMs)
    if (background) handle.unref()
    return { cancel: () => clearTimeout(handle) }
  },
}

/** The time of day at 0 of {@link systemClock}, in ms since 1970, as it was when the process began. */
export const clockOriginMs: number = performance.timeOrigin

/** The time of day, in ms since 1970: to tell people. It jumps, so that no difference of two of these is a duration. */
export function wallClockMs(): number {
  return Date.now()
}
