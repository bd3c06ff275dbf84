import { clamp } from '../base/clamp.ts'
import type { Sample } from '../measure/sample.ts'
import type { LeaseTimes } from './demand.ts'

/** What was measured at one limit while it was fully used: one side of a comparison. */
export interface Arm {
  readonly limit: number
  /** How long yet until what is measured is the effect of this limit and not of the one before, in ms. */
  readonly settleMs: number
  readonly ms: number
  readonly completions: number
  readonly leaseMsSum: number
  /** The sum of their squares. */
  readonly leaseMsSquares: number
  /** Time integral of leases out, in lease-ms. */
  readonly inUseMs: number
}

/** Share of a window in which somebody must have waited for its completions to be all that was possible. */
const WAITING_RATIO = 0.5

/** @param settleMs one lease time: completions lag behind what is lent by that much */
export function newArm(limit: number, settleMs: number): Arm {
  return { limit, settleMs, ms: 0, completions: 0, leaseMsSum: 0, leaseMsSquares: 0, inUseMs: 0 }
}

/** What leases known from elsewhere lead to expect of a limit. They vary as those of Poisson's would. */
export function expectedArm({ seen, recentMs }: Pick<LeaseTimes, 'seen' | 'recentMs'>, limit: number): Arm {
  const leaseMsSum = seen * recentMs
  const leaseMsSquares = 2 * leaseMsSum * recentMs
  return {
    limit,
    settleMs: 0,
    ms: leaseMsSum / limit,
    completions: seen,
    leaseMsSum,
    leaseMsSquares,
    inUseMs: leaseMsSum,
  }
}

/** Share of the limit that must be out while somebody waits: less, and they do not wait for leases but for creates. */
const OUT_RATIO = 0.8

/**
 * The arm after one more window. Those in which resources lay idle do not count, nor those in which some were being
 * created: a connect costs a database as much as sixty small queries, so that completions beside it say nothing. Nor
 * do those in which they could not be had: after a fail-over, more would seem to serve more for having been opened.
 */
export function measured(arm: Arm, sample: Sample): Arm {
  if (sample.waitingMs < WAITING_RATIO * sample.windowMs || sample.creating > 0) return arm
  if (sample.inUseMean * sample.windowMs < OUT_RATIO * sample.limit * sample.waitingMs) return arm
  if (arm.settleMs > 0) return { ...arm, settleMs: arm.settleMs - sample.windowMs }
  const { completions, leaseMsMean, leaseMsVariation } = sample
  return {
    ...arm,
    ms: arm.ms + sample.windowMs,
    completions: arm.completions + completions,
    leaseMsSum: arm.leaseMsSum + completions * leaseMsMean,
    leaseMsSquares: arm.leaseMsSquares + completions * leaseMsMean ** 2 * (1 + leaseMsVariation ** 2),
    inUseMs: arm.inUseMs + sample.inUseMean * sample.windowMs,
  }
}

/** The arm as far as it is not older than `memoryMs`, about: what was measured earlier fades. */
export function recent(arm: Arm, memoryMs: number): Arm {
  if (arm.ms <= memoryMs) return arm
  const fade = memoryMs / arm.ms
  return {
    ...arm,
    ms: memoryMs,
    completions: arm.completions * fade,
    leaseMsSum: arm.leaseMsSum * fade,
    leaseMsSquares: arm.leaseMsSquares * fade,
    inUseMs: arm.inUseMs * fade,
  }
}

export function completionsPerMs(arm: Arm): number {
  return arm.ms > 0 ? arm.completions / arm.ms : 0
}

/** How long leases took, in ms; NaN where none ended. */
export function leaseMsMean(arm: Arm): number {
  return arm.leaseMsSum / arm.completions
}

/** Below this ratio of leases out, two arms are the same. */
const GROWTH_MIN = 1.01

/**
 * Does the larger limit earn its keep? By how many standard deviations its completions exceed what an elasticity of
 * `elasticityMin` would give: 1 is completions growing like leases out, when the pool is the only bottleneck; 0 is
 * completions that stay, when it is none.
 */
export function compare(smaller: Arm, larger: Arm, elasticityMin: number): number {
  // Half a completion more keeps an arm without any finite.
  const countSmaller = smaller.completions + 0.5
  const countLarger = larger.completions + 0.5
  const gain = Math.log(countLarger / larger.ms / (countSmaller / smaller.ms))
  const growth = Math.log(Math.max(GROWTH_MIN, larger.inUseMs / larger.ms / (smaller.inUseMs / smaller.ms)))
  const variance = dispersionOf(smaller) / countSmaller + dispersionOf(larger) / countLarger
  return (gain - elasticityMin * growth) / Math.sqrt(variance)
}

/** A backend that serves so many times less is another. */
const CHANGED_RATIO = 1.25
/** It is asked all the time: what is off by chance is to be taken for a change once in many hours. */
const CHANGED_SIGMAS = 4

/** Does the backend serve less at the same limit than it did before? */
export function servesLess(before: Arm, now: Arm): boolean {
  // Leases that are alike all end at once: just before, or just after a count.
  const leastBefore = (before.completions - before.limit) / before.ms
  const mostNow = (now.completions + now.limit) / now.ms
  return compare(before, now, 0) < -CHANGED_SIGMAS && leastBefore > CHANGED_RATIO * mostNow
}

/** From so many completions on it is known how much leases vary. */
const VARIED_MIN = 5
/** Leases that are all alike end together, in heaps: their counts vary all the same. */
const DISPERSION_MIN = 0.1

/**
 * The variance of the count of completions, as a multiple of Poisson's. Beyond that it is not believed: of a mix of
 * long and short leases, nothing would ever be decided.
 *
 * @source Cox 1962, "Renewal theory": the variance of a count tends to its mean times the squared coefficient of
 *   variation of what is counted
 */
function dispersionOf({ completions, leaseMsSum, leaseMsSquares }: Arm): number {
  if (completions < VARIED_MIN || leaseMsSum === 0) return 1
  return clamp((leaseMsSquares * completions) / leaseMsSum ** 2 - 1, DISPERSION_MIN, 1)
}
