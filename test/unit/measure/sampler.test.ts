import { describe, expect, test } from 'vitest'
import { Sampler } from '../../../src/measure/sampler.ts'
import { countsByHand } from '../../support/counts-by-hand.ts'

const LIMITS = { limit: 10, limitMin: 2, limitMax: 50 }
const ON_TIME = { loopDelayMs: 0, closedLateMs: 0 }

describe('time integrals', () => {
  test('leases out count for as long as they were out', () => {
    const counts = countsByHand()
    const sampler = new Sampler(counts, 0)
    sampler.granted(25, 0) // before the count changes: nobody was out until now
    counts.inUse = 4
    sampler.ended(75, 50)
    counts.inUse = 3
    const sample = sampler.take(100, LIMITS, ON_TIME)
    expect(sample.inUseMean).toBe((0 * 25 + 4 * 50 + 3 * 25) / 100)
    expect(sample.utilization).toBe(sample.inUseMean / 10)
    expect(sample.inUse).toBe(3)
  })

  test('live resources likewise', () => {
    const counts = countsByHand({ live: 2 })
    const sampler = new Sampler(counts, 0)
    sampler.creating(90)
    counts.live = 12
    expect(sampler.take(100, LIMITS, ON_TIME).liveMean).toBe(3)
  })

  test('what callers wanted at once is leases out and waiters, with its variance', () => {
    const counts = countsByHand({ inUse: 10 })
    const sampler = new Sampler(counts, 0)
    sampler.arrived(50)
    counts.waiters = 20
    const sample = sampler.take(100, LIMITS, ON_TIME)
    expect(sample.offeredMean).toBe(20)
    expect(sample.offeredVariance).toBe(100)
  })

  test('a lease that began and ended within one instant counts for the most that were out', () => {
    const counts = countsByHand({ inUse: 3 })
    const sampler = new Sampler(counts, 0)
    sampler.granted(10, 0)
    counts.inUse = 4
    sampler.ended(10, 0)
    counts.inUse = 3
    expect(sampler.take(100, LIMITS, ON_TIME).inUseMax).toBe(4)
  })

  test('the most of a window is not that of the window before', () => {
    const counts = countsByHand({ inUse: 9 })
    const sampler = new Sampler(counts, 0)
    sampler.ended(10, 10)
    counts.inUse = 1
    sampler.take(100, LIMITS, ON_TIME)
    expect(sampler.take(200, LIMITS, ON_TIME).inUseMax).toBe(1)
  })

  test('time counts as waiting only while somebody waits', () => {
    const counts = countsByHand()
    const sampler = new Sampler(counts, 0)
    sampler.arrived(40)
    counts.waiters = 1
    sampler.arrived(60)
    counts.waiters = 2
    sampler.granted(90, 50)
    counts.waiters = 0
    const sample = sampler.take(100, LIMITS, ON_TIME)
    expect(sample).toMatchObject({ arrivals: 2, waitingMs: 50 })
  })
})

