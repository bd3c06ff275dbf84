import { smoothed } from '../measure/average.ts'
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
  /** How late the event loop was in the latest window, in ms: it may hand over what came meanwhile in the next one. */
  readonly lateMs: number
  /** By how much counts vary, as a multiple of Poisson's variance, >= 1: 13 where requests come by seven. */
  readonly dispersion: number
}

export const NO_ARRIVALS: ArrivalRate = { arrivals: 0, ms: 0, lateMs: 0, dispersion: 1 }

/** Beyond this, in ms, older arrivals fade: slow drifts are followed, and a Poisson rate of 100/s is known to 7 %. */
const RATE_MEMORY_MS = 2_000
/**
 * What arrives within less than this, in ms, says nothing about the time after it: an event loop that was busy for
 * 10 ms delivers the arrivals of 10 ms in one.
 */
const CLUMP_MS = 25
/** Waiters this old, in ms, are more than one clump. The control loop looks when they are 10 ms old at the earliest. */
const QUEUE_MS = 4
/** A count this many standard deviations off is a change; noise of Poisson's is that far off once in 16 000 windows. */
const CHANGE_SIGMAS = 4
/** Within so long, in ms, it is learnt that traffic comes in bursts: each of the first looks like a surge. */
const DISPERSION_TAU_MS = 5_000
/** A longer window, in ms, is a pool that rested: one count that was 0, and not many. */
const VARIED_MS_MAX = 500
/** What a process this late, in ms, hands over in a heap is its own doing. */
const HEAPED_MS = 10

/** The rate after one more window. A surge shows in the queue first: who waits has arrived since the oldest has. */
export function nextArrivalRate(rate: ArrivalRate, sample: Sample): ArrivalRate {
  const { closedLateMs: lateMs = sample.loopDelayMs } = sample
  const heldBackMs = Math.max(lateMs, rate.lateMs)
  const queuedMs = sample.oldestWaitMs + heldBackMs
  const ms = Math.max(CLUMP_MS, sample.windowMs + heldBackMs)
  const sigmas = surprise(rate, sample.arrivals, ms)
  const change = CHANGE_SIGMAS * Math.sqrt(rate.dispersion)
  // A change is no measure of how much traffic varies by itself, and counts as the largest variation that is none.
  const varied = Math.min(Math.abs(sigmas), change) ** 2
  const tauMs = rate.ms > 0 && heldBackMs < HEAPED_MS ? DISPERSION_TAU_MS : Number.POSITIVE_INFINITY
  const dispersion = Math.max(1, smoothed(rate.dispersion, varied, Math.min(ms, VARIED_MS_MAX), tauMs))
  if (sample.oldestWaitMs >= QUEUE_MS && surprise(rate, sample.waiters, queuedMs) > change) {
    return { lateMs, dispersion, arrivals: sample.waiters, ms: queuedMs }
  }
  const before = Math.abs(sigmas) > change ? NO_ARRIVALS : rate
  const fade = Math.min(1, RATE_MEMORY_MS / (before.ms + ms))
  return { lateMs, dispersion, arrivals: (before.arrivals + sample.arrivals) * fade, ms: (before.ms + ms) * fade }
}

/** Arrivals per ms, one standard deviation on the low side: a few arrivals in a row are no surge yet. */
export function arrivalsPerMs({ arrivals, ms }: ArrivalRate): number {
  return Math.max(0, arrivals - Math.sqrt(arrivals)) / (ms || 1)
}

/** By how many standard deviations of Poisson's a count exceeds what the rate led to expect. */
function surprise(rate: ArrivalRate, arrivals: number, ms: number): number {
  const expected = (rate.arrivals / (rate.ms || 1)) * ms
  return (arrivals - expected) / Math.sqrt(expected + 1)
}

