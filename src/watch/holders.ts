import type { Holder, LeaseInfo } from '../pool/contract.ts'

/** What a lease is listed as of which neither tag nor call site is known. */
const UNTAGGED = 'untagged'

/** Who has a lease: its tag, else where it was asked for. */
export function holderOf({ tag, caller }: Pick<LeaseInfo, 'tag' | 'caller'>): string {
  return tag ?? caller?.site ?? UNTAGGED
}

/** Groups the leases that have not ended by their holder: most leases first, of equals the one with the oldest. */
export function holdersOf(leases: Iterable<LeaseInfo>, nowMs: number): readonly Holder[] {
  const groups = new Map<string, { count: number; oldest: LeaseInfo }>()
  for (const lease of leases) {
    const name = holderOf(lease)
    const group = groups.get(name)
    if (group === undefined) groups.set(name, { count: 1, oldest: lease })
    else {
      group.count += 1
      if (lease.sinceMs < group.oldest.sinceMs) group.oldest = lease
    }
  }
  return Array.from(groups, ([holder, { count, oldest }]) => {
    const callSite = oldest.caller?.site
    const oldestMs = Math.max(0, nowMs - oldest.sinceMs)
    return { holder, count, oldestMs, ...(callSite === undefined ? {} : { callSite }) }
  }).sort((a, b) => b.count - a.count || b.oldestMs - a.oldestMs)
}
