import type { Caller, CodePlace, LeaseInfo, WaiterInfo } from '../pool/contract.ts'
import { CALLED } from './call-site.ts'
import { type Knot, NO_KNOT } from './knot-found.ts'

/** Leases, or waiters, that were asked for in the same way through the code. */
interface Group {
  readonly path: readonly CodePlace[]
  /** For how many they stand: some of them may not have been looked at. */
  weight: number
  readonly members: Member[]
}

interface Member {
  readonly caller: Caller
  readonly sinceMs: number
  readonly weight: number
  /** Whether its queries are seen. */
  readonly isSeen?: boolean
}

/**
 * Who waits in a function that has gone on since a lease was asked for in it, holds that lease, if it has not been
 * given back since: in a pool from which nothing has come back for long, with as many of such waiters as leases, that
 * is so. What contexts know for certain, stacks make likely; but they cost nothing to those who are not stuck.
 *
 * A lease with a query running is none of these: its holder waits for the query. Where queries are not seen, nor does
 * anybody count who may just have given back his own: a full pool lends that to the next, who has asked at the same
 * place, in the moment in which he who had it goes on and asks again.
 */
export function findByCode(leases: readonly LeaseInfo[], waiters: readonly WaiterInfo[]): Knot {
  const known = leases.filter(({ caller }) => caller !== undefined && caller.path.length > 0)
  const each = leases.length / Math.max(1, known.length) // the others are taken to be like those that are known
  const idle = known.filter(({ work }) => work?.runningSinceMs === undefined)
  const held = groupsOf(
    idle.map(({ caller, sinceMs, work }) => {
      return { caller: caller as Caller, sinceMs, weight: each, isSeen: work !== undefined }
    }),
  )
  const asking = groupsOf(weighed(waiters))
  if (held.length === 0 || asking.length === 0) return NO_KNOT
  let blocked = 0 // of all leases
  let oldest: { readonly holder: Caller; readonly asker: Caller; readonly sinceMs: number } | undefined
  for (const group of held) {
    const first = group.members.reduce((a, b) => (b.caller.run < a.caller.run ? b : a))
    let left = group.weight
    for (const one of goneOnSince(group, asking)) {
      const later = one.members.filter(
        ({ caller }) =>
          caller.run > first.caller.run &&
          (first.isSeen || caller.mayHaveGivenBack !== true) &&
          !isSibling(caller, group),
      )
      const taken = Math.min(
        left,
        one.weight,
        later.reduce((sum, { weight }) => sum + weight, 0),
      )
      const [asker] = later
      if (asker === undefined || taken <= 0) continue
      one.weight -= taken
      left -= taken
      if (oldest === undefined || first.sinceMs < oldest.sinceMs) {
        oldest = { holder: first.caller, asker: asker.caller, sinceMs: first.sinceMs }
      }
    }
    blocked += group.weight - left
  }
  return {
    known: known.length,
    blocked: whole(blocked / each),
    directlyBlocked: whole(blocked), // each by a waiter of its own
    heldAt: oldest?.holder.site,
    askedAt: oldest?.asker.site,
    heldText: oldest?.holder.lease?.work?.text,
  }
}

/** Of a sum of shares. */
function whole(sum: number): number {
  return Math.floor(sum + 1e-6)
}

/** Who may have asked as these did, and gone on; those first who have done so nearest to the pool. */
function goneOnSince({ path }: Group, asking: readonly Group[]): readonly Group[] {
  return asking
    .map((group) => ({ group, depth: depthGoneOn(path, group.path) }))
    .filter(({ depth }) => depth !== undefined)
    .sort((a, b) => (a.depth as number) - (b.depth as number))
    .map(({ group }) => group)
}

/**
 * Whether who asks by `later` may have asked by `earlier` before, and gone on: a function of both ways stands somewhere
 * else now, after an `await`, and all that has called it is the same. How far from the pool it was; undefined: no.
 */
function depthGoneOn(earlier: readonly CodePlace[], later: readonly CodePlace[]): number | undefined {
  const depth = earlier.findIndex((before, at) =>
    later.some(
      (after, now) =>
        before.fn === after.fn &&
        before.at !== after.at &&
        isResumed(later, now) &&
        isSameFrom(earlier, at + 1, later, now + 1),
    ),
  )
  return depth < 0 ? undefined : depth
}

/** Nothing calls it any more: it waits for what it has called, or goes on after an await. */
function isResumed(path: readonly CodePlace[], at: number): boolean {
  const caller = path[at + 1]
  return path[at]?.isAsync === true || caller === undefined || caller.isAsync
}

/** As far as both were looked at: functions, since a place differs between the call and the await of its answer. */
function isSameFrom(
  some: readonly CodePlace[],
  from: number,
  others: readonly CodePlace[],
  fromOther: number,
): boolean {
  for (let i = from, j = fromOther; i < some.length && j < others.length; i++, j++) {
    if (some[i] === CALLED || others[j] === CALLED) return true
    if (some[i]?.fn !== others[j]?.fn) return false
  }
  return true
}

/** Asked in one run of code with one of them, as `Promise.all` does: that one cannot have been granted before. */
function isSibling({ run }: Caller, { members }: Group): boolean {
  return members.some(({ caller }) => caller.run === run)
}

/** Who was looked at stands for those behind him who were not: of a burst, the first are looked at. */
function weighed(waiters: readonly WaiterInfo[]): Member[] {
  const known: { caller: Caller; sinceMs: number; weight: number }[] = []
  let unknown = 0
  for (const { caller, sinceMs } of waiters) {
    const last = known.at(-1)
    if (caller !== undefined && caller.path.length > 0) known.push({ caller, sinceMs, weight: 1 })
    else if (last !== undefined) last.weight += 1
    else unknown += 1
  }
  if (known[0] !== undefined) known[0].weight += unknown
  return known
}

function groupsOf(members: Member[]): Group[] {
  const groups = new Map<string, Group>()
  for (const member of members) {
    const { path } = member.caller
    const key = path.map(({ at }) => at).join()
    const group = groups.get(key) ?? { path, weight: 0, members: [] }
    group.weight += member.weight
    group.members.push(member)
    groups.set(key, group)
  }
  return [...groups.values()]
}
