import type { Sample } from '../measure/sample.ts'

/** How restless the pool is: its resources, and its limit. Plain data. */
export interface Churn {
  /** Resources opened, or tried to, and by how many the pool has grown: each fading away. */
  readonly created: number
  readonly grown: number
  readonly live: number | undefined
  /** The limit's last place, which way it went last, and how often it has turned round, fading away. */
  readonly limit: number | undefined
  readonly direction: -1 | 0 | 1
  readonly extreme: number
  readonly turns: number
}

export const NO_CHURN: Churn = {
  created: 0,
  grown: 0,
  live: undefined,
  limit: undefined,
  direction: 0,
  extreme: 0,
  turns: 0,
}

const CREATED_FADE_MS = 10_000
const TURNS_FADE_MS = 10_000
/** Resources reopened within ten seconds for this to be a storm, and times of how many there are. */
const STORM_MIN = 20
const STORM_TIMES_LIVE = 1.5
/** A move counts from this share of the limit on; smaller ones are fine tuning. */
const MOVE_SHARE = 0.2
/** Turns within ten seconds for a limit to be flapping. */
const TURNS_MIN = 6

export function stepChurn(churn: Churn, sample: Sample): Churn {
  const { windowMs, created, createFailed, live, limit } = sample
  const kept = Math.exp(-windowMs / CREATED_FADE_MS)
  const growth = Math.max(0, live - (churn.live ?? live))
  return {
    created: churn.created * kept + created + createFailed,
    grown: churn.grown * kept + growth,
    live,
    ...turn(churn, limit, windowMs),
  }
}

function turn(churn: Churn, limit: number, windowMs: number): Pick<Churn, 'limit' | 'direction' | 'extreme' | 'turns'> {
  const turns = churn.turns * Math.exp(-windowMs / TURNS_FADE_MS)
  if (churn.limit === undefined) return { limit, direction: 0, extreme: limit, turns }
  const { direction, extreme } = churn
  const moved = limit - extreme
  if (direction * moved > 0) return { limit, direction, extreme: limit, turns }
  if (Math.abs(moved) < Math.max(2, MOVE_SHARE * extreme)) return { limit, direction, extreme, turns }
  const isTurn = direction !== 0
  return { limit, direction: moved > 0 ? 1 : -1, extreme: limit, turns: turns + (isTurn ? 1 : 0) }
}

/** Resources are opened over and over again, beyond what growth explains. */
export function isStorm({ created, grown, live = 0 }: Churn): boolean {
  return created - grown >= Math.max(STORM_MIN, STORM_TIMES_LIVE * live)
}

export function isFlapping({ turns }: Churn): boolean {
  return turns >= TURNS_MIN
}
