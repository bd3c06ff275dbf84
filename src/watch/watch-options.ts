import { isOptionsObject, readOptions, show } from '../base/options.ts'

/** When the watch speaks. Pass `false` in its place to switch it off. */
export interface WatchOptions {
  /**
   * Callers must have waited without a break for this long, at the limit or because creation fails, before `exhausted`
   * is emitted. In ms, >= 1; Infinity: never. @defaultValue 1000
   */
  readonly exhaustedAfterMs?: number
  /**
   * After `exhausted`, the queue must have been breaking for this long before `recovered` is emitted. In ms, >= 0.
   * @defaultValue 1000
   */
  readonly recoveredAfterMs?: number
  /** How far ahead the trend of demand is followed, in ms, 1..3_600_000. @defaultValue 30_000 */
  readonly forecastHorizonMs?: number
  /** Least confidence at which a forecast becomes a warning: a ratio in 0.5..1. @defaultValue 0.8 */
  readonly forecastConfidenceMin?: number
  /**
   * A wait for a lease should not take longer than this, in ms, > 0: one in a hundred may. `wait-slo-burn` tells when
   * far more do. @defaultValue 100
   */
  readonly waitSloMs?: number
  /**
   * A lease held for this long, in ms, > 0, without a query running as far as is known, is suspected to be leaked.
   * Infinity: none is. @defaultValue learned: 20 times what leases usually take, 10 s at least
   */
  readonly leaseAgeMs?: number
  /**
   * A lease held for this long, in ms, > 0, is taken back: its resource is destroyed, and its holder's next use of it
   * fails with a LeaseEndedError. Looked at once a window, hence up to `windowMs` later. Not less than a finite
   * leaseAgeMs. Infinity: none is. @defaultValue Infinity
   */
  readonly reclaimAfterMs?: number
  /**
   * Call sites of leases looked at, per second at most: for holders, leaks and `profile()`; half of it while less than
   * half of the limit is out, and an eighth if more than three times as many ask meanwhile. They are taken in rows of 4
   * to 32, some five to ten microseconds each. 0: none, and then only tags tell holders apart, and no self-deadlock is
   * seen. 0..100_000.
   * @defaultValue 300; 0 under a clock other than the process's, where a budget by time is none
   */
  readonly callSitesPerSecond?: number
}

export const WATCH_DEFAULTS: Required<Omit<WatchOptions, 'leaseAgeMs'>> = {
  exhaustedAfterMs: 1_000, // by chance alone a queue may stand for half a second at 80 % utilization
  recoveredAfterMs: 1_000, // as long as it took to open: two bursts a second apart are one episode
  forecastHorizonMs: 30_000, // time enough to act; a trend followed for longer cries wolf
  forecastConfidenceMin: 0.8, // of five forecasts four should come true
  waitSloMs: 100, // a request has a handful of queries and a second or so
  reclaimAfterMs: Number.POSITIVE_INFINITY, // to cut somebody's transaction is a decision for people
  callSitesPerSecond: 300, // nine rows of 32, each a fifth of a millisecond: less than half a percent of a core
}

/** Beyond an hour, no slope of a service's traffic lasts. */
const HORIZON_MS_MAX = 3_600_000

/** The watch's options, complete. */
export interface ResolvedWatchOptions extends Required<Omit<WatchOptions, 'leaseAgeMs'>> {
  /** Undefined: learned. */
  readonly leaseAgeMs: number | undefined
  /** False: the pool was given `watch: false`. */
  readonly isOn: boolean
}

/**
 * @param owner whose options these belong to
 * @param given WatchOptions, or `false`
 * @throws TypeError for an unknown key or a wrong type
 * @throws RangeError for a number out of range
 */
export function resolveWatchOptions(owner: string, given: unknown, isProcessClock = true): ResolvedWatchOptions {
  if (given !== false && !isOptionsObject(given)) {
    throw new TypeError(`${owner}: watch: expected an object of options, or false, got ${show(given)}`)
  }
  const defaults = isProcessClock ? WATCH_DEFAULTS : { ...WATCH_DEFAULTS, callSitesPerSecond: 0 }
  const read = readOptions<WatchOptions>(`${owner}: watch`, given === false ? {} : given, defaults, ['leaseAgeMs'])
  const leaseAgeMs = read.has('leaseAgeMs') ? read.durationMs('leaseAgeMs', { min: Number.MIN_VALUE }) : undefined
  const reclaimAfterMs = read.durationMs('reclaimAfterMs', { min: Number.MIN_VALUE })
  if (leaseAgeMs !== Number.POSITIVE_INFINITY && reclaimAfterMs < (leaseAgeMs ?? 0)) {
    read.contradiction('reclaimAfterMs', `must not be less than leaseAgeMs (${leaseAgeMs})`)
  }
  return {
    isOn: given !== false,
    exhaustedAfterMs: read.durationMs('exhaustedAfterMs', { min: 1 }),
    recoveredAfterMs: read.durationMs('recoveredAfterMs'),
    forecastHorizonMs: read.durationMs('forecastHorizonMs', { min: 1, max: HORIZON_MS_MAX }),
    forecastConfidenceMin: read.ratio('forecastConfidenceMin', { min: 0.5, max: 1 }),
    waitSloMs: read.durationMs('waitSloMs', { min: Number.MIN_VALUE }),
    leaseAgeMs,
    reclaimAfterMs,
    callSitesPerSecond: read.ratio('callSitesPerSecond', { max: 100_000 }),
  }
}
