import type { Sample } from '../measure/sample.ts'
import type { PoolCounts } from '../pool/contract.ts'
import type { ShortageCause } from './warning.ts'

/** What the decider remembers; plain data. */
export interface ExhaustionState {
  /** The end of the last window that showed no shortage. */
  readonly easedAtMs: number
  /** Since the callers in line began to wait: acquires that ended without a lease. */
  readonly cost: ShortageCost
  readonly episode: ExhaustionEpisode | undefined
}

export interface ShortageCost {
  readonly timedOut: number
  readonly shed: number
  /** Queue full, or nothing could be created. */
  readonly others: number
  /** Served, but later than the wait's SLO allows. */
  readonly delayed: number
}

export interface ExhaustionEpisode {
  readonly cause: ShortageCause
  /** When the first of its callers began to wait. */
  readonly sinceMs: number
  /** When callers were last seen standing in line. */
  readonly seenAtMs: number
}

/** What one window tells. */
export interface ShortageInput {
  readonly sample: Sample
  /** Since when there have been waiters without a break; undefined: nobody waits. */
  readonly waitingSinceMs: number | undefined
  /** Creates have been failing, none has succeeded since, and another failure is due. */
  readonly isCreationFailing: boolean
}

export interface ExhaustionRule {
  readonly exhaustedAfterMs: number
  readonly recoveredAfterMs: number
}

export type ExhaustionTurn =
  | { readonly turn: 'none' }
  | { readonly turn: 'exhausted'; readonly cause: ShortageCause; readonly forMs: number }
  | {
      readonly turn: 'recovered'
      readonly cause: ShortageCause
      readonly exhaustedMs: number
      readonly cost: ShortageCost
    }

const NO_COST: ShortageCost = { timedOut: 0, shed: 0, others: 0, delayed: 0 }
const NONE: ExhaustionTurn = { turn: 'none' }

export const INITIAL_EXHAUSTION: ExhaustionState = {
  easedAtMs: Number.MIN_SAFE_INTEGER,
  cost: NO_COST,
  episode: undefined,
}

/**
 * Decides, once a window, whether a shortage has become an episode, and whether the episode is over.
 *
 * How long callers have waited without a break is exact, since the engine says when the queue last became non-empty.
 * *Why* they wait is looked at when a window ends: one that ends with room to grow, and with creation getting on,
 * starts the count afresh. Between two windows: {@link ripenExhaustion}.
 */
export function stepExhaustion(
  state: ExhaustionState,
  input: ShortageInput,
  rule: ExhaustionRule,
): readonly [ExhaustionState, ExhaustionTurn] {
  const { sample, waitingSinceMs } = input
  const shortage = waitingSinceMs === undefined ? undefined : shortageOf(input)
  const easedAtMs = shortage === undefined ? sample.atMs : state.easedAtMs
  const sinceMs = Math.max(waitingSinceMs ?? sample.atMs, easedAtMs)
  const forMs = sample.atMs - sinceMs
  if (state.episode !== undefined) {
    const cost = addCost(state.cost, sample)
    return continueEpisode({ easedAtMs, cost, episode: state.episode }, forMs, sample.atMs, rule)
  }
  const cost = shortage === undefined ? NO_COST : addCost(state.cost, sample)
  if (shortage === undefined || forMs < patienceMs(shortage, rule)) {
    return [{ easedAtMs, cost, episode: undefined }, NONE]
  }
  const cause = shortage === 'limit' ? 'limit' : 'creation'
  const episode = { cause, sinceMs, seenAtMs: sample.atMs } as const
  return [
    { easedAtMs, cost, episode },
    { turn: 'exhausted', cause, forMs },
  ]
}