describe('a window', () => {
  test('knows its length, its limits and how late the event loop was', () => {
    const sampler = new Sampler(countsByHand(), 100)
    const sample = sampler.take(350, LIMITS, { loopDelayMs: 12, closedLateMs: 7 })
    expect(sample).toMatchObject({ atMs: 350, windowMs: 250, ...LIMITS, loopDelayMs: 12, closedLateMs: 7 })
  })

  test('starts from nothing: what the one before has counted is not counted again', () => {
    const sampler = new Sampler(countsByHand(), 0)
    sampler.arrived(1)
    sampler.granted(2, 1)
    sampler.ended(3, 1)
    sampler.refused(4, 'shed')
    sampler.created(5, 20)
    sampler.createFailed(6, 'refusing')
    const first = sampler.take(100, LIMITS, ON_TIME)
    const { atMs, windowMs, epochMs, ...second } = sampler.take(200, LIMITS, ON_TIME)
    expect(first).toMatchObject({ arrivals: 1, grants: 1, completions: 1, shed: 1, created: 1, createFailed: 1 })
    const { atMs: _, windowMs: __, epochMs: ___, ...nothing } = new Sampler(countsByHand(), 0).take(1, LIMITS, ON_TIME)
    expect(second).toEqual(nothing)
  })

  test('has a length above 0 even if it is closed in the instant in which it was opened', () => {
    const sampler = new Sampler(countsByHand({ inUse: 2 }), 5)
    const sample = sampler.take(5, LIMITS, ON_TIME, 5, 0)
    expect(sample.windowMs).toBeGreaterThan(0)
    expect(Object.values(sample).every(Number.isFinite)).toBe(true)
  })

  test('sums up waits and leases', () => {
    const sampler = new Sampler(countsByHand(), 0)
    for (const ms of [0, 0, 30, 50]) sampler.granted(1, ms)
    for (const ms of [10, 20]) sampler.ended(2, ms)
    const sample = sampler.take(100, LIMITS, ON_TIME)
    expect(sample).toMatchObject({ waitMsMean: 20, waitMsP50: 0, waitMsMax: 50, leaseMsMean: 15 })
    expect(sample.waitMsP95).toBeCloseTo(50, 0)
    expect(sample.leaseMsP50).toBeCloseTo(10, 0)
  })

  test('says how many wait and how long the oldest has waited', () => {
    const counts = countsByHand({ waiters: 3, oldestWaitSinceMs: 60 })
    expect(new Sampler(counts, 0).take(100, LIMITS, ON_TIME)).toMatchObject({ waiters: 3, oldestWaitMs: 40 })
    expect(new Sampler(countsByHand(), 0).take(100, LIMITS, ON_TIME)).toMatchObject({ waiters: 0, oldestWaitMs: 0 })
  })

  test.each(['timedOut', 'shed', 'aborted', 'queueFull', 'createRefused'] as const)(
    'an acquire refused as %s counts as such, in the window and in the totals',
    (kind) => {
      const sampler = new Sampler(countsByHand(), 0)
      sampler.refused(1, kind)
      expect(sampler.stats()).toMatchObject({ [kind]: 1 })
      expect(sampler.take(100, LIMITS, ON_TIME)).toMatchObject({ [kind]: 1 })
    },
  )

  test('tells refusals of the backend from other failures to create', () => {
    const sampler = new Sampler(countsByHand(), 0)
    sampler.createFailed(1, 'refusing')
    sampler.createFailed(2, 'timeout')
    sampler.createFailed(3, 'unreachable')
    expect(sampler.take(100, LIMITS, ON_TIME)).toMatchObject({ createFailed: 3, createFailedRefusing: 1 })
  })
})

describe('the totals', () => {
  test('are the closed windows and the open one', () => {
    const sampler = new Sampler(countsByHand(), 0)
    sampler.granted(1, 10)
    sampler.ended(2, 100)
    sampler.created(3, 40)
    sampler.take(100, LIMITS, ON_TIME)
    sampler.granted(101, 30)
    sampler.ended(102, 300)
    const stats = sampler.stats()
    expect(stats).toMatchObject({ acquired: 2, released: 2, created: 1 })
    expect(stats.waitMs).toMatchObject({ count: 2, mean: 20, max: 30 })
    expect(stats.leaseMs).toMatchObject({ count: 2, mean: 200, max: 300 })
    expect(stats.createMs).toMatchObject({ count: 1, mean: 40 })
  })

  test('are not changed by asking for them', () => {
    const sampler = new Sampler(countsByHand(), 0)
    sampler.granted(1, 10)
    expect(sampler.stats()).toEqual(sampler.stats())
  })

  test('count as evicted what is told to be', () => {
    const sampler = new Sampler(countsByHand(), 0)
    sampler.destroyed(1, 'excess', true) // while it was idle
    sampler.destroyed(1, 'excess', false) // as it came back
    expect(sampler.stats()).toMatchObject({ destroyed: 2, evicted: 1 })
  })
})
