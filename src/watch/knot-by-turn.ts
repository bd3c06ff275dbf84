import type { LeaseInfo, WaiterInfo } from '../pool/contract.ts'
import type { Knot } from './knot-found.ts'

/** Who has gone on from a query on a lease that has not ended, and on which none runs, waits while he holds it. */
export function findByTurn(leases: readonly LeaseInfo[], waiters: readonly WaiterInfo[]): Knot {
  const seen = leases.filter(({ work }) => work)
  const askers = new Map(waiters.map(({ caller }) => [caller?.resumed, caller]))
  const blocked = seen.filter((lease) => askers.has(lease) && lease.work?.runningSinceMs === undefined)
  // Most may not have been looked at.
  const named = blocked.find((lease) => lease.caller?.site && askers.get(lease)?.site) ?? blocked[0]
  const { length } = blocked
  return {
    known: seen.length,
    blocked: length,
    directlyBlocked: length,
    heldAt: named?.caller?.site ?? named?.tag,
    askedAt: askers.get(named)?.site,
    heldText: named?.work?.text,
  }
}
