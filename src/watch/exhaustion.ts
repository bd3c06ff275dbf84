import type { Sample } from '../measure/sample.ts'
import type { ShortageCause } from './warning.ts'

/** What the decider remembers; plain data. */
export interface ExhaustionState {
  /** Until when, at the latest, some caller was sure to be served without the limit or creation in the way. */
  readonly freeUntilMs: number
  /** Since the callers in line began to wait: acquires that ended without a lease. */
  readonly cost: ShortageCost
  readonly episode: ExhaustionEpisode | undefined
}

export interface ShortageCost {
  readonly timedOut: number
  readonly shed: number
  /** Queue full, or nothing could be created. */
  readonly others: number
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

const NO_COST: ShortageCost = { timedOut: 0, shed: 0, others: 0 }
const NONE: ExhaustionTurn = { turn: 'none' }

export const INITIAL_EXHAUSTION: ExhaustionState = {
  freeUntilMs: Number.MIN_SAFE_INTEGER,
  cost: NO_COST,
  episode: undefined,
}

/**
 * Decides, once a window, whether a shortage has become an episode, and whether the episode is over.
 *
 * How long callers have waited without a break is exact, since the engine says when the queue last became non-empty.
 * *Why* they wait is looked at when a window ends: one that ends with room to grow, and creation that gets on, starts
 * the count afresh.
 */
export function stepExhaustion(
  state: ExhaustionState,
  input: ShortageInput,
  rule: ExhaustionRule,
): readonly [ExhaustionState, ExhaustionTurn] {
  const { sample, waitingSinceMs } = input
  const nowMs = sample.atMs
  const shortage = waitingSinceMs === undefined ? undefined : shortageOf(input)
  const freeUntilMs = shortage === undefined ? nowMs : state.freeUntilMs
  const sinceMs = Math.max(waitingSinceMs ?? nowMs, freeUntilMs)
  const forMs = nowMs - sinceMs
  const isOver = state.episode === undefined && shortage === undefined
  const cost = isOver ? NO_COST : addCost(state.cost, sample)

  if (state.episode !== undefined) {
    const episode = forMs >= rule.exhaustedAfterMs / 2 ? { ...state.episode, seenAtMs: nowMs } : state.episode
    if (nowMs - episode.seenAtMs < rule.recoveredAfterMs || episode.seenAtMs === nowMs) {
      return [{ freeUntilMs, cost, episode }, NONE]
    }
    const exhaustedMs = episode.seenAtMs - episode.sinceMs
    const next = { freeUntilMs, cost: NO_COST, episode: undefined }
    return [next, { turn: 'recovered', cause: episode.cause, exhaustedMs, cost }]
  }
  if (shortage === undefined || forMs < patienceMs(shortage, rule)) {
    return [{ freeUntilMs, cost, episode: undefined }, NONE]
  }
  const cause = shortage === 'limit' ? 'limit' : 'creation'
  return [
    { freeUntilMs, cost, episode: { cause, sinceMs, seenAtMs: nowMs } },
    { turn: 'exhausted', cause, forMs },
  ]
}

/** `stalled`: creation has not failed, but nothing came of it in the whole window. */
type Shortage = 'limit' | 'creation' | 'stalled'

function shortageOf({ sample, isCreationFailing }: ShortageInput): Shortage | undefined {
  // First, since refused creates make the controller cut the limit: the limit is then not why callers wait.
  if (isCreationFailing) return 'creation'
  const isAllOut = sample.live - sample.creating - sample.idle >= sample.limit
  if (isAllOut) return 'limit'
  if (sample.creating > 0 && sample.created === 0) return 'stalled'
  // Room for more, and none of it being created: what leaves still holds its slot.
  return sample.live >= sample.limit && sample.creating === 0 ? 'limit' : undefined
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
  }
}
