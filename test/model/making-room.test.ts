import { expect, test } from 'vitest'
import { settled } from '../../src/sim/virtual-clock.ts'
import { checkInvariants } from '../support/invariants.ts'
import { newTestPool, watch } from '../support/new-test-pool.ts'

// Where pools have gone wrong before: counts that part ways when a pool shrinks, and room that nobody hears of.

test('a pool that shrinks before it has filled never has more than its new limit', async () => {
  const { pool, factory, clock } = newTestPool({ limitMax: 8, limitInitial: 8, creatingMax: 8 })
  factory.behaviour.create = 'slow'
  const waiting = Array.from({ length: 20 }, () => watch(pool.acquire()))
  await clock.advance(10)
  expect(pool.counts().creating).toBe(8)
  pool.resize(3)
  await clock.advance(20)
  const leases = () => waiting.flatMap(({ value }) => (value === undefined ? [] : [value]))
  expect(leases()).toHaveLength(3)
  expect(pool.counts()).toMatchObject({ limit: 3, size: 3, inUse: 3 })
  expect(factory.count('open')).toBe(3)
  for (let served = 0; served < 17; served++) {
    leases()[served]?.release()
    await clock.advance(30)
    expect(pool.counts().size).toBeLessThanOrEqual(3)
    checkInvariants(pool, factory)
  }
  expect(leases()).toHaveLength(20)
  expect(factory.resources).toHaveLength(8)
})

test('a pool that shrinks and grows again while its creates are under way opens no more than it needs', async () => {
  const { pool, factory, clock } = newTestPool({ limitMax: 6, limitInitial: 6, creatingMax: 6 })
  factory.behaviour.create = 'slow'
  const waiting = Array.from({ length: 6 }, () => watch(pool.acquire()))
  pool.resize(1)
  pool.resize(6)
  await clock.advance(30)
  expect(waiting.every(({ value }) => value !== undefined)).toBe(true)
  expect(factory.resources).toHaveLength(6)
})

test('a resource destroyed by its holder makes room: the waiter has a new one as soon as that is done', async () => {
  const { pool, factory, clock } = newTestPool({ limitMax: 1 })
  const lease = await pool.acquire()
  const waiting = watch(pool.acquire())
  factory.behaviour.destroy = 'slow'
  lease.destroy('broken')
  await clock.advance(29)
  expect(pool.counts()).toMatchObject({ size: 1, destroying: 1, creating: 0, waiters: 1 })
  await clock.advance(1)
  expect(waiting.value?.resource.id).toBe(2)
})

test('a shrink that evicts under a waiter, and a growth after it, leave the waiter neither forgotten nor alone', async () => {
  const { pool, factory, clock } = newTestPool({ limitMax: 3, limitInitial: 3 })
  const leases = [await pool.acquire(), await pool.acquire(), await pool.acquire()]
  factory.behaviour.destroy = 'slow'
  const waiting = watch(pool.acquire())
  pool.resize(2)
  leases[0]?.release() // beyond the limit: it is destroyed, and the waiter waits on
  await settled()
  expect(waiting).toEqual({})
  expect(pool.counts()).toMatchObject({ live: 2, destroying: 1, waiters: 1 })
  leases[1]?.destroy('broken') // within the limit: its slot will be the waiter's
  await settled()
  expect(pool.counts()).toMatchObject({ live: 1, destroying: 2, waiters: 1 })
  await clock.advance(30)
  expect(waiting.value?.resource.id).toBe(4)
  checkInvariants(pool, factory)
})

test('a destroy that hangs holds its slot until destroyTimeoutMs, and then a waiter is served', async () => {
  const { pool, factory, clock } = newTestPool({ limitMax: 1, destroyTimeoutMs: 70 })
  const lease = await pool.acquire()
  const waiting = watch(pool.acquire())
  factory.behaviour.destroy = 'hang'
  lease.destroy('broken')
  await clock.advance(69)
  expect(pool.counts()).toMatchObject({ size: 1, destroying: 1, waiters: 1 })
  await clock.advance(1)
  expect(waiting.value?.resource.id).toBe(2)
  factory.letGo() // its late end is nobody's slot any more
  await settled()
  expect(pool.counts()).toMatchObject({ size: 1, inUse: 1, destroying: 0 })
})

test('a create that delivers after its timeout is destroyed; meanwhile its slot has gone to another', async () => {
  const { pool, factory, clock } = newTestPool({
    limitMax: 1,
    createTimeoutMs: 50,
    createBackoff: { initialMs: 10, jitter: 0 },
  })
  factory.isDeaf = true
  factory.behaviour.create = 'hang'
  const waiting = watch(pool.acquire())
  await clock.advance(50)
  factory.behaviour.create = 'ok'
  await clock.advance(10)
  expect(waiting.value).toBeDefined()
  factory.letGo()
  await clock.advance(0)
  expect(factory.resources).toMatchObject([{ state: 'open' }, { state: 'closed' }])
  expect(pool.counts()).toMatchObject({ size: 1, inUse: 1 })
  checkInvariants(pool, factory)
})

test('drain with a lease that does not end cuts it, and says who held it', async () => {
  const { pool, factory, clock } = newTestPool({ limitMax: 2 })
  await pool.acquire({ tag: 'report' })
  const second = await pool.acquire({ tag: 'login' })
  const late = watch(pool.acquire({ tag: 'report' }))
  const drained = watch(pool.drain({ timeoutMs: 100 }))
  await clock.advance(10)
  second.release() // serves the one who waits
  await clock.advance(89)
  expect(drained).toEqual({})
  await clock.advance(1)
  expect(drained.value).toEqual({
    leasesCut: 2,
    holders: [{ holder: 'report', count: 2, oldestMs: 100 }],
    waitersRefused: 0,
    unfinished: 0, // they are being destroyed at that moment
  })
  await settled()
  expect(factory.count('closed')).toBe(2)
  expect(pool.counts().size).toBe(0)
  expect(() => late.value?.release()).not.toThrow() // for its holder it is the first end
  expect(() => late.value?.release()).toThrow(expect.objectContaining({ code: 'ERR_POOL_LEASE_ENDED' }))
})
