import { expect, test } from 'vitest'
import { type AdaptivePool, type CreatePoolOptions, createPool } from '../../src/create-pool.ts'

import { VirtualClock } from '../../src/sim/virtual-clock.ts'
import { FakeFactory, type FakeResource } from '../support/fake-factory.ts'

const ACQUIRES = 50
const CONNECT_MS = 150
const LEASE_MS = 2

interface Spike {
  /** Resources that the pool has opened by the time the last caller has had its own. */
  readonly opened: number
  /** From acquire to the end of the lease, in ms, ascending. */
  readonly tookMs: readonly number[]
}

/**
 * 50 acquires at once meet a pool with a few idle resources: does it open one for each, or does it see that those who
 * hold one will be done long before another is open?
 *
 * @source HikariCP, "Welcome to the Jungle" (its wiki): 5 idle, 50 callers, connect 150 ms, query 2 ms, at most 50 open
 */
async function spike(
  idle: number,
  options: Partial<CreatePoolOptions<FakeResource>> = {},
  warm = (pool: AdaptivePool<FakeResource>): Promise<unknown> => pool.warmUp(idle),
): Promise<Spike> {
  const clock = new VirtualClock()
  const factory = new FakeFactory(clock, { slowMs: CONNECT_MS })
  factory.behaviour.create = 'slow'
  const { create, destroy } = factory.functions
  const pool = createPool({
    create,
    destroy,
    limitMax: 50,
    limitInitial: 50,
    clock,
    random: { next: () => 0 },
    ...options,
  })
  if (idle > 0) await Promise.all([warm(pool), clock.advance(10 * CONNECT_MS)])
  const startMs = clock.nowMs()
  const tookMs: number[] = []
  let opened = 0
  for (let i = 0; i < ACQUIRES; i++) {
    pool.acquire().then((lease) => {
      opened = factory.resources.length + factory.creating
      clock.startTimer(LEASE_MS, () => {
        tookMs.push(clock.nowMs() - startMs)
        lease.release()
      })
    })
  }
  await clock.advance(2_000)
  expect(tookMs).toHaveLength(ACQUIRES)
  return { opened, tookMs }
}

/** Of 50, the slowest. */
function p99({ tookMs }: Spike): number {
  return tookMs[Math.ceil(0.99 * tookMs.length) - 1] as number
}

test('a spike of 50 on 5 idle resources opens one more, and the slowest caller is done within 25 ms', async () => {
  const seen = await spike(5)
  expect(seen.opened).toBeLessThanOrEqual(6)
  expect(p99(seen)).toBeLessThanOrEqual(25)
})

test.each([1, 4, 50])('that is not for lack of creates under way: creatingMax %i', async (creatingMax) => {
  const seen = await spike(5, { creatingMax })
  expect(seen.opened).toBeLessThanOrEqual(6)
  expect(p99(seen)).toBeLessThanOrEqual(25)
})

test('nor is it for lack of room: a pool at its default limit does as well', async () => {
  const seen = await spike(5, { limitInitial: 10 })
  expect(seen.opened).toBeLessThanOrEqual(6)
  expect(p99(seen)).toBeLessThanOrEqual(25)
})

test.each([1, 4, 50])(
  'nor if five leases that waited for each other are all that is known: limit 50, creatingMax %i',
  async (creatingMax) => {
    const seen = await spike(5, { creatingMax }, async (pool) => {
      const leases = await Promise.all(Array.from({ length: 5 }, () => pool.acquire()))
      for (const lease of leases) lease.release()
    })
    expect(seen.opened).toBeLessThanOrEqual(6)
    expect(p99(seen)).toBeLessThanOrEqual(25)
  },
)

test('on a cold pool it opens creatingMax, finds that these suffice, and opens at most one more', async () => {
  const seen = await spike(0)
  expect(seen.opened).toBeLessThanOrEqual(5)
  expect(p99(seen)).toBeLessThanOrEqual(CONNECT_MS + (ACQUIRES / 4 + 1) * LEASE_MS)
})
