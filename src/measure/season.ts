import { clamp } from '../base/clamp.ts'
import { smoothed } from './average.ts'
import type { Sample } from './sample.ts'

/**
 * What recurs: how many resources were needed at each time of the hour, of the day and of the week. For each slot of
 * a season it is remembered how many were in use at its peak, against how many in the minutes before, and how well
 * that was foretold. Plain data of bounded size (some 3000 numbers), so that it survives a restart: see
 * `PoolHandle.controllerState()`.
 */
export interface ForecastState {
  /** Leases out now: smoothed over a second. */
  readonly inUse: number
  /** Leases out as a rule: over minutes, peaks discounted. */
  readonly level: number
  /** The finest slot under way (its number since 1970), the most in use in it, and the level when it began. */
  readonly slot: number
  readonly peak: number
  readonly levelBefore: number
  /** In the order of {@link SEASONS}. */
  readonly seasons: readonly Season[]
}

/** One season, by slot. */
export interface Season {
  /** The slot under way and what it has seen so far; of the finest season, ForecastState has it. */
  readonly slot: number
  readonly peak: number
  readonly levelBefore: number
  /** How often each slot has been seen. */
  readonly counts: readonly number[]
  /** Means over the latest times: the peak, the level before it, and by how much the peak was foretold wrongly. */
  readonly peaks: readonly number[]
  readonly levels: readonly number[]
  readonly errors: readonly number[]
}

interface SeasonShape {
  readonly periodMs: number
  readonly slotMs: number
  /** What came so often before is expected again. */
  readonly countMin: number
}

const SECOND_MS = 1_000
const MINUTE_MS = 60 * SECOND_MS
const HOUR_MS = 60 * MINUTE_MS
const DAY_MS = 24 * HOUR_MS
/** 1970 began on a Thursday; where a week begins does not matter, as long as it is always there. Times are UTC. */
const SEASONS: readonly SeasonShape[] = [
  // Once at ten past may be chance; who waits for a third time loses an hour.
  { periodMs: HOUR_MS, slotMs: 10 * SECOND_MS, countMin: 2 },
  // What came yesterday is expected today: wrongly, it costs a few idle resources for five minutes.
  { periodMs: DAY_MS, slotMs: 5 * MINUTE_MS, countMin: 1 },
  // An hour that was busy last week is busy again by chance as often as not, and to be wrong costs an hour.
  { periodMs: 7 * DAY_MS, slotMs: HOUR_MS, countMin: 2 },
]

const FINEST_MS = 10 * SECOND_MS
const IN_USE_TAU_MS = 1_000
const LEVEL_TAU_MS = 10 * MINUTE_MS
/** More than this many times the level counts as that much, so that a peak of seconds does not lift it for minutes. */
const LEVEL_RATIO_MAX = 2
/** Weight of the newest of many: traffic that has changed is learnt anew within some ten times. */
const WEIGHT_MIN = 0.15
/** Traffic has grown or shrunk since by this much at most: more is another regime, of which the past says nothing. */
const SCALE_MAX = 3
/** A slot stands out when its peak exceeds the level by this ratio and number, and by twice its usual error. */
const STANDS_OUT_RATIO = 1.5
const STANDS_OUT_MIN = 2
const ERRORS_MIN = 2
/** Once so much of the peak has come, it has come, and whoever is still in use speaks for himself. */
const FULFILLED_RATIO = 0.8
/** How long ahead resources are opened, in ms: a hundred connects at 50 ms each take a second and more. */
const AHEAD_MS = 5_000

export const NO_FORECAST: ForecastState = {
  inUse: 0,
  level: 0,
  slot: 0,
  peak: 0,
  levelBefore: 0,
  seasons: SEASONS.map(({ periodMs, slotMs }) => {
    const none: readonly number[] = new Array<number>(periodMs / slotMs).fill(0)
    return { slot: 0, peak: 0, levelBefore: 0, counts: none, peaks: none, levels: none, errors: none }
  }),
}

/** What is known after one more window. Costs a few operations, and some µs once in ten seconds. */
export function nextForecast(
  state: ForecastState,
  sample: Pick<Sample, 'windowMs' | 'inUseMean' | 'epochMs'>,
): ForecastState {
  const { windowMs, inUseMean, epochMs } = sample
  const inUse = smoothed(state.inUse, inUseMean, windowMs, IN_USE_TAU_MS)
  const isFirst = state.slot === 0
  const counted = isFirst ? inUseMean : Math.min(inUseMean, LEVEL_RATIO_MAX * state.level + 1)
  const level = isFirst ? counted : smoothed(state.level, counted, windowMs, LEVEL_TAU_MS)
  const slot = Math.floor(epochMs / FINEST_MS)
  if (slot === state.slot) return { ...state, inUse, level, peak: Math.max(state.peak, inUse) }
  const seasons = isFirst ? state.seasons : state.seasons.map((season, i) => rolled(season, i, state))
  return { inUse, level, slot, peak: inUse, levelBefore: level, seasons }
}

/** The season after a finest slot has ended; what lies between that slot and the next is left as it was. */
function rolled(season: Season, i: number, { slot, peak, levelBefore }: ForecastState): Season {
  const { slotMs } = SEASONS[i] as SeasonShape
  const current = Math.floor((slot * FINEST_MS) / slotMs)
  const begun = { slot: current, peak, levelBefore }
  if (slotMs === FINEST_MS) return learnt({ ...season, ...begun })
  if (season.slot === 0) return { ...season, ...begun }
  if (current === season.slot) return { ...season, peak: Math.max(season.peak, peak) }
  return { ...learnt(season), ...begun }
}

