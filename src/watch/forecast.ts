import type { Sample } from '../measure/sample.ts'
import { type ForecastState, reachedInMs } from '../measure/season.ts'
import { normalCdf } from './normal.ts'
import { project, type Trend } from './trend.ts'
import type { Forecast } from './warning.ts'

/** A forecast, and what it was read from. */
export interface Outlook extends Forecast {
  /**
   * `trend`: demand heads for the ceiling. `queue`: it is there, and the queue outgrows what is served. `season`: it
   * was there at this time of the hour, day or week before.
   */
  readonly basis: 'trend' | 'queue' | 'season'
  /** When the first caller misses its deadline, from now, in ms; Infinity: not at the present rate. */
  readonly failsInMs: number
  /** What a trend was read from. */
  readonly trend?: Trend
}

/** Below this share of the full level there is time to see a slope last. */
const TREND_LEVEL_MIN = 0.5
const FILL_MS = 30_000
/** No forecast is certain: a surge may end by itself. */
const CONFIDENCE_MAX = 0.99

/** How a trend or a season is judged. */
export interface TrendRule {
  /** Leases wanted, in the mean, at which callers begin to wait for too long. */
  readonly full: number
  /** From here on it is a matter of chance. @defaultValue full */
  readonly nearlyFull?: number
  readonly horizonMs: number
  readonly confidenceMin: number
}

/**
 * When the leases out will have grown to what makes callers wait, if that is likely within the horizon.
 *
 * The confidence is the probability that their mean would exceed that level at the end of the horizon, given noise and
 * the uncertainty of the slope. A high level alone is no forecast, and neither is a slope that noise explains.
 */
export function outlookOfTrend(trend: Trend, rule: TrendRule): Outlook | undefined {
  const { full, nearlyFull = full, horizonMs, confidenceMin } = rule
  const { level, slopePerMs } = trend
  if (trend.seenMs < Math.min(trend.slopeTauMs, FILL_MS)) return undefined // a pool that fills up is no trend
  if (level < TREND_LEVEL_MIN * full || (level < nearlyFull && slopePerMs <= 0)) return undefined
  if (level + slopePerMs * horizonMs < nearlyFull) return undefined
  const { mean, deviation } = project(trend, horizonMs)
  const z = deviation > 0 ? (mean - nearlyFull) / deviation : Number.POSITIVE_INFINITY
  const confidence = Math.min(CONFIDENCE_MAX, normalCdf(z))
  if (confidence < confidenceMin) return undefined
  const exhaustedInMs =
    level >= full ? 0 : slopePerMs > 0 ? Math.min(horizonMs, (full - level) / slopePerMs) : horizonMs
  return { basis: 'trend', exhaustedInMs, confidence, failsInMs: Number.POSITIVE_INFINITY, trend }
}

/** Nothing is certain to come again. */
const SEASON_CONFIDENCE = 0.8

/** What has come at this time before, and filled the pool. */
export function outlookOfSeason(season: ForecastState, epochMs: number, rule: TrendRule): Outlook | undefined {
  const exhaustedInMs = reachedInMs(season, epochMs, rule.full, rule.horizonMs)
  if (exhaustedInMs === Number.POSITIVE_INFINITY || SEASON_CONFIDENCE < rule.confidenceMin) return undefined
  return { basis: 'season', exhaustedInMs, confidence: SEASON_CONFIDENCE, failsInMs: Number.POSITIVE_INFINITY }
}

/** The queue as it was when the last window ended. Plain data. */
export interface QueueSeen {
  readonly waitingSinceMs: number | undefined
  readonly waiters: number
  /** Who waits, and who has been shed or timed out since it last was empty: what arrivals have exceeded services by. */
  readonly excess: number
}

export const EMPTY_QUEUE: QueueSeen = { waitingSinceMs: undefined, waiters: 0, excess: 0 }

export function stepQueue(before: QueueSeen, sample: Sample, waitingSinceMs: number | undefined): QueueSeen {
  if (waitingSinceMs === undefined) return EMPTY_QUEUE
  const { waiters, shed, timedOut } = sample
  const lost = waitingSinceMs === before.waitingSinceMs ? before.excess - before.waiters : 0
  return { waitingSinceMs, waiters, excess: waiters + lost + shed + timedOut }
}

/** What a queue is judged by. */
export interface QueueInput {
  readonly sample: Sample
  /** How the queue is, and was one window ago. */
  readonly queue: QueueSeen
  readonly before: QueueSeen
  /** What the limit will be allowed to be next. */
  readonly limitNext: number
  readonly ceiling: number
  /** Leases that end, per ms, at the present number out. */
  readonly servedPerMs: number
  /** For how long none has ended, in ms. */
  readonly silentMs: number
  readonly exhaustedAfterMs: number
  /** Longest that a caller waits, in ms. */
  readonly deadlineMs: number
  readonly confidenceMin: number
  /** No resource can be created at present. */
  readonly isCreationFailing: boolean
  /** Far more arrivals than usual: then a queue is less likely to be chance. */
  readonly isSurge: boolean
}

