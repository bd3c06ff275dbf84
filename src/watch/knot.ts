import type { Caller, LeaseInfo, WaiterInfo } from '../pool/contract.ts'

/** Who holds leases and waits for more: a knot, if it is nearly all of them. */
export interface Knot {
  /** Leases out whose caller's async context is known. */
  readonly followed: number
  /** Of these, held by somebody who waits for another. */
  readonly blocked: number
  /** Of these, held by somebody who waits himself, and not for what he has called. */
  readonly directlyBlocked: number
  /** Where the oldest of them was asked for, and where its holder asks now. */
  readonly heldAt: string | undefined
  readonly askedAt: string | undefined
}

export const NO_KNOT: Knot = { followed: 0, blocked: 0, directlyBlocked: 0, heldAt: undefined, askedAt: undefined }

/** A queue longer than this is judged by its beginning. */
const WAITERS_LOOKED_AT = 2_000
/** So much of what is known must be knotted up, and so much of all be known. */
const BLOCKED_SHARE_MIN = 0.8
const FOLLOWED_SHARE_MIN = 0.25

/** Finds holders among those who wait. Walks leases and waiters: for a pool that stands still. */
export function findKnot(leases: Iterable<LeaseInfo>, waiters: Iterable<WaiterInfo>): Knot {
  const held = new Set<Caller>()
  for (const { caller } of leases) if (caller?.isFollowed) held.add(caller)
  if (held.size === 0) return NO_KNOT
  const direct = new Set<Caller>()
  const all = new Set<Caller>()
  let oldest: { readonly above: Caller; readonly caller: Caller } | undefined
  let looked = 0
  for (const { caller } of waiters) {
    looked += 1
    if (looked > WAITERS_LOOKED_AT) break
    if (caller === undefined) continue
    let isNearest = true
    for (let above = caller.above; above !== undefined; above = above.above) {
      if (!held.has(above)) continue
      all.add(above)
      if (isNearest) direct.add(above)
      isNearest = false
      oldest ??= { above, caller }
    }
  }
  return {
    followed: held.size,
    blocked: all.size,
    directlyBlocked: direct.size,
    heldAt: oldest === undefined ? undefined : nameOf(oldest.above, oldest.above.lease?.tag),
    askedAt: oldest === undefined ? undefined : nameOf(oldest.caller, undefined),
  }
}

function nameOf(caller: Caller, tag: string | undefined): string | undefined {
  return caller.site ?? tag
}

/**
 * Nobody can end a lease before somebody else does. One caller above everyone who waits is no knot: a context handed on
 * from caller to caller looks like that.
 */
export function isKnotted({ followed, blocked, directlyBlocked }: Knot, inUse: number): boolean {
  if (inUse === 0 || followed < Math.max(1, FOLLOWED_SHARE_MIN * inUse)) return false
  return blocked >= BLOCKED_SHARE_MIN * followed && directlyBlocked >= Math.min(2, inUse)
}
