import type { Sample } from '../measure/sample.ts'
import { normalCdf } from './normal.ts'
import { project, type Trend } from './trend.ts'
import type { Forecast } from './warning.ts'

/** A forecast, and what it was read from. */
export interface Outlook extends Forecast {
  /** `trend`: demand heads for the ceiling. `queue`: it is there, and the queue outgrows what is served. */
  readonly basis: 'trend' | 'queue'
  /** When the first caller misses its deadline, from now, in ms; Infinity: not at the present rate. */
  readonly failsInMs: number
}

/** Below this share of the ceiling there is time to see a slope last. */
const TREND_LEVEL_MIN = 0.5
/** No forecast is certain: a surge may end by itself. */
const CONFIDENCE_MAX = 0.99

/** How a trend is judged. */
export interface TrendRule {
  /** The highest limit that the pool can reach by itself. */
  readonly ceiling: number
  readonly horizonMs: number
  readonly confidenceMin: number
}

/**
 * When the leases out will have grown up to the ceiling, if that is likely within the horizon.
 *
 * The confidence is the probability that their mean would exceed the ceiling at the end of the horizon, given noise and
 * the uncertainty of the slope. A high level alone is no forecast, and neither is a slope that noise explains.
 */
export function outlookOfTrend(trend: Trend, rule: TrendRule): Outlook | undefined {
  const { ceiling, horizonMs, confidenceMin } = rule
  if (trend.seenMs < trend.slopeTauMs || trend.slopePerMs <= 0) return undefined // a pool that fills up is no trend
  if (trend.level < TREND_LEVEL_MIN * ceiling || trend.level >= ceiling) return undefined
  const exhaustedInMs = (ceiling - trend.level) / trend.slopePerMs
  if (exhaustedInMs > horizonMs) return undefined
  const { mean, deviation } = project(trend, horizonMs)
  const confidence = deviation > 0 ? Math.min(CONFIDENCE_MAX, normalCdf((mean - ceiling) / deviation)) : CONFIDENCE_MAX
  if (confidence < confidenceMin) return undefined
  return { basis: 'trend', exhaustedInMs, confidence, failsInMs: Number.POSITIVE_INFINITY }
}

/** The queue as it was when the last window ended. Plain data. */
export interface QueueSeen {
  readonly waitingSinceMs: number | undefined
  readonly waiters: number
}

export const EMPTY_QUEUE: QueueSeen = { waitingSinceMs: undefined, waiters: 0 }

/** What a queue is judged by. */
export interface QueueInput {
  readonly sample: Sample
  readonly waitingSinceMs: number | undefined
  /** How the queue was one window ago. */
  readonly before: QueueSeen
  /** What the limit will be allowed to be next. */
  readonly limitNext: number
  readonly ceiling: number
  /** Leases that end, per ms, at the present number out. */
  readonly servedPerMs: number
  readonly exhaustedAfterMs: number
  /** Longest that a caller waits, in ms. */
  readonly deadlineMs: number
  readonly confidenceMin: number
  /** No resource can be created at present. */
  readonly isCreationFailing: boolean
}

/** Arrivals exceed what is served by this many deviations of chance, before a queue is more than bad luck. */
const GROWTH_DEVIATIONS_MIN = 3
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
  const { sample, waitingSinceMs, servedPerMs } = input
  if (waitingSinceMs === undefined || !isStuck(input)) return undefined
  const { waiters } = sample
  const forMs = sample.atMs - waitingSinceMs
  const patienceMs = Math.min(input.exhaustedAfterMs, input.deadlineMs)
  if (patienceMs === Number.POSITIVE_INFINITY) return undefined
  const backlogMs = servedPerMs > 0 ? waiters / servedPerMs : Number.POSITIVE_INFINITY
  const deviations = waiters / Math.sqrt(waiters + 2 * servedPerMs * forMs)
  if (deviations < GROWTH_DEVIATIONS_MIN || backlogMs < BACKLOG_SHARE_MIN * patienceMs) return undefined
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

/** All that there is is out, and there will not be more soon. */
function isStuck({ sample, limitNext, isCreationFailing }: QueueInput): boolean {
  if (isCreationFailing) return sample.idle === 0
  return sample.live - sample.creating - sample.idle >= sample.limit && limitNext <= sample.limit
}

/** By how much the queue grew in this window, per ms, if it was there before and grew by more than chance. */
function growthOf({ sample, before, waitingSinceMs }: QueueInput): number | undefined {
  if (before.waitingSinceMs !== waitingSinceMs) return undefined
  const growth = sample.waiters - before.waiters
  const chance = Math.sqrt(sample.arrivals + sample.completions)
  return growth > 0 && growth >= GROWTH_IN_WINDOW_DEVIATIONS_MIN * chance ? growth / sample.windowMs : undefined
}

/** First come, first served; another order, or shedding, makes it sooner for some. */
function firstFailureInMs(input: QueueInput, forMs: number, growthPerMs: number): number {
  const { deadlineMs, servedPerMs, sample } = input
  if (servedPerMs === 0) return Math.max(0, deadlineMs - sample.oldestWaitMs)
  const lengthMax = deadlineMs * servedPerMs // who joins a longer queue is not served in time
  if (sample.waiters > lengthMax) return Math.max(0, deadlineMs - forMs * (1 - lengthMax / sample.waiters))
  if (growthPerMs === 0) return Number.POSITIVE_INFINITY
  return (lengthMax - sample.waiters) / growthPerMs + deadlineMs
}
