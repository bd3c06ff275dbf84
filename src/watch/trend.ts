import { clamp } from '../base/clamp.ts'
import type { Sample } from '../measure/sample.ts'

/**
 * Where the number of leases out stands and where it is heading: Holt's linear trend for windows of any length, with
 * the noise that it is read through. O(1), plain data.
 *
 * Leases out are what callers want, as long as there is room for all of them: arrivals × lease time. Waiters are left
 * out: near the ceiling, chance alone makes queues that are longer than the pool is large, and would drown any slope.
 */
export interface Trend {
  /** What it rests on: spans, and their time in ms. */
  readonly spans: number
  readonly seenMs: number
  /** Leases out; a mean. */
  readonly level: number
  /** Its change, per ms. */
  readonly slopePerMs: number
  /** Intensity of the noise around it, as measured: variance × ms, so that long and short windows weigh alike. */
  readonly noise: number
  /** How long leases take, and lately took, in ms: by that, what chance alone would make of them. */
  readonly leaseMs: number
  /** Time constants of level and slope in force, in ms. */
  readonly levelTauMs: number
  readonly slopeTauMs: number
  /** Windows that are not taken in yet. */
  readonly open: Span
}

/** Time integrals of a span: × ms. */
interface Span {
  readonly forMs: number
  readonly inUseMs: number
}

/** Where demand will be, with the uncertainty of saying so. */
export interface Projection {
  readonly mean: number
  readonly deviation: number
}

/**
 * Windows are taken in by so many ms at least. Under pressure they are closed early, hence when demand is high: each by
 * itself, a short one would look like a step, and only upwards.
 */
const SPAN_MS_MIN = 500
/** Twice the longest window of a quiet pool, and a breath longer than a burst. */
const LEVEL_TAU_MS_MIN = 2_000
const LEVEL_TAU_MS_MAX = 30_000
/** Leases of a window overlap the next: what is shorter than a few of them is not a level. */
const LEVEL_TAU_LEASES = 4
/** A slope is worth five levels: at that ratio an even ramp is followed without swinging. */
const SLOPE_TAU_RATIO = 5
const NOISE_TAU_MS = 30_000
/** An error beyond this many deviations is a step, not a slope: one jumps there and starts again. */
const STEP_DEVIATIONS = 5

const EMPTY_SPAN: Span = { forMs: 0, inUseMs: 0 }

export const INITIAL_TREND: Trend = {
  spans: 0,
  seenMs: 0,
  level: 0,
  slopePerMs: 0,
  noise: 0,
  leaseMs: 0,
  levelTauMs: LEVEL_TAU_MS_MIN,
  slopeTauMs: LEVEL_TAU_MS_MIN * SLOPE_TAU_RATIO,
  open: EMPTY_SPAN,
}

/**
 * Follows one window.
 *
 * @param leaseMs usual time of a lease, in ms; 0 if unknown
 */
export function stepTrend(trend: Trend, sample: Sample, leaseMs: number, tauMsMin = LEVEL_TAU_MS_MIN): Trend {
  const { windowMs, inUseMean } = sample
  const open = { forMs: trend.open.forMs + windowMs, inUseMs: trend.open.inUseMs + inUseMean * windowMs }
  return open.forMs < SPAN_MS_MIN ? { ...trend, open } : takeIn({ ...trend, open: EMPTY_SPAN }, open, leaseMs, tauMsMin)
}

/**
 * A step (a deploy, a cron job) would leave a steep slope behind that has nothing to go on; it moves the level and
 * leaves the slope alone. A ramp moves little from span to span and never looks like one.
 *
 * @source Holt 1957 (reprinted in Int. J. Forecasting 20, 2004), with gains 1 - exp(-span / tau) for uneven spans
 */
