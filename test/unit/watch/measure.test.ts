import { afterEach, expect, test, vi } from 'vitest'
import { Profiler } from '../../../src/watch/profile.ts'
import { newTestPool, recordEvents } from '../../support/new-test-pool.ts'

afterEach(() => vi.restoreAllMocks())

// Slipped through: nobody had given a query's config instead of its text, and the profiler is told before the ledger.
test.each([
  ['a config', { text: 'select 1' }, /^measure: text must be a string, got an object$/],
  ['nothing', undefined, /^measure: text must be a string, got undefined$/],
  ['a number', 5, /^measure: text must be a string, got 5$/],
])(
  'what is measured must have a text: %s is refused, runs nothing, and the lease ends as any other',
  async (_, text, message) => {
    const { pool } = newTestPool({ watch: {} })
    const lease = await pool.acquire({ tag: '/cart' })
    const query = vi.fn()
    expect(() => lease.measure(text as unknown as string, query)).toThrow(
      expect.objectContaining({ name: 'TypeError', message: expect.stringMatching(message) }),
    )
    expect(query).not.toHaveBeenCalled()
    lease.release()
    expect(pool.counts()).toMatchObject({ inUse: 0, idle: 1 })
  },
)

// Slipped through, since nothing was known to throw there.
test('what goes wrong in the profile loses no resource: it is told as if a listener had failed', async () => {
  const { pool } = newTestPool({ watch: {} })
  const failures = recordEvents(pool, 'listenerFailed')
  const error = new Error('a bug of ours')
  vi.spyOn(Profiler.prototype, 'leaseEnded').mockImplementation(() => {
    throw error
  })
  const lease = await pool.acquire({ tag: '/cart' })
  lease.release()
  expect(pool.counts()).toMatchObject({ inUse: 0, idle: 1 })
  expect(failures.map(({ payload }) => payload)).toEqual([{ event: 'profile', error }])
})

// Slipped through, since every test had a working directory. (Mocked: to be without one is a process's affair.)
test('where the working directory is gone, leases end, and call sites have their files in full', async () => {
  const { pool } = newTestPool({ watch: { callSitesPerSecond: 1_000 } })
  vi.spyOn(process, 'cwd').mockImplementation(() => {
    throw new Error('ENOENT: no such file or directory, uv_cwd')
  })
  const failures = recordEvents(pool, 'listenerFailed')
  const lease = await pool.acquire()
  lease.release()
  expect(pool.counts()).toMatchObject({ inUse: 0, idle: 1 })
  expect(failures).toEqual([])
  expect(pool.profile().holders[0]?.holder).toMatch(/[\\/]test[\\/]unit[\\/]watch[\\/]measure\.test\.ts:\d+:\d+/)
})
