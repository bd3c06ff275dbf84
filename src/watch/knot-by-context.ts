import type { Caller, LeaseInfo, WaiterInfo } from '../pool/contract.ts'
import { type Knot, NO_KNOT } from './knot-found.ts'

/** Who asks in the async context of a lease that has not ended, waits while he holds it. */
export function findByContext(leases: readonly LeaseInfo[], waiters: readonly WaiterInfo[]): Knot {
  const held = new Set<Caller>()
  for (const { caller } of leases) if (caller?.isFollowed) held.add(caller)
  if (held.size === 0) return NO_KNOT
  const direct = new Set<Caller>()
  const all = new Set<Caller>()
  let oldest: { readonly above: Caller; readonly caller: Caller } | undefined
  for (const { caller } of waiters) {
    if (caller === undefined) continue
    let isNearest = true
    for (let above = caller.above; above !== undefined; above = above.above) {
      if (!held.has(above)) continue
      all.add(above)
      if (isNearest) direct.add(above)
      isNearest = false
      if (!oldest?.above.site || !oldest.caller.site) oldest = { above, caller } // most may not have been looked at
    }
  }
  return {
    known: held.size,
    blocked: all.size,
    directlyBlocked: direct.size,
    heldAt: oldest?.above.site ?? oldest?.above.lease?.tag,
    askedAt: oldest?.caller.site,
    heldText: oldest?.above.lease?.work?.text,
  }
}