/** When those who wait now will have waited long enough, in ms; undefined: not to be awaited. */
export function exhaustedAtMs(
  { easedAtMs, episode }: ExhaustionState,
  waitingSinceMs: number | undefined,
  { exhaustedAfterMs }: ExhaustionRule,
): number | undefined {
  if (waitingSinceMs === undefined || episode !== undefined || !Number.isFinite(exhaustedAfterMs)) return undefined
  return Math.max(waitingSinceMs, easedAtMs) + exhaustedAfterMs
}

/**
 * Decides at that very moment, so that no queue that broke before the window's end goes untold, and none is told late.
 * What only a whole window can tell, that nothing came of the creates under way, is left to its end.
 */
export function ripenExhaustion(
  state: ExhaustionState,
  input: Omit<ShortageInput, 'sample'> & { readonly counts: PoolCounts },
  nowMs: number,
  rule: ExhaustionRule,
): readonly [ExhaustionState, ExhaustionTurn] {
  const { waitingSinceMs, counts, isCreationFailing } = input
  const dueAtMs = exhaustedAtMs(state, waitingSinceMs, rule)
  if (dueAtMs === undefined || nowMs < dueAtMs) return [state, NONE]
  const cause = isCreationFailing ? 'creation' : isAtLimit(counts) ? 'limit' : undefined
  if (cause === undefined) return [state, NONE]
  const sinceMs = dueAtMs - rule.exhaustedAfterMs
  const episode = { cause, sinceMs, seenAtMs: nowMs } as const
  return [
    { ...state, episode },
    { turn: 'exhausted', cause, forMs: nowMs - sinceMs },
  ]
}

/** A queue that has been standing for half of what opens an episode keeps it open; a shorter one is an ordinary day. */
const STANDING_SHARE = 0.5

function continueEpisode(
  state: ExhaustionState & { readonly episode: ExhaustionEpisode },
  forMs: number,
  nowMs: number,
  rule: ExhaustionRule,
): readonly [ExhaustionState, ExhaustionTurn] {
  const { episode, cost, easedAtMs } = state
  if (forMs >= STANDING_SHARE * rule.exhaustedAfterMs) {
    return [{ ...state, episode: { ...episode, seenAtMs: nowMs } }, NONE]
  }
  if (nowMs - episode.seenAtMs < rule.recoveredAfterMs) return [state, NONE]
  const { cause, sinceMs, seenAtMs } = episode
  return [
    { easedAtMs, cost: NO_COST, episode: undefined },
    { turn: 'recovered', cause, exhaustedMs: seenAtMs - sinceMs, cost },
  ]
}

/** `stalled`: creation has not failed, but nothing came of it in the whole window. */
type Shortage = 'limit' | 'creation' | 'stalled'

function shortageOf({ sample, isCreationFailing }: ShortageInput): Shortage | undefined {
  // First, since refused creates make the controller cut the limit: the limit is then not why callers wait.
  if (isCreationFailing) return 'creation'
  if (isAtLimit(sample)) return 'limit'
  return sample.creating > 0 && sample.created === 0 ? 'stalled' : undefined
}

/**
 * All that may be lent is, or there is nothing to lend and nothing being created: what is being destroyed still holds
 * its slot. Beside idle ones, callers wait for something else: a pause by hand, or a blocked event loop.
 */
function isAtLimit({ live, creating, idle, limit }: Pick<PoolCounts, 'live' | 'creating' | 'idle' | 'limit'>): boolean {
  return live - creating - idle >= limit || creating + idle === 0
}

/** A create that has not failed yet may just be slow, as at every cold start: it gets twice as long. */
function patienceMs(shortage: Shortage, rule: ExhaustionRule): number {
  return shortage === 'stalled' ? 2 * rule.exhaustedAfterMs : rule.exhaustedAfterMs
}

function addCost(cost: ShortageCost, sample: Sample): ShortageCost {
  return {
    timedOut: cost.timedOut + sample.timedOut,
    shed: cost.shed + sample.shed,
    others: cost.others + sample.queueFull + sample.createRefused,
    delayed: cost.delayed + sample.slowGrants,
  }
}
