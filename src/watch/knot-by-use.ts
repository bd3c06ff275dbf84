import type { LeaseInfo, WaiterInfo } from '../pool/contract.ts'
import { type Knot, NO_KNOT } from './knot-found.ts'

/**
 * Who waits within a `use()` of the very pool holds a lease of it, wherever that was asked for: no stack leads there
 * where `use()` was returned and not awaited. Those who were looked at stand for the others.
 */
export function findByUse(leases: readonly LeaseInfo[], waiters: readonly WaiterInfo[], pool: string): Knot {
  const askers = waiters.flatMap(({ caller }) => (caller !== undefined && caller.path.length > 0 ? caller : []))
  const within = askers.filter((caller) => caller.isWithinUse?.(pool))
  const [asker] = within
  if (asker === undefined) return NO_KNOT
  const idle = leases.filter(({ work }) => work?.runningSinceMs === undefined)
  const blocked = Math.min(idle.length, Math.floor((within.length * waiters.length) / askers.length))
  const holder = idle.find(({ caller }) => caller?.site !== undefined)
  return {
    known: leases.length,
    blocked,
    directlyBlocked: blocked,
    heldAt: holder?.caller?.site ?? holder?.tag,
    askedAt: asker.site,
    heldText: holder?.work?.text,
  }
}
