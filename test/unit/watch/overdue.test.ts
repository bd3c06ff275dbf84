import { expect, test } from 'vitest'
import type { LeaseInfo } from '../../../src/pool/contract.ts'
import { findOverdue, isGradual, NONE_OVERDUE, type OverdueRule, suspectsOf } from '../../../src/watch/overdue.ts'

const NOW_MS = 100_000
const RULE: OverdueRule = {
  overdueMs: 1_000,
  leakedMax: () => 1,
  isAgeGiven: false,
  isSilent: false,
  isFelt: true,
  suspects: new Set(),
  longestMs: (holder) => (holder === '/report' ? 30_000 : 0),
  leakedMs: () => 10_000,
}

function lease(ageMs: number, tag = '/cart', runningForMs?: number): LeaseInfo {
  const runningSinceMs = runningForMs === undefined ? undefined : NOW_MS - runningForMs
  const work = { queryMs: 0, runningSinceMs, text: 'select 1', ended: [] }
  return { tag, sinceMs: NOW_MS - ageMs, work }
}

const look = (leases: readonly LeaseInfo[]) => findOverdue(leases, NOW_MS, RULE)

test('leases kept by and by are told from those that were stuck at once', () => {
  expect(isGradual(look([lease(2_000), lease(4_000), lease(6_000)]))).toBe(true)
  expect(isGradual(look([lease(4_000), lease(4_010), lease(4_020)]))).toBe(false)
})

test('a lease whose query does not end is not leaked', () => {
  expect(look([lease(20_000, '/cart', 19_000)])).toMatchObject({
    kept: new Set(),
    leaked: 0,
    running: 1,
    runningText: 'select ?',
    runningMs: 19_000,
  })
})

test('who has been seen to hold for long is not suspected for holding as long', () => {
  expect(look([lease(40_000, '/report')]).kept.size).toBe(0)
  expect(look([lease(50_000, '/report')]).kept.size).toBe(1)
})

test('one old lease may be a habit, two are a leak', () => {
  expect(look([lease(50_000)])).toMatchObject({ leaked: 1, isLeaking: false })
  expect(look([lease(50_000), lease(20_000, '/other')])).toMatchObject({ isLeaking: true, leakedBy: '/cart' })
})

// Slipped through: each leak in the tests was by and by, or of leases whose queries are seen.
test('several taken at once, no query of which is seen, may be stuck on a lock; but not for more than a minute', () => {
  const atOnce = (ageMs: number) => look([ageMs, ageMs + 10].map((one) => ({ ...lease(one), work: undefined })))
  expect(atOnce(50_000)).toMatchObject({ leaked: 2, isLeaking: false })
  expect(atOnce(60_000)).toMatchObject({ leaked: 2, isLeaking: true })
})

test('what a leak was told of passes for leaked until it has ended, or works', () => {
  const both = [lease(2_000), lease(3_000)]
  const suspects = new Set(both)
  const rule = { ...RULE, overdueMs: 4_000, suspects }
  expect(findOverdue(both, NOW_MS, rule)).toMatchObject({ leaked: 2, isLeaking: true })
  expect(findOverdue(both.slice(1), NOW_MS, rule)).toMatchObject({ leaked: 1, isLeaking: false })
  const working = new Set([lease(5_000, '/cart', 4_000), lease(5_000, '/cart', 4_000)])
  expect(findOverdue(working, NOW_MS, { ...rule, suspects: working })).toMatchObject({ leaked: 0, isLeaking: false })
})

test('suspects stay while one of them is out and the leak lasts; then, others may be', () => {
  const [first, second, other] = [lease(2_000), lease(3_000), lease(4_000)]
  const suspects = new Set([first, second])
  const kept = (...leases: readonly LeaseInfo[]) => ({ ...NONE_OVERDUE, kept: new Set(leases) })
  expect(suspectsOf(new Set(), kept(first, second), true)).toEqual(suspects)
  expect(suspectsOf(suspects, kept(second, other), true)).toBe(suspects)
  expect(suspectsOf(suspects, kept(other), true)).toEqual(new Set([other]))
  expect(suspectsOf(suspects, kept(first, second), false).size).toBe(0)
})
