import { type Extreme, NO_EXTREME, rolledMin, smallestOf } from '../measure/extreme.ts'
import type { Sample } from '../measure/sample.ts'

/**
 * How many acquires begin per ms. The estimate sharpens for as long as demand stays the same, and starts afresh with
 * the window in which it changed, so that neither noise nor the past of a surge is taken for demand.
 */
export interface ArrivalRate {
  readonly arrivals: number
  /** The time in which they came, in ms. */
  readonly ms: number
}

export const NO_ARRIVALS: ArrivalRate = { arrivals: 0, ms: 0 }

/** Beyond this, in ms, older arrivals fade: slow drifts are followed, and a Poisson rate of 100/s is known to 7 %. */
const RATE_MEMORY_MS = 2_000
/** Whatever arrives within less than this, in ms, is one batch, and says nothing about the time after it. */
const BATCH_MS = 10
/** A count this many standard deviations of a Poisson count off is a change: one window in 400 is mistaken for one. */
const CHANGE_SIGMAS = 3

/** The rate after one more window. A surge shows first in the part of the window in which callers waited. */
export function nextArrivalRate(rate: ArrivalRate, sample: Sample): ArrivalRate {
  const waiting = { arrivals: sample.arrivalsWhileWaiting, ms: Math.max(BATCH_MS, sample.waitingMs) }
  if (surprise(rate, waiting) > CHANGE_SIGMAS) return waiting
  const window = { arrivals: sample.arrivals, ms: Math.max(BATCH_MS, sample.windowMs) }
  if (Math.abs(surprise(rate, window)) > CHANGE_SIGMAS) return window
  const ms = rate.ms + window.ms
  const fade = Math.min(1, RATE_MEMORY_MS / ms)
  return { arrivals: (rate.arrivals + window.arrivals) * fade, ms: ms * fade }
}

/** Arrivals per ms, one standard deviation on the low side: a few arrivals in a row are no surge yet. */
export function arrivalsPerMs({ arrivals, ms }: ArrivalRate): number {
  return ms > 0 ? Math.max(0, arrivals - Math.sqrt(arrivals)) / ms : 0
}

/** By how many standard deviations a count exceeds what the rate led to expect. */
function surprise(rate: ArrivalRate, seen: ArrivalRate): number {
  const expected = rate.ms > 0 ? (rate.arrivals / rate.ms) * seen.ms : 0
  return (seen.arrivals - expected) / Math.sqrt(expected + 1)
}

/** How long leases take now, and how long they take when the backend is not loaded, in ms. */
export interface LeaseTimes {
  /** Of the last few dozen leases; 0 before the first has ended. */
  readonly recentMs: number
  /** The shortest of the means of the last minute or so; before there is one, the least that `recentMs` has been. */
  readonly shortest: Extreme
  readonly leastMs: number
  /** The mean under way. */
  readonly count: number
  readonly sumMs: number
  readonly ms: number
}

export const NO_LEASES: LeaseTimes = { recentMs: 0, shortest: NO_EXTREME, leastMs: 0, count: 0, sumMs: 0, ms: 0 }

/** Half of what `recentMs` says comes from this many leases: enough to average out single queries. */
const RECENT_LEASES = 20
/** A mean over fewer leases, or over a shorter time in ms, can be short by chance, and the minimum keeps chance. */
const MEAN_LEASES_MIN = 20
const MEAN_MS_MIN = 2_000

/**
 * @param isUnloaded only such windows tell how long leases take by themselves; under load they are longer for being
 *   many, and a limit derived from that confirms itself until it is at its maximum
 */
export function nextLeaseTimes(times: LeaseTimes, sample: Sample, isUnloaded: boolean, memoryMs: number): LeaseTimes {
  const { completions, leaseMsMean, windowMs } = sample
  const weight = times.recentMs > 0 ? completions / (completions + RECENT_LEASES) : Math.min(1, completions)
  const recentMs = times.recentMs + weight * (leaseMsMean - times.recentMs)
  const leastMs = times.leastMs > 0 ? Math.min(times.leastMs, recentMs) : recentMs
  if (!isUnloaded) return { ...times, recentMs, leastMs }
  const count = times.count + completions
  const sumMs = times.sumMs + completions * leaseMsMean
  const ms = times.ms + windowMs
  if (count < MEAN_LEASES_MIN || ms < MEAN_MS_MIN) return { ...times, recentMs, leastMs, count, sumMs, ms }
  const shortest = rolledMin(times.shortest, sumMs / count, ms, memoryMs)
  return { recentMs, shortest, leastMs, count: 0, sumMs: 0, ms: 0 }
}

/** How long a lease takes by itself, in ms; 0 before the first has ended. */
export function unloadedLeaseMs(times: LeaseTimes): number {
  return smallestOf(times.shortest) ?? times.leastMs
}

/**
 * How many resources serve a given mean of concurrent leases with hardly a wait: two standard deviations of headroom
 * leave one acquire in forty waiting. Leases of Poisson arrivals have their mean for variance.
 *
 * @source Halfin, Whitt 1981, "Heavy-traffic limits for queues with many exponential servers", Operations Research
 *   29(3): square-root staffing
 */
export function staffed(inUseMean: number, variance: number = inUseMean): number {
  return inUseMean + 2 * Math.sqrt(variance) + 1
}
