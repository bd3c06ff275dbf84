import type { LeaseInfo, WaiterInfo } from '../pool/contract.ts'
import { findByCode } from './knot-by-code.ts'
import { findByContext } from './knot-by-context.ts'
import { findByTurn } from './knot-by-turn.ts'
import { findByUse } from './knot-by-use.ts'
import { type Knot, NO_KNOT } from './knot-found.ts'

/** A queue longer than this is judged by its beginning. */
const WAITERS_LOOKED_AT = 2_000
/** So much of what is known must be knotted up, and so much of all be known. */
const BLOCKED_SHARE_MIN = 0.8
const KNOWN_SHARE_MIN = 0.05
const KNOWN_MIN = 3

/**
 * Finds holders among those who wait. Walks leases and waiters: for a pool that stands still.
 *
 * Contexts are certain, and so is who went on from a query; but where somebody's connection is taken for him after an
 * `await`, as by most ORMs, Node 24 gives him none of the context in which that was. Where too few are known, or nobody
 * asks under any, code tells: at once of holders whose queries are seen, since who waits for a query is none; of others
 * once it is unlikely that they do. Where their code does not lead to them, it may lead to a `use()` that they are in.
 *
 * @param isSilent nothing has come back for several times what a lease takes
 * @param pool its name
 */
export function findKnot(
  leases: Iterable<LeaseInfo>,
  waiters: Iterable<WaiterInfo>,
  isSilent: boolean,
  pool: string,
): Knot {
  const out = [...leases]
  const queue = firstOf(waiters, WAITERS_LOOKED_AT)
  const byTurn = findByTurn(out, queue)
  if (isKnotted(byTurn, out.length)) return byTurn
  const byContext = findByContext(out, queue)
  if (byContext.known >= knownMin(out.length) && byContext.blocked > 0) return byContext
  const byCode = isSilent || out.every(({ work }) => work !== undefined) ? findByCode(out, queue) : NO_KNOT
  if (!isSilent || isKnotted(byCode, out.length)) return byCode
  const byUse = findByUse(out, queue, pool)
  return isKnotted(byUse, out.length) ? byUse : byCode
}

/**
 * Nobody can end a lease before somebody else does. One caller above everyone who waits is no knot: a context handed on
 * from caller to caller looks like that.
 */
export function isKnotted(knot: Knot, inUse: number): boolean {
  const { known, blocked, directlyBlocked } = knot
  // Half of a few is enough: the first of a burst may not have been looked at, and are half of a small pool.
  if (inUse === 0 || known < Math.min(Math.ceil(inUse / 2), knownMin(inUse))) return false
  return blocked >= BLOCKED_SHARE_MIN * known && directlyBlocked >= Math.min(2, inUse)
}

function knownMin(inUse: number): number {
  return Math.max(Math.min(inUse, KNOWN_MIN), KNOWN_SHARE_MIN * inUse)
}

function firstOf<E>(all: Iterable<E>, count: number): readonly E[] {
  const first: E[] = []
  for (const one of all) {
    if (first.length === count) break
    first.push(one)
  }
  return first
}