/** The slot under way is over. */
function learnt(season: Season): Season {
  const at = season.slot % season.counts.length
  const count = season.counts[at] ?? 0
  const weight = Math.max(WEIGHT_MIN, 1 / (count + 1))
  const error = Math.abs(season.peak - foretold(season, at, season.levelBefore))
  const errorBefore = season.errors[at] ?? 0
  const errorWeight = Math.max(WEIGHT_MIN, 1 / count)
  return {
    ...season,
    counts: season.counts.with(at, count + 1),
    peaks: season.peaks.with(at, mixed(season.peaks[at] ?? 0, season.peak, weight)),
    levels: season.levels.with(at, mixed(season.levels[at] ?? 0, season.levelBefore, weight)),
    errors: season.errors.with(at, count === 0 ? 0 : mixed(errorBefore, error, errorWeight)),
  }
}

/** The peak that a slot is to have, at this level of traffic. Callers' grows with it; a job's is as large at night. */
function foretold(season: Season, at: number, level: number): number {
  const peak = season.peaks[at] ?? 0
  return Math.max(peak * scaleOf(season, at, level), peak + level - (season.levels[at] ?? 0))
}

/** How much more traffic there is than there used to be at that time. One more keeps next to nothing from counting. */
function scaleOf(season: Season, at: number, level: number): number {
  const ratio = (level + 1) / ((season.levels[at] ?? 0) + 1)
  return clamp(ratio, 1 / SCALE_MAX, SCALE_MAX)
}

/**
 * How many leases will be out at the peak of what is expected within the next seconds; 0: nothing that stands out.
 * On the safe side of what has varied.
 */
export function foreseenInUse(state: ForecastState, epochMs: number): number {
  let most = 0
  forEachPeak(state, epochMs, AHEAD_MS, (peak) => {
    most = Math.max(most, peak)
  })
  return most
}

/** In how many ms so many leases are expected to be out, of what stands out; Infinity: not within `aheadMs`. */
export function reachedInMs(state: ForecastState, epochMs: number, inUse: number, aheadMs: number): number {
  let soonestMs = Number.POSITIVE_INFINITY
  forEachPeak(state, epochMs, aheadMs, (peak, fromMs) => {
    if (peak >= inUse) soonestMs = Math.min(soonestMs, Math.max(0, fromMs - epochMs))
  })
  return soonestMs
}

/** What is expected of each slot within the next ms, unless it has come already; 0: nothing stands out. */
function forEachPeak(
  state: ForecastState,
  epochMs: number,
  aheadMs: number,
  visit: (peak: number, fromMs: number) => void,
): void {
  state.seasons.forEach((season, i) => {
    const { slotMs } = SEASONS[i] as SeasonShape
    const first = Math.floor(epochMs / slotMs)
    const last = Math.floor((epochMs + aheadMs) / slotMs)
    for (let slot = first; slot <= last; slot++) {
      const expected = expectedIn(state, season, i, slot)
      const soFar = Math.max(state.peak, slotMs === FINEST_MS ? 0 : season.peak)
      const isFulfilled = slot === first && soFar >= FULFILLED_RATIO * expected
      if (!isFulfilled) visit(expected, slot * slotMs)
    }
  })
}

/** In how many ms the next peak is to be prepared for; Infinity: none is known. Looks through all seasons. */
export function foreseenInMs(state: ForecastState, epochMs: number): number {
  let soonestMs = Number.POSITIVE_INFINITY
  state.seasons.forEach((season, i) => {
    const { slotMs } = SEASONS[i] as SeasonShape
    const first = Math.floor((epochMs + AHEAD_MS) / slotMs) + 1
    for (let slot = first; slot < first + season.counts.length; slot++) {
      const inMs = slot * slotMs - AHEAD_MS - epochMs
      if (inMs >= soonestMs) break
      if (expectedIn(state, season, i, slot) > 0) soonestMs = inMs
    }
  })
  return soonestMs
}

/** The peak expected in a slot, if it stands out. */
function expectedIn({ level }: ForecastState, season: Season, i: number, slot: number): number {
  const at = slot % season.counts.length
  if ((season.counts[at] ?? 0) < (SEASONS[i] as SeasonShape).countMin) return 0
  const error = (season.errors[at] ?? 0) * scaleOf(season, at, level)
  const expected = foretold(season, at, level)
  const excess = expected - level
  const standsOut = expected > STANDS_OUT_RATIO * level + STANDS_OUT_MIN && excess > ERRORS_MIN * error
  return standsOut ? expected + error : 0
}

function mixed(before: number, seen: number, weight: number): number {
  return before + weight * (seen - before)
}

/** Is that a ForecastState, as JSON has brought it back? */
export function isForecastState(given: unknown): given is ForecastState {
  if (typeof given !== 'object' || given === null) return false
  const { seasons, ...numbers } = given as ForecastState
  const isCounted = [numbers.inUse, numbers.level, numbers.slot, numbers.peak, numbers.levelBefore].every(
    Number.isFinite,
  )
  return isCounted && Array.isArray(seasons) && seasons.length === SEASONS.length && seasons.every(isSeason)
}

function isSeason(given: Season | null, i: number): boolean {
  const { periodMs, slotMs } = SEASONS[i] as SeasonShape
  if (typeof given !== 'object' || given === null) return false
  const isCounted = [given.slot, given.peak, given.levelBefore].every(Number.isFinite)
  const tables = [given.counts, given.peaks, given.levels, given.errors]
  const isTable = (table: unknown): boolean =>
    Array.isArray(table) && table.length === periodMs / slotMs && table.every(Number.isFinite)
  return isCounted && tables.every(isTable)
}
