import { expect, test } from 'vitest'
import type { LeaseInfo } from '../../../src/pool/contract.ts'
import { VirtualClock } from '../../../src/sim/virtual-clock.ts'
import { OTHERS, Profiler } from '../../../src/watch/profile.ts'

function newProfiler() {
  const clock = new VirtualClock()
  const profiler = new Profiler(clock)
  /** Has a lease run queries, and be held for a while after each. */
  const lend = (
    tag: string,
    work: readonly (readonly [text: string, queryMs: number, heldMs: number])[],
    weight = 1,
  ) => {
    const lease: LeaseInfo = { tag, sinceMs: clock.nowMs() }
    for (const [text, queryMs, heldMs] of work) {
      profiler.queryBegan(lease, text)
      clock.leap(queryMs)
      profiler.queriesEnded(lease)
      clock.leap(heldMs)
    }
    profiler.leaseEnded(lease, clock.nowMs(), weight)
  }
  return { clock, profiler, lend }
}

test('the time of a lease is told apart: with a query running, and held without one', () => {
  const { profiler, lend } = newProfiler()
  lend('/cart', [
    ['begin', 1, 0],
    ['select 1', 10, 200],
    ['commit', 2, 0],
  ])
  const [entry] = profiler.profile().holders
  expect(entry).toMatchObject({
    holder: '/cart',
    leases: 1,
    leaseMs: { total: 213 },
    queryMs: { total: 13 },
    heldMs: { total: 200, max: 200 },
    heldShare: 1,
  })
  expect(entry?.queries[0]).toMatchObject({ text: 'select ?', count: 1, meanMs: 10, p95Ms: 10 })
})

test('who holds most without a query comes first', () => {
  const { profiler, lend } = newProfiler()
  for (let i = 0; i < 20; i++) lend('/busy', [['select 1', 50, 0]])
  lend('/http', [['select 1', 5, 200]])
  expect(profiler.profile().holders.map(({ holder }) => holder)).toEqual(['/http', '/busy'])
})

test('a query still running when its lease ends counts until then', () => {
  const { clock, profiler } = newProfiler()
  const lease: LeaseInfo = { tag: 'a', sinceMs: 0 }
  profiler.queryBegan(lease, 'select 1')
  clock.leap(30)
  profiler.leaseEnded(lease, clock.nowMs(), 1)
  expect(profiler.profile().holders[0]).toMatchObject({ queryMs: { total: 30 }, heldMs: { total: 0 } })
})

test('queries in a pipeline share its time', () => {
  const { clock, profiler } = newProfiler()
  const lease: LeaseInfo = { tag: 'a', sinceMs: 0 }
  profiler.queryBegan(lease, 'first')
  clock.leap(10)
  profiler.queryBegan(lease, 'second')
  clock.leap(5)
  profiler.queriesEnded(lease)
  profiler.leaseEnded(lease, clock.nowMs(), 1)
  expect(profiler.profile().holders[0]).toMatchObject({ queryMs: { total: 15 } })
})

test('a sampled lease stands for those that were not looked at', () => {
  const { profiler, lend } = newProfiler()
  lend('/cart', [['select 1', 5, 5]], 10)
  expect(profiler.profile().holders[0]).toMatchObject({ leases: 10, leaseMs: { total: 100, mean: 10 } })
})

test('of leases whose queries nobody tells of, there is no split', () => {
  const { profiler, lend } = newProfiler()
  lend('/cart', [])
  expect(profiler.profile().holders[0]).toMatchObject({ queryMs: undefined, heldMs: undefined, queries: [] })
})

test('however many holders and texts there are, memory is bounded', () => {
  const { profiler, lend } = newProfiler()
  for (let i = 0; i < 1_000; i++) lend(`/user/${i}`, [[`select * from t${i}x`, 1, 1]])
  const { holders } = profiler.profile()
  expect(holders.length).toBeLessThanOrEqual(101)
  expect(holders.find(({ holder }) => holder === OTHERS)?.leases).toBe(900)
})

test('a query that has become slow is named, with since when', () => {
  const { clock, profiler, lend } = newProfiler()
  for (let i = 0; i < 60; i++) lend('/cart', [['select * from a', 5, 0]])
  const sinceMs = clock.nowMs()
  for (let i = 0; i < 20; i++) lend('/cart', [['select * from a', 50, 0]])
  const [slow] = profiler.slowQueries(clock.nowMs())
  expect(slow).toMatchObject({ what: 'select * from a' })
  expect((slow?.sinceMs ?? 0) - sinceMs).toBeLessThan(500)
})

test('of a lease whose end will not be told, no more is kept than whether a query runs, and which', () => {
  const { clock, profiler } = newProfiler()
  const lease: LeaseInfo = { tag: undefined, sinceMs: 0 }
  profiler.queryBegan(lease, 'select 1')
  expect(lease.work).toMatchObject({ runningSinceMs: 0, text: 'select 1', ended: undefined })
  clock.leap(10)
  profiler.queriesEnded(lease)
  expect(lease.work?.runningSinceMs).toBeUndefined()
  profiler.queryBegan(lease, 'select 2')
  expect(lease.work).toMatchObject({ runningSinceMs: 10, text: 'select 2' })
})

test('without call sites every lease is told of, with its queries', () => {
  const clock = new VirtualClock()
  const profiler = new Profiler(clock, false)
  const lease: LeaseInfo = { tag: undefined, sinceMs: 0 }
  profiler.queryBegan(lease, 'select 1')
  clock.leap(10)
  profiler.leaseEnded(lease, clock.nowMs(), 1)
  expect(profiler.profile().holders[0]?.queries[0]).toMatchObject({ text: 'select ?', maxMs: 10 })
})

test('what a driver tells within a measured query is part of it', () => {
  const { clock, profiler } = newProfiler()
  const lease: LeaseInfo = { tag: 'a', sinceMs: 0 }
  const ended = profiler.measureBegan(lease, 'tx')
  clock.leap(5)
  profiler.queryBegan(lease, 'select 1')
  clock.leap(10)
  profiler.queriesEnded(lease)
  clock.leap(5)
  ended()
  clock.leap(20)
  profiler.leaseEnded(lease, clock.nowMs(), 1)
  const [entry] = profiler.profile().holders
  expect(entry).toMatchObject({ queryMs: { total: 20 }, heldMs: { total: 20 } })
  expect(entry?.queries).toMatchObject([{ text: 'tx', count: 1, meanMs: 20 }])
})
