import { expect, test } from 'vitest'
import type { WatchOptions } from '../../../src/watch/watch-options.ts'
import { newTestPool, type TestPoolOptions } from '../../support/new-test-pool.ts'

/** A pool of one, lent at 0 ms; who waits from 30 ms on begins the count. Answers what was told, and when. */
async function poolOfOne(watch: WatchOptions = {}, options: TestPoolOptions = {}) {
  const { pool, clock, factory } = newTestPool({ limitMax: 1, limitInitial: 1, watch, ...options })
  const told: { readonly event: string; readonly atMs: number; readonly forMs?: number }[] = []
  const startMs = clock.nowMs()
  const lease = await pool.acquire()
  pool.on('exhausted', ({ forMs }) => told.push({ event: 'exhausted', atMs: clock.nowMs() - startMs, forMs }))
  pool.on('recovered', () => told.push({ event: 'recovered', atMs: clock.nowMs() - startMs }))
  await clock.advance(30)
  return { pool, clock, factory, lease, told }
}

test('exhausted comes when callers have waited for exhaustedAfterMs, whenever windows end', async () => {
  const { pool, clock, lease, told } = await poolOfOne({ exhaustedAfterMs: 1_000 })
  const waiting = pool.acquire()
  await clock.advance(999)
  expect(told).toEqual([])
  await clock.advance(2)
  expect(told).toEqual([{ event: 'exhausted', atMs: 1_030, forMs: 1_000 }])
  lease.release()
  ;(await waiting).release()
})

test('a queue that breaks a moment after that is told of, though no window ends while it stands', async () => {
  const { pool, clock, lease, told } = await poolOfOne({ exhaustedAfterMs: 100 }, { windowMs: 60_000 })
  const waiting = pool.acquire()
  await clock.advance(101)
  lease.release()
  ;(await waiting).release()
  expect(told).toEqual([{ event: 'exhausted', atMs: 130, forMs: 100 }])
})

test('a queue that breaks a moment before is none, and the one after it starts afresh', async () => {
  const { pool, clock, lease, told } = await poolOfOne({ exhaustedAfterMs: 100 })
  const first = pool.acquire()
  await clock.advance(99)
  lease.release()
  const second = await first
  const third = pool.acquire() // queued in the instant in which nobody waited any more
  await clock.advance(99)
  expect(told).toEqual([])
  await clock.advance(1)
  expect(told).toEqual([{ event: 'exhausted', atMs: 229, forMs: 100 }])
  second.release()
  ;(await third).release()
})

test('one that is handed on from waiter to waiter without a break is one wait', async () => {
  const { pool, clock, lease, told } = await poolOfOne({ exhaustedAfterMs: 100 })
  let holder = lease
  const waiting = [pool.acquire(), pool.acquire(), pool.acquire(), pool.acquire()]
  for (const next of waiting) {
    await clock.advance(30)
    holder.release()
    holder = await next
  }
  expect(told).toEqual([{ event: 'exhausted', atMs: 130, forMs: 100 }])
  holder.release()
})

test('with exhaustedAfterMs at Infinity nobody is told, and no timer waits for it', async () => {
  const { pool, clock, lease, told } = await poolOfOne({ exhaustedAfterMs: Number.POSITIVE_INFINITY })
  const waiting = pool.acquire()
  await clock.advance(20_000)
  expect(told).toEqual([])
  lease.release()
  ;(await waiting).release()
})

test('nothing of it is left when the pool has been drained', async () => {
  const { pool, clock, lease } = await poolOfOne({ exhaustedAfterMs: 5_000 })
  const waiting = pool.acquire()
  lease.release()
  ;(await waiting).release()
  await Promise.all([pool.drain(), clock.advance(1_000)])
  expect(clock.timerCount).toBe(0)
})