/** How long leases take now, and how long they take when the backend is not loaded, in ms. */
export interface LeaseTimes {
  /** Of the last few dozen leases, or all of a cold start; 0 before the first has ended. */
  readonly recentMs: number
  /** Leases seen, as far as that matters: up to RECENT_LEASES, and fewer than that only at a cold start. */
  readonly seen: number
  /** Of a cold start: the limit that it began with, and the time that its leases have taken so far. */
  readonly coldLimit: number
  readonly coldMs: number
  /** The shortest of the means of the last minute or so; before there is one, the least that `recentMs` has been. */
  readonly shortest: Extreme
  readonly leastMs: number
  /** The mean under way. */
  readonly count: number
  readonly sumMs: number
  readonly ms: number
}

export const NO_LEASES: LeaseTimes = {
  recentMs: 0,
  seen: 0,
  coldLimit: 0,
  coldMs: 0,
  shortest: NO_EXTREME,
  leastMs: 0,
  count: 0,
  sumMs: 0,
  ms: 0,
}

/** Half of what `recentMs` says comes from this many leases: enough to average out single queries. */
const RECENT_LEASES = 20
/** Fewer leases than this, ended beside creates or at a start under load, do not even tell the order of magnitude. */
export const LEASES_MIN = 4
/** So many tell it to a third, which is as much as can be waited for before more are lent. */
const COLD_LEASES_MIN = 10
/** A mean over fewer leases, or over a shorter time in ms, can be short by chance, and the minimum keeps chance. */
const MEAN_LEASES_MIN = 20
const MEAN_MS_MIN = 2_000

/**
 * Too few leases have ended to know how long one takes. From ten on, that must do if more are lent than at first: the
 * next would tell how long leases take under the load that these have caused.
 */
export function isCold({ seen, coldLimit }: LeaseTimes, { limit }: Sample): boolean {
  return seen < (limit > coldLimit ? COLD_LEASES_MIN : RECENT_LEASES)
}

/**
 * @param isUnloaded only such windows tell how long leases take by themselves; under load they are longer for being
 *   many, and a limit derived from that confirms itself until it is at its maximum
 */
export function nextLeaseTimes(times: LeaseTimes, sample: Sample, isUnloaded: boolean, memoryMs: number): LeaseTimes {
  const next = isCold(times, sample) ? coldLeaseTimes(times, sample, isUnloaded) : warmLeaseTimes(times, sample)
  if (!isUnloaded) return next
  const count = times.count + sample.completions
  const sumMs = times.sumMs + sample.completions * sample.leaseMsMean
  const ms = times.ms + sample.windowMs
  if (count < MEAN_LEASES_MIN || ms < MEAN_MS_MIN) return { ...next, count, sumMs, ms }
  const shortest = rolledMin(times.shortest, sumMs / count, ms, memoryMs)
  return { ...next, shortest, count: 0, sumMs: 0, ms: 0 }
}

/**
 * Of those that begin at once, the short ones end first: what they took is no mean. The time of all, by how many have
 * ended, is, from the first one on. In calm that would count those which never end (a LISTEN) for all the rest.
 *
 * @source Epstein, Sobel 1953, "Life testing", Journal of the American Statistical Association 48(263): total time on
 *   test
 */
function coldLeaseTimes(times: LeaseTimes, sample: Sample, isUnloaded: boolean): LeaseTimes {
  const spentMs = isUnloaded ? sample.completions * sample.leaseMsMean : sample.inUseMean * sample.windowMs
  const coldMs = times.coldMs + spentMs
  const ended = times.seen + sample.completions
  const leaseMs = ended < 1 ? 0 : coldMs / ended
  const coldLimit = times.coldLimit || sample.limit
  return { ...times, coldLimit, coldMs, seen: Math.min(RECENT_LEASES, ended), recentMs: leaseMs, leastMs: leaseMs }
}

function warmLeaseTimes(times: LeaseTimes, { completions, leaseMsMean }: Sample): LeaseTimes {
  const weight = completions / (completions + RECENT_LEASES)
  const recentMs = times.recentMs + weight * (leaseMsMean - times.recentMs)
  return { ...times, seen: RECENT_LEASES, recentMs, leastMs: Math.min(times.leastMs, recentMs) }
}

/** Leases that take this much longer than unloaded ones speak of a loaded backend, not of chance. */
export const LOADED_RATIO = 1.3

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
