import { expect, test } from 'vitest'
import { createPool } from '../../../src/create-pool.ts'
import { VirtualClock } from '../../../src/sim/virtual-clock.ts'

test('lends, waits, releases, drains', async () => {
  const clock = new VirtualClock()
  let n = 0
  const pool = createPool({ create: async () => ++n, destroy: () => {}, limitMax: 2, limitInitial: 2, clock, queue: 'fifo' })
  const got: number[] = []
  const a = pool.acquire().then((l) => (got.push(l.resource), l))
  const b = pool.acquire().then((l) => (got.push(l.resource), l))
  const c = pool.acquire({ timeoutMs: 100 })
  c.catch(() => {})
  await clock.advance(0)
  expect(got).toEqual([1, 2])
  expect(pool.counts()).toMatchObject({ inUse: 2, waiters: 1 })
  await clock.advance(150)
  await expect(c).rejects.toThrow(/No resource/)
  ;(await a).release()
  expect(pool.counts()).toMatchObject({ inUse: 1, idle: 1 })
  const d = pool.drain()
  ;(await b).release()
  await clock.advance(10)
  expect(await d).toEqual({ leasesCut: 0, holders: [], waitersRefused: 0, unfinished: 0 })
  expect(clock.timerCount).toBe(0)
  expect(() => b.then).not.toThrow()
})
