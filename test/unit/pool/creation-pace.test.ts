import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { CreateFailureClass } from '../../../src/pool/contract.ts'
import {
  type CreateBackoff,
  type CreationPace,
  createDueAtMs,
  nextAtOnce,
  paceAfterFailure,
  paceAfterSuccess,
  refusesWaiters,
  type ServiceFacts,
  startingPace,
} from '../../../src/pool/creation-pace.ts'

const BACKOFF: CreateBackoff = { initialMs: 100, maxMs: 1_000, factor: 2, jitter: 0.5, refuseAfter: 3 }

function pausesOfFailures(count: number, backoff: CreateBackoff, random01 = 0): number[] {
  const pausesMs: number[] = []
  let pace = startingPace(4)
  for (let i = 0; i < count; i++) {
    pace = paceAfterFailure(pace, 0, backoff, random01)
    expect(pace).toMatchObject({ failures: i + 1, allowed: 1 })
    pausesMs.push(pace.retryAtMs)
  }
  return pausesMs
}

test('the pause after each failure grows by the factor, up to its maximum', () => {
  expect(pausesOfFailures(6, BACKOFF)).toEqual([100, 200, 400, 800, 1_000, 1_000])
  expect(pausesOfFailures(3, { ...BACKOFF, factor: 1 })).toEqual([100, 100, 100])
})

test('after thousands of failures the pause is still its maximum', () => {
  expect(pausesOfFailures(3_000, BACKOFF).at(-1)).toBe(1_000)
})

test('chance shortens a pause by at most its share, and never lengthens it', () => {
  fc.assert(
    fc.property(
      fc.double({ min: 0, max: 1, noNaN: true }),
      fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }),
      (jitter, random01) => {
        const fullMs = pausesOfFailures(6, { ...BACKOFF, jitter: 0 })
        pausesOfFailures(6, { ...BACKOFF, jitter }, random01).forEach((pauseMs, i) => {
          expect(pauseMs).toBeGreaterThanOrEqual((fullMs[i] ?? 0) * (1 - jitter) - 1e-6)
          expect(pauseMs).toBeLessThanOrEqual((fullMs[i] ?? 0) + 1e-6)
        })
      },
    ),
  )
})

test('a failure after a success counts from one again', () => {
  const failed = paceAfterFailure(paceAfterFailure(startingPace(4), 50, BACKOFF, 0), 200, BACKOFF, 0)
  const again = paceAfterFailure(paceAfterSuccess(failed, 4), 500, BACKOFF, 0)
  expect(failed).toEqual({ failures: 2, allowed: 1, retryAtMs: 400 })
  expect(again).toEqual({ failures: 1, allowed: 1, retryAtMs: 600 })
  expect(paceAfterSuccess(failed, 1)).toEqual(startingPace(1)) // one at once is all that there ever are
})

test('after a failure one prober; after each success twice as many, up to creatingMax', () => {
  let pace: CreationPace = paceAfterFailure(startingPace(6), 50, BACKOFF, 0)
  const allowed = [pace.allowed]
  for (let i = 0; i < 4; i++) {
    pace = paceAfterSuccess(pace, 6)
    allowed.push(pace.allowed)
    expect(pace.retryAtMs).toBe(Number.NEGATIVE_INFINITY)
  }
  expect(allowed).toEqual([1, 2, 4, 6, 6])
})

test('a pool that has never failed may use creatingMax at once, and its pace costs no allocation', () => {
  const pace = startingPace(4)
  expect(pace).toEqual({ failures: 0, allowed: 4, retryAtMs: Number.NEGATIVE_INFINITY })
  expect(paceAfterSuccess(pace, 4)).toBe(pace)
})

// Somebody has been waiting since 1_000 ms, and a burst is looked at until 1_009.375.
const FACTS: ServiceFacts = {
  waiters: 50,
  creating: 1,
  inUse: 5,
  leaseMs: 2,
  leasesEnded: 0,
  endedMs: 0,
  quietSinceMs: 1_008,
  waitingSinceMs: 1_000,
  createMs: 150,
}
const AT_ONCE = Number.NEGATIVE_INFINITY
const LOOKED_AT = 1_009.375

