import { expect, test } from 'vitest'
import { newTestPool, watch } from '../../support/new-test-pool.ts'

// Slipped through, since every random of these tests is a good one: the create ended nowhere, and its waiters hung.
test.each([
  () => {
    throw new Error('no entropy')
  },
  () => Number.NaN,
  () => 7,
  () => 1,
  () => '0.5' as unknown as number,
  () => 0n as unknown as number,
])('a random that throws or answers no share counts as one half', async (next) => {
  const { pool, factory, clock } = newTestPool({ random: { next }, createBackoff: { refuseAfter: 10 } })
  factory.behaviour.create = 'fail'
  const first = watch(pool.acquire())
  await clock.advance(74)
  factory.behaviour.create = 'ok'
  expect(factory.resources).toHaveLength(0)
  await clock.advance(1) // a pause of 100 ms, less half of the half that is left to chance
  first.value?.release()
  expect(pool.counts()).toMatchObject({ size: 1, idle: 1 })
  await clock.advance(1_800_000)
  expect(pool.stats().evicted).toBe(1) // the last one goes with its lifetime
  await pool.drain()
})

// Slipped through: 1 was taken for a share, and with all of an endless lifetime left to chance, Infinity × 0 is NaN.
test('a random that answers 1 ends no lifetime', async () => {
  const { pool } = newTestPool({ random: { next: () => 1 }, lifetimeMs: Number.POSITIVE_INFINITY, lifetimeJitter: 1 })
  const lease = await pool.acquire()
  lease.release()
  expect(pool.counts().idle).toBe(1)
})
