import { expect, test } from 'vitest'
import { newTestPool } from '../support/new-test-pool.ts'
import { sleep } from '../support/sleep.ts'

test.each([
  ['time out', {}],
  ['find the queue full', { waitersMax: 8 }],
  ['may not wait', { waitersMax: 0 }],
])('profile() counts every lease, also where most callers %s', async (_how, options) => {
  const { pool, clock } = newTestPool({
    limitMax: 4,
    limitInitial: 4,
    warmUp: 4,
    acquireTimeoutMs: 100,
    watch: { callSitesPerSecond: 100 },
    ...options,
  })
  await clock.advance(1)
  async function work(): Promise<void> {
    const lease = await pool.acquire().catch(() => undefined)
    await sleep(clock, 10)
    lease?.release()
  }
  for (let atMs = 0; atMs < 20_000; atMs++) {
    for (let i = 0; i < 4; i++) void work()
    await clock.advance(1)
  }
  await clock.advance(1_000)
  const counted = pool.profile().holders.reduce((sum, { leases }) => sum + leases, 0)
  const { released } = pool.stats()
  expect(released).toBeGreaterThan(5_000)
  // Nobody stands yet for those since the last of the few who were looked at and served.
  expect(counted / released).toBeGreaterThan(0.8)
  expect(counted).toBeLessThanOrEqual(released)
})
