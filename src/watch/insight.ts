import { type Knot, NO_KNOT } from './knot-found.ts'
import { NONE_OVERDUE, type Overdue } from './overdue.ts'
import type { Profiler, Slowdown } from './profile.ts'

/** What a look at the leases themselves shows, beyond what windows count. */
export interface Insight {
  readonly knot: Knot
  readonly overdue: Overdue
  readonly slow: Slowness
}

/** What has become slower than it was: a holder or a query, whichever costs each lease more. */
export interface Slowness {
  /** Who holds leases without a query running for longer than they did; who costs most. */
  readonly held: Slowdown | undefined
  /** The query that takes longer than it did; the one that costs most. */
  readonly query: Slowdown | undefined
  /** The share of queries, by number, that are known to take as long as ever: 0..1. */
  readonly steadyShare: number
  /** The share of leases, by number, whose holder's take longer than they did: 0..1. */
  readonly slowShare: number
}

const NOT_SLOW: Slowness = { held: undefined, query: undefined, steadyShare: 0, slowShare: 0 }

export const NO_INSIGHT: Insight = { knot: NO_KNOT, overdue: NONE_OVERDUE, slow: NOT_SLOW }

/** Slower by less than this share of what leases have become is not why: chance makes a few of any twice as slow. */
const EXPLAINED_SHARE_MIN = 0.25

/** @param beyondMs by how much leases take longer than usual, in ms */
export function slownessOf(profiler: Profiler | undefined, nowMs: number, beyondMs: number): Slowness {
  if (profiler === undefined) return NOT_SLOW
  const isWhy = (slowdown: Slowdown) => extraMs(slowdown) >= EXPLAINED_SHARE_MIN * beyondMs
  const held = profiler.slowHolders('held', nowMs).find(isWhy)
  const query = profiler.slowQueries(nowMs).find(isWhy)
  const isHeld = extraMs(held) >= extraMs(query)
  const steadyShare = profiler.steadyShare(nowMs)
  const slowShare = profiler.slowShare(nowMs)
  return { held: isHeld ? held : undefined, query: isHeld ? undefined : query, steadyShare, slowShare }
}

function extraMs(slowdown: Slowdown | undefined): number {
  return slowdown === undefined ? 0 : slowdown.lateMs - slowdown.usualMs
}
