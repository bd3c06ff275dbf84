import type { Holder, LeaseInfo } from '../pool/contract.ts'

/** What a lease without a tag is listed as. */
export const UNTAGGED = 'untagged'

/** Groups the leases that have not ended by their tag: most leases first, of equals the one with the oldest lease. */
export function holdersOf(leases: Iterable<LeaseInfo>, nowMs: number): readonly Holder[] {
  const byTag = new Map<string, { count: number; oldestMs: number }>()
  for (const { tag, sinceMs } of leases) {
    const ageMs = Math.max(0, nowMs - sinceMs)
    const group = byTag.get(tag ?? UNTAGGED)
    if (group === undefined) {
      byTag.set(tag ?? UNTAGGED, { count: 1, oldestMs: ageMs })
    } else {
      group.count += 1
      group.oldestMs = Math.max(group.oldestMs, ageMs)
    }
  }
  return Array.from(byTag, ([holder, group]) => ({ holder, ...group })).sort(
    (a, b) => b.count - a.count || b.oldestMs - a.oldestMs,
  )
}
