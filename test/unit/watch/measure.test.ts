import { afterEach, expect, test, vi } from 'vitest'
import { Profiler } from '../../../src/watch/profile.ts'
import { newTestPool, recordEvents } from '../../support/new-test-pool.ts'
import { sleep } from '../../support/sleep.ts'

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

test('what is measured must be a function', async () => {
  const { pool } = newTestPool({ watch: {} })
  const lease = await pool.acquire()
  expect(() => lease.measure('select 1', undefined as never)).toThrow('measure: fn must be a function, got undefined')
})

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

/** A lease of `/cart`, and queries on it that take so long. */
async function leased(watch: { readonly leaseAgeMs?: number } = {}) {
  const { pool, clock } = newTestPool({ watch, limitMax: 2 })
  const lease = await pool.acquire({ tag: '/cart' })
  return { pool, clock, lease, sleep }
}

// Slipped through: queries were measured one after another, as drivers run them.
test('queries measured side by side are told each with its own time, and the lease’s time in queries is that with any', async () => {
  const { pool, clock, lease, sleep } = await leased()
  void lease.measure('a', () => sleep(clock, 50))
  void lease.measure('b', () => sleep(clock, 200))
  await clock.advance(220)
  void lease.measure('c', () => sleep(clock, 30))
  await clock.advance(30)
  lease.release()
  const [entry] = pool.profile().holders
  expect(entry).toMatchObject({ leaseMs: { total: 250 }, queryMs: { total: 230 }, heldMs: { total: 20 } })
  expect(entry?.queries.map(({ text, count, meanMs }) => [text, count, meanMs])).toEqual([
    ['b', 1, 200],
    ['a', 1, 50],
    ['c', 1, 30],
  ])
})

test('queries measured within another count once, and are told beside it', async () => {
  const { pool, clock, lease, sleep } = await leased()
  void lease.measure('tx', async () => {
    await lease.measure('q', () => sleep(clock, 10))
    await sleep(clock, 190)
  })
  await clock.advance(200)
  lease.release()
  const [entry] = pool.profile().holders
  expect(entry).toMatchObject({ queryMs: { total: 200 }, heldMs: { total: 0 } })
  expect(entry?.queries.map(({ text, count, meanMs }) => [text, count, meanMs])).toEqual([
    ['tx', 1, 200],
    ['q', 1, 10],
  ])
})

test.each([
  ['then a short one', ['big', 'small']],
  ['after a short one', ['small', 'big']],
])('a lease with a long measured query under way, begun %s, is no leak', async (_, texts) => {
  const { pool, clock, lease, sleep } = await leased({ leaseAgeMs: 1_000 })
  const warnings = recordEvents(pool, 'warning')
  for (const text of texts) void lease.measure(text, () => sleep(clock, text === 'big' ? 60_000 : 10))
  await clock.advance(5_000)
  expect(warnings.map(({ payload }) => payload)).not.toContainEqual(expect.objectContaining({ kind: 'leak-suspected' }))
})