function takeIn(trend: Trend, { forMs, inUseMs }: Span, usualMs: number, tauMsMin: number): Trend {
  const inUse = inUseMs / forMs
  const leaseMs = Math.max(usualMs, trend.leaseMs * Math.exp(-forMs / NOISE_TAU_MS))
  const levelTauMs = clamp(LEVEL_TAU_LEASES * usualMs, tauMsMin, LEVEL_TAU_MS_MAX)
  const slopeTauMs = levelTauMs * SLOPE_TAU_RATIO
  // The first leases that end are the short ones. As they turn out longer, a slope learned in haste counts for less.
  const slopeKept = trend.slopePerMs * Math.min(1, (trend.slopeTauMs / slopeTauMs) ** 1.5)
  const next = { ...trend, spans: trend.spans + 1, seenMs: trend.seenMs + forMs, leaseMs, levelTauMs, slopeTauMs }
  if (trend.spans === 0) return { ...next, level: inUse }

  const foreseen = trend.level + slopeKept * forMs
  const error = inUse - foreseen
  const errorMax = STEP_DEVIATIONS * Math.sqrt(noiseOf({ ...trend, leaseMs }) / forMs + levelVariance(trend))
  const heard = Math.min(Math.abs(error), errorMax)
  const weight = Math.min(1, Math.max(forMs / NOISE_TAU_MS, 1 / next.spans))
  const noise = trend.noise + weight * (heard * heard * forMs - trend.noise)
  if (Math.abs(error) > errorMax) return { ...next, noise, level: inUse, slopePerMs: slopeKept }

  // At first the level is the mean of all that has been seen, without a slope: a pool fills up when it begins, and to
  // get over a first span that chance had made low would take the level minutes, and look like a rise.
  const gain = Math.max(1 - Math.exp(-forMs / levelTauMs), forMs / next.seenMs)
  const slopeGain = next.seenMs < levelTauMs ? 0 : 1 - Math.exp(-forMs / slopeTauMs)
  const slopePerMs = slopeKept + (slopeGain * gain * error) / forMs
  return { ...next, noise, level: foreseen + gain * error, slopePerMs }
}

/**
 * Where the level will be in `aheadMs`, if the slope lasts.
 *
 * Its variance is exact for white noise: level and slope are a linear filter with a = 1/levelTau, b = a/slopeTau, whose
 * stationary covariance solves the Lyapunov equation AP + PA' + noise·BB' = 0:
 * var level = noise (a² + b) / 2a, cov = noise b / 2, var slope = noise b² / 2a.
 */
export function project(trend: Trend, aheadMs: number): Projection {
  const { a, b } = rates(trend)
  const noise = noiseOf(trend)
  const variance = levelVariance(trend) + noise * b * aheadMs + (noise * b * b * aheadMs * aheadMs) / (2 * a)
  return { mean: trend.level + trend.slopePerMs * aheadMs, deviation: Math.sqrt(variance) }
}

/** Variance over mean of the leases that callers want; 1: as by chance alone. */
export function dispersionOf({ noise, level }: Trend, leaseMs: number): number {
  return Math.max(1, noise / (2 * Math.max(level, 1) * Math.max(leaseMs, 1e-3)))
}

/** The least share of the noise of callers by chance: those who come as soon as they are served make less. */
const CHANCE_SHARE_MIN = 0.25

/** Callers come by chance, not because one of a fixed number has been served, as in a batch. */
export function isByChance({ noise, level, leaseMs }: Trend): boolean {
  return leaseMs > 0 && noise >= CHANCE_SHARE_MIN * 2 * level * leaseMs
}

function levelVariance(trend: Trend): number {
  const { a, b } = rates(trend)
  return (noiseOf(trend) * (a * a + b)) / (2 * a)
}

/** That of independent callers is the floor: of variance = mean, remembered for a lease's time. */
function noiseOf({ noise, level, leaseMs }: Trend): number {
  return Math.max(noise, 2 * Math.max(level, 1) * leaseMs)
}

function rates({ levelTauMs, slopeTauMs }: Trend): { a: number; b: number } {
  return { a: 1 / levelTauMs, b: 1 / (levelTauMs * slopeTauMs) }
}