test.each<[string, Partial<ServiceFacts>, number]>([
  ['the first one', { creating: 0 }, AT_ONCE],
  ['nobody in use: nothing will be released, and there is nothing to look at', { inUse: 0 }, AT_ONCE],
  ['nobody in use, and each has one', { inUse: 0, waiters: 1 }, Number.POSITIVE_INFINITY],
  ['each has one', { waiters: 1 }, Number.POSITIVE_INFINITY],
  ['leases as long as the create: those in use serve one each', { leaseMs: 150, creating: 44 }, LOOKED_AT],
  ['and no more than one', { leaseMs: 150, creating: 45 }, 1_008 + 150],
  ['leases twice as long', { leaseMs: 300, creating: 47 }, LOOKED_AT],
  ['a burst that releases will absorb, should it fall silent: 5 serve 49 if leases take 15.3 ms', {}, 1_008 + 750 / 49],
  ['the more are under way, the longer the silence', { creating: 20 }, 1_008 + 750 / 30],
  ['silence that has lasted already', { quietSinceMs: 1_000, creating: 2, waiters: 202 }, LOOKED_AT],
  ['no lease has ended yet, and nothing is known', { leaseMs: Number.NaN }, 1_008 + 750 / 49],
  ['no create has succeeded yet: 50 ms are taken for granted', { createMs: undefined }, 1_008 + 250 / 49],
  ['two of five have ended at once: leases were long, and may be', { leaseMs: 150, leasesEnded: 2 }, LOOKED_AT],
  ['three have: what was known is forgotten', { leaseMs: 150, leasesEnded: 3, endedMs: 2 }, 1_008 + 750 / 49],
  ['three have, that took long', { leasesEnded: 3, endedMs: 150 }, LOOKED_AT],
])('when waiters justify one more create: %s', (_, facts, dueAtMs) => {
  expect(createDueAtMs({ ...FACTS, ...facts })).toBe(dueAtMs)
})

test('one create is justified at once, and one a waiter in the end; longer leases never justify one later', () => {
  const anyMs = fc.double({ min: 0, max: 1e5, noNaN: true })
  const anyFacts: fc.Arbitrary<ServiceFacts> = fc.record({
    waiters: fc.integer({ min: 1, max: 200 }),
    creating: fc.nat(200),
    inUse: fc.nat(100),
    leaseMs: fc.option(anyMs, { nil: Number.NaN }),
    leasesEnded: fc.nat(100),
    endedMs: anyMs,
    quietSinceMs: anyMs,
    waitingSinceMs: anyMs,
    createMs: fc.option(anyMs, { nil: undefined }),
  })
  fc.assert(
    fc.property(anyFacts, (facts) => {
      const dueAtMs = createDueAtMs(facts)
      expect(dueAtMs < Number.POSITIVE_INFINITY).toBe(facts.creating < facts.waiters)
      if (facts.creating === 0) expect(dueAtMs).toBe(AT_ONCE)
      const longer = { ...facts, leaseMs: (facts.leaseMs || 0) * 2 + 1, endedMs: facts.endedMs * 2 + 1 }
      expect(createDueAtMs(longer)).toBeLessThanOrEqual(dueAtMs)
    }),
  )
})

const CLASSES: readonly CreateFailureClass[] = ['refusing', 'denied', 'timeout', 'unreachable']

test.each(CLASSES.map((failure) => ({ failure })))(
  'while something is live, no waiter is refused because a create failed: $failure',
  ({ failure }) => {
    expect(refusesWaiters(failure, 99, 1, BACKOFF)).toBe(false)
  },
)

test.each([
  { failure: 'denied', failures: 1, refuses: true }, // waiting cannot help
  { failure: 'unreachable', failures: 2, refuses: false },
  { failure: 'unreachable', failures: 3, refuses: true },
  { failure: 'timeout', failures: 2, refuses: false },
  { failure: 'timeout', failures: 3, refuses: true },
  { failure: 'refusing', failures: 99, refuses: false }, // there will be room again
] as const)('with nothing live, failure number $failures, $failure: refuses waiters: $refuses', (row) => {
  expect(refusesWaiters(row.failure, row.failures, 0, BACKOFF)).toBe(row.refuses)
})

test('refuseAfter: Infinity leaves waiters to their deadline', () => {
  const backoff = { ...BACKOFF, refuseAfter: Number.POSITIVE_INFINITY }
  expect(refusesWaiters('unreachable', 1e6, 0, backoff)).toBe(false)
})

describe('how many creates at once', () => {
  const bounds = { min: 4, max: 32 }

  test.each([
    ['as quick beside three others as alone: one more', 4, { createMs: 400, underWay: 4 }, 5],
    ['fewer under way than allowed: nothing is known of more', 8, { createMs: 400, underWay: 5 }, 8],
    ['slowed by each other: half', 20, { createMs: 900, underWay: 20 }, 10],
    ['never fewer than to begin with', 5, { createMs: 4_000, underWay: 5 }, 4],
    ['never more than allowed', 32, { createMs: 400, underWay: 32 }, 32],
  ])('%s', (_, atOnce, facts, expected) => {
    expect(nextAtOnce(atOnce, { ...facts, createMsLeast: 400 }, bounds)).toBe(expected)
  })
})