/** Arrivals exceed what is served by this many deviations of chance, before a queue is more than bad luck. */
const GROWTH_DEVIATIONS_MIN = 3
/** In a surge, after so long, in ms, so many are enough. */
const GROWTH_DEVIATIONS_SURGE = 2
const SURGE_MS = 500
/** The same within one window, which adds to what the whole queue says. */
const GROWTH_IN_WINDOW_DEVIATIONS_MIN = 2
/** Less work in line than this share of the patience is gone before anybody has noticed. */
const BACKLOG_SHARE_MIN = 0.1

/**
 * When callers who already wait, with everything in use and no growth to come, will have waited without a break for
 * `exhaustedAfterMs`. This is what a step looks like: no trend foretells it, but the first windows of the queue do.
 *
 * Since the queue was empty when they began to wait, its length is what arrivals have exceeded services by; compared
 * with the chance in both (Poisson: variance = count), it tells a surge from bad luck. To tell it from a burst that is
 * over already, either the queue must still be growing, or what stands in line must keep it from emptying in time.
 */
export function outlookOfQueue(input: QueueInput): Outlook | undefined {
  const { sample, queue, servedPerMs } = input
  const { waitingSinceMs, waiters, excess } = queue
  if (waitingSinceMs === undefined || !isStuck(input)) return undefined
  const forMs = sample.atMs - waitingSinceMs
  const patienceMs = Math.min(input.exhaustedAfterMs, input.deadlineMs)
  if (patienceMs === Number.POSITIVE_INFINITY) return undefined
  // What is out has been at work for as long as none has ended.
  const backlogMs = waiters / servedPerMs - input.silentMs
  const deviations = excess / Math.sqrt(excess + 2 * servedPerMs * forMs)
  if (deviations < deviationsMin(input.isSurge, forMs) || backlogMs < BACKLOG_SHARE_MIN * patienceMs) return undefined
  const growthPerMs = growthOf(input)
  const isCertain = forMs + backlogMs >= patienceMs
  const mayGrow = input.limitNext < input.ceiling && !input.isCreationFailing
  if (!isCertain && (growthPerMs === undefined || mayGrow)) return undefined
  const confidence = Math.min(CONFIDENCE_MAX, normalCdf(deviations))
  if (confidence < input.confidenceMin) return undefined
  return {
    basis: 'queue',
    exhaustedInMs: Math.max(0, patienceMs - forMs),
    confidence,
    failsInMs: firstFailureInMs(input, forMs, growthPerMs ?? 0),
  }
}

/** Arrivals far beyond the usual explain a queue better than chance does, the better the longer they last. */
function deviationsMin(isSurge: boolean, forMs: number): number {
  return isSurge ? Math.max(GROWTH_DEVIATIONS_SURGE, GROWTH_DEVIATIONS_MIN - forMs / SURGE_MS) : GROWTH_DEVIATIONS_MIN
}

/** All that there is is out, and there will not be more soon. */
function isStuck({ sample, limitNext, isCreationFailing }: QueueInput): boolean {
  if (isCreationFailing) return sample.idle === 0
  return sample.live - sample.creating - sample.idle >= sample.limit && limitNext <= sample.limit
}

/** By how much the queue grew in this window, per ms, if it was there before and grew by more than chance. */
function growthOf({ sample, queue, before }: QueueInput): number | undefined {
  if (before.waitingSinceMs !== queue.waitingSinceMs) return undefined
  const growth = queue.excess - before.excess
  const chance = Math.sqrt(sample.arrivals + sample.completions)
  return growth > 0 && growth >= GROWTH_IN_WINDOW_DEVIATIONS_MIN * chance ? growth / sample.windowMs : undefined
}

/** First come, first served; another order, or shedding, makes it sooner for some. */
function firstFailureInMs(input: QueueInput, forMs: number, growthPerMs: number): number {
  const { deadlineMs, servedPerMs, sample } = input
  const lengthMax = deadlineMs * servedPerMs // who joins a longer queue is not served in time
  if (sample.waiters > lengthMax) return Math.max(0, deadlineMs - forMs * (1 - lengthMax / sample.waiters))
  if (growthPerMs === 0) return Number.POSITIVE_INFINITY
  return (lengthMax - sample.waiters) / growthPerMs + deadlineMs
}
