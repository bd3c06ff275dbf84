import type { Sample } from '../measure/sample.ts'
import { type ForecastState, NO_FORECAST, nextForecast } from '../measure/season.ts'
import { burnRate } from './burn.ts'
import { type Outlook, outlookOfSeason, outlookOfTrend } from './forecast.ts'
import { fullLevel } from './full.ts'
import type { Signals } from './signals.ts'
import { dispersionOf, isByChance, type Trend } from './trend.ts'

/** What recurs, and what it is learned from. Plain data. */
export interface Habits {
  /** Leases that callers want: smoothed over seconds, so that the chance of one moment is nobody's habit. */
  readonly wanted: number
  readonly season: ForecastState
}

export const NO_HABITS: Habits = { wanted: 0, season: NO_FORECAST }

const WANTED_TAU_MS = 5_000

/**
 * Learns from one window what callers wanted, and not what a full pool gave them: arrivals × the usual lease time, but
 * no more than were out or waiting, since leases of minutes have not all begun in this second.
 */
export function stepHabits(habits: Habits, sample: Sample, { drift, leaseNorm }: Signals): Habits {
  const { windowMs, arrivals, offeredMean, epochMs } = sample
  const seen = Math.min(offeredMean, (arrivals / windowMs) * leaseNorm.value)
  const wanted = habits.wanted + (1 - Math.exp(-windowMs / WANTED_TAU_MS)) * (seen - habits.wanted)
  if (drift.seenMs < drift.slopeTauMs) return { ...habits, wanted } // of a pool that fills up nothing is to be learned
  const inUseMean = habits.season === NO_FORECAST ? drift.level : wanted
  return { wanted, season: nextForecast(habits.season, { windowMs, epochMs, inUseMean }) }
}

/** By what the future is judged. */
export interface AheadRule {
  readonly ceiling: number
  readonly forecastHorizonMs: number
  readonly forecastConfidenceMin: number
  readonly waitSloMs: number
}

/** A steep slope is told from bursts by certainty, over less than the horizon; a slow one by lasting. */
const STEEP_CONFIDENCE_MIN = 0.98
/** So near to the full level, chance alone fills the pool within a minute or so. */
const NEARLY_FULL = 0.9
const CROWDED = 0.75

/** Where demand is heading, and what has come at this time before. */
export function outlooksAhead(
  signals: Signals,
  { season }: Habits,
  epochMs: number,
  rule: AheadRule,
): { readonly trend: Outlook | undefined; readonly season: Outlook | undefined } {
  const { forecastHorizonMs: horizonMs, forecastConfidenceMin: confidenceMin } = rule
  const full = fullOf(signals, rule.ceiling, rule.waitSloMs)
  const isFelt = isWaitFelt(signals)
  // A level at which nobody waits is not full, or a tenth of them would: what fills the pool is then all that there is.
  const fullAbove = ({ level }: Trend) => (level >= full && !isFelt ? rule.ceiling : full)
  const steep = {
    full: fullAbove(signals.trend),
    horizonMs: 0.75 * horizonMs,
    confidenceMin: Math.max(STEEP_CONFIDENCE_MIN, confidenceMin),
  }
  const fullInTime = fullAbove(signals.drift)
  const nearlyFull = (isFelt || isByChance(signals.drift) ? NEARLY_FULL : 1) * fullInTime
  const slow = { full: fullInTime, nearlyFull, horizonMs: 2 * horizonMs, confidenceMin }
  return {
    trend: outlookOfTrend(signals.trend, steep) ?? outlookOfTrend(signals.drift, slow),
    season: outlookOfSeason(season, epochMs, { full, horizonMs: 2 * horizonMs, confidenceMin }),
  }
}

/** Demand is still so high that what has been foretold is not over. */
export function isCrowded(signals: Signals, ceiling: number, waitSloMs: number): boolean {
  const isBusy = signals.drift.level >= CROWDED * fullOf(signals, ceiling, waitSloMs)
  return isBusy && (isWaitFelt(signals) || isByChance(signals.drift))
}

function isWaitFelt({ queue, burn }: Signals): boolean {
  return queue.waiters > 0 || burnRate(burn.slow) >= 1
}

function fullOf({ drift, leaseNorm }: Signals, ceiling: number, waitSloMs: number): number {
  const leaseMs = leaseNorm.value
  return fullLevel({ ceiling, leaseMs, waitSloMs, dispersion: dispersionOf(drift, leaseMs) })
}
