import { afterEach, expect, test, vi } from 'vitest'
import type { PoolHandleEvents } from '../../../src/handle.ts'
import { settled } from '../../../src/sim/virtual-clock.ts'
import { checkInvariants } from '../../support/invariants.ts'
import { newTestPool, recordEvents, watch } from '../../support/new-test-pool.ts'

afterEach(() => {
  vi.restoreAllMocks()
})

// ---------------------------------------------------------------------------------------------- what is told

test('a resource that passes from its holder to a waiter is told of as released, then as acquired', async () => {
  const { pool, clock } = newTestPool({ limitMax: 1 })
  const lease = await pool.acquire()
  const waiting = watch(pool.acquire())
  await clock.advance(50)
  const told: unknown[] = []
  pool.on('released', () => told.push(['released', pool.counts()]))
  pool.on('acquired', () => told.push(['acquired', pool.counts()]))
  lease.release()
  await settled()
  expect(told).toMatchObject([
    ['released', { inUse: 0, validating: 1, waiters: 1 }],
    ['acquired', { inUse: 1, validating: 0, waiters: 0 }],
  ])
  expect(waiting.value?.resource).toBe(lease.resource)
})

test('each event says of which pool it tells, and a decision that is kept stays as it was', async () => {
  const { pool, clock } = newTestPool({ name: 'orders', limitMax: 2 })
  const told: PoolHandleEvents[keyof PoolHandleEvents][] = []
  for (const event of ['created', 'acquired', 'released', 'decided', 'limitChanged'] as const) {
    pool.on(event, (payload) => told.push(payload))
  }
  const lease = await pool.acquire()
  lease.release()
  pool.resize(1)
  await clock.advance(300)
  expect(told.length).toBeGreaterThanOrEqual(5)
  expect(told.map((payload) => payload.pool)).toEqual(told.map(() => 'orders'))
  expect(pool.decisions(1)[0]).not.toHaveProperty('pool')
})

// Slipped through: events were compared, and never logged.
test('an event that tells of an error is JSON with its message and stack, and without what else the error holds', async () => {
  const denied = Object.assign(new Error('no entry'), { code: 'EDENIED', config: { password: 'secret' }, self: {} })
  denied.self = denied
  let creates = 0
  const { pool, clock } = newTestPool({
    limitMax: 1,
    create: async () => {
      creates += 1
      if (creates === 1) throw denied
      return { id: 1, createdAtMs: 0, state: 'open', validatedAtMs: 0, isValidating: false }
    },
    destroy: () => {
      throw new Error('no way out')
    },
  })
  const told: Record<string, unknown> = {}
  for (const event of ['createFailed', 'listenerFailed', 'destroyed'] as const) {
    pool.on(event, (payload) => {
      told[event] = JSON.parse(JSON.stringify(payload))
      expect(Object.keys(payload)).not.toContain('toJSON')
    })
  }
  pool.on('acquired', () => {
    throw new TypeError('a slip')
  })
  const waiting = watch(pool.acquire())
  await clock.advance(1_000)
  waiting.value?.destroy(denied)
  await settled()
  const error = { name: 'Error', message: 'no entry (EDENIED)', code: 'EDENIED', stack: denied.stack }
  expect(told).toMatchObject({
    createFailed: { pool: 'test', error, failures: 1, counts: { limit: 1 } },
    listenerFailed: { pool: 'test', event: 'acquired', error: { name: 'TypeError', message: 'a slip' } },
    destroyed: { pool: 'test', reason: 'broken', cause: error, error: { message: 'no way out' } },
  })
})

test('so is one that tells only of what a resource was destroyed for', async () => {
  const { pool } = newTestPool({})
  const told: unknown[] = []
  pool.on('destroyed', (payload) => told.push(JSON.parse(JSON.stringify(payload))))
  const lease = await pool.acquire()
  lease.destroy(new Error('reset by peer'))
  await settled()
  expect(told).toMatchObject([{ reason: 'broken', cause: { message: 'reset by peer' } }])
})

// Slipped through: all codes that were tried were texts.
test.each([
  ['whose code is a bigint', Object.assign(new Error('no entry'), { code: 13n }), { code: '13n' }],
  ['whose code is a ring', Object.assign(new Error('no entry'), { code: ring() }), { code: 'an object' }],
  ['that is a bigint itself', 13n, '13n'],
])('a listener can log as JSON what a resource was destroyed for, %s', async (_, thrown, told) => {
  const { pool } = newTestPool({})
  const logged: unknown[] = []
  pool.on('destroyed', (payload) => logged.push(JSON.parse(JSON.stringify(payload))))
  const lease = await pool.acquire()
  lease.destroy(thrown)
  await settled()
  expect(logged).toMatchObject([{ reason: 'broken', cause: told }])
})

function ring(): object {
  const self: { self?: object } = {}
  self.self = self
  return self
}

test('a resource’s way through the pool is told in events, each once', async () => {
  const { pool, factory, clock } = newTestPool({ limitMin: 1, idleTimeoutMs: 1_000, lifetimeMs: 5_000 })
  const events = recordEvents(pool, 'created', 'acquired', 'released', 'evicted', 'destroyed')
  factory.behaviour.create = 'slow' // 30 ms
  const waiting = watch(pool.acquire({ tag: 'orders' }))
  await clock.advance(50)
  waiting.value?.release()
  await clock.advance(10_000)
  const told = Object.fromEntries(events.map(({ name, payload }) => [name, payload]))
  expect(events.length).toBe(5)
  expect(told).toMatchObject({
    created: { createMs: 30 },
    acquired: { waitMs: 30, tag: 'orders' },
    released: { leaseMs: 20, tag: 'orders' },
    evicted: { reason: 'lifetime', idleMs: 4_980 },
    destroyed: { reason: 'lifetime' },
  })
})

test('they are told in the order in which they happened: a resource is created before it is lent', async () => {
  const { pool } = newTestPool()
  const events = recordEvents(pool, 'created', 'acquired', 'released')
  const lease = await pool.acquire()
  lease.release()
  expect(events.map(({ name }) => name)).toEqual(['created', 'acquired', 'released'])
  expect(events[0]?.counts).toMatchObject({ creating: 0, live: 1, waiters: 1 })
})

test('a resource that is no longer idle when its lifetime ends is destroyed, not evicted', async () => {
  const { pool, clock } = newTestPool({ lifetimeMs: 100 })
  const evicted = recordEvents(pool, 'evicted')
  const lease = await pool.acquire()
  await clock.advance(150)
  lease.release()
  await clock.advance(0)
  await pool.warmUp(2)
  await Promise.all([pool.drain(), clock.advance(0)])
  expect(evicted).toEqual([])
  expect(pool.stats()).toMatchObject({ destroyed: 3, evicted: 0 })
})

test('what is lent at once has waited for 0 ms', async () => {
  const { pool } = newTestPool()
  await pool.warmUp(1)
  const acquired = recordEvents(pool, 'acquired')
  await pool.acquire()
  pool.tryAcquire()
  expect(acquired.map(({ payload }) => payload)).toEqual([{ waitMs: 0, tag: undefined }])
})

test('a refusal is told once its waiter has left', async () => {
  const { pool, clock } = newTestPool({
    limitMax: 1,
    queue: {
      name: 'strict',
      start: () => ({ order: () => 'oldest', admit: (waitMs) => (waitMs > 50 ? 'shed' : 'grant'), emptied: () => {} }),
    },
  })
  const lease = await pool.acquire()
  const events = recordEvents(pool, 'timedOut', 'shed')
  void watch(pool.acquire({ timeoutMs: 20, tag: 'a' }))
  void watch(pool.acquire({ tag: 'b' }))
  await clock.advance(60)
  lease.release()
  expect(events.map(({ name, payload }) => ({ name, payload }))).toMatchObject([
    { name: 'timedOut', payload: { waitMs: 20, tag: 'a', counts: { waiters: 1 } } },
    { name: 'shed', payload: { waitMs: 60, tag: 'b', counts: { waiters: 0 } } },
  ])
})

test('a failed create is told with its cause, its class and when the next one may start', async () => {
  const { pool, factory, clock } = newTestPool({ createBackoff: { initialMs: 100, maxMs: 500, factor: 3, jitter: 0 } })
  const failed = recordEvents(pool, 'createFailed')
  factory.behaviour.create = 'refuse'
  void watch(pool.acquire())
  await clock.advance(100)
  expect(failed.map(({ payload }) => payload)).toMatchObject([
    { error: { code: '53300' }, failure: 'refusing', failures: 1, retryInMs: 100, counts: { creating: 0, waiters: 1 } },
    { error: { code: '53300' }, failure: 'refusing', failures: 2, retryInMs: 300, counts: { creating: 0, waiters: 1 } },
  ])
})

test('listeners may be taken off, and those for once hear one event', async () => {
  const { pool } = newTestPool()
  const heard: string[] = []
  const listener = (): void => void heard.push('on')
  pool.on('acquired', listener).once('acquired', () => void heard.push('once'))
  await pool.acquire()
  await pool.acquire()
  pool.off('acquired', listener)
  await pool.acquire()
  expect(heard).toEqual(['on', 'once', 'on'])
})

// ---------------------------------------------------------------------------------------------- consistent counts

const NAMES = [
  'acquired',
  'released',
  'created',
  'createFailed',
  'destroyed',
  'evicted',
  'timedOut',
  'shed',
  'limitChanged',
  'drained',
] as const satisfies readonly (keyof PoolHandleEvents)[]

test('whenever a listener looks, the counts agree with the backend', async () => {
  const { pool, factory, clock } = newTestPool({ limitMin: 1, idleTimeoutMs: 1_000, validates: true })
  const disagreements: string[] = []
  const seen = new Set<string>()
  for (const name of NAMES) {
    pool.on(name, () => {
      seen.add(name)
      const { idle, validating, inUse, destroying, size, live, creating } = pool.counts()
      const open = factory.count('open')
      if (live !== creating + idle + validating + inUse) disagreements.push(`${name}: live`)
      if (size !== live + destroying) disagreements.push(`${name}: size`)
      // Between two moves one resource may be at neither place: told to close, or delivered, and not told of yet.
      if (idle + validating + inUse > open + 1) disagreements.push(`${name}: ${idle + validating + inUse} of ${open}`)
    })
  }
  const leases = await Promise.all(Array.from({ length: 6 }, () => pool.acquire()))
  for (const lease of leases) lease.release()
  pool.resize(4)
  await clock.advance(1_000)
  factory.behaviour.create = 'fail'
  const waiting = Array.from({ length: 5 }, () => watch(pool.acquire({ timeoutMs: 50 })))
  await clock.advance(2_000)
  for (const { value } of waiting) value?.destroy()
  await pool.drain()
  expect(disagreements).toEqual([])
  expect([...seen].sort()).toEqual(NAMES.filter((name) => name !== 'shed').toSorted())
})

// Slipped through: the event was told between taking the entry out of the idle set and counting it out.
test('who hears that a resource was evicted does not find it among the idle ones', async () => {
  const { pool, clock } = newTestPool({ limitMin: 1, lifetimeMs: 1_000 })
  await pool.warmUp(1)
  const evicted = recordEvents(pool, 'evicted')
  await clock.advance(1_000)
  expect(evicted.map(({ counts }) => counts)).toMatchObject([{ idle: 0, live: 0 }])
})

// ---------------------------------------------------------------------------------------------- listeners that fail

test('a listener that throws harms neither the pool nor other listeners, and is reported', async () => {
  const { pool, factory, clock } = newTestPool({ limitMin: 1, idleTimeoutMs: 1_000, limitMax: 2 })
  const bad = new Error('bad listener')
  for (const name of NAMES) {
    pool.on(name, () => {
      throw bad
    })
  }
  const good = recordEvents(pool, ...NAMES)
  const failed = recordEvents(pool, 'listenerFailed')
  const lease = await pool.acquire()
  const other = await pool.acquire()
  const late = watch(pool.acquire({ timeoutMs: 10 }))
  await clock.advance(10)
  expect(late.error).toMatchObject({ code: 'ERR_POOL_ACQUIRE_TIMEOUT' })
  lease.release()
  other.destroy()
  pool.resize(1)
  factory.behaviour.create = 'fail'
  await clock.advance(5_000)
  await pool.drain()
  checkInvariants(pool, factory)
  expect(failed.map(({ payload }) => payload)).toEqual(good.map(({ name }) => ({ event: name, error: bad })))
  expect(good.length).toBeGreaterThan(8)
})

test('the rejection of an async listener is reported, not left unhandled', async () => {
  const { pool } = newTestPool()
  const bad = new Error('bad listener')
  pool.on('acquired', async () => {
    await Promise.resolve()
    throw bad
  })
  const failed = recordEvents(pool, 'listenerFailed')
  await pool.acquire()
  await settled()
  expect(failed.map(({ payload }) => payload)).toEqual([{ event: 'acquired', error: bad }])
})

test.each([
  ['an error', new Error('bad listener'), 'bad listener'],
  ['a string', 'oh', 'oh'],
  ['nothing', undefined, 'undefined'],
  ['what cannot be a string', Object.create(null), 'null prototype'],
])('without a listener for listenerFailed the process is warned: of %s', async (_, thrown, text) => {
  const warned = vi.spyOn(process, 'emitWarning').mockImplementation(() => {})
  const { pool } = newTestPool()
  pool.on('acquired', () => {
    throw thrown
  })
  const lease = await pool.acquire()
  lease.release()
  expect(warned).toHaveBeenCalledOnce()
  const [message, options] = warned.mock.calls[0] ?? []
  expect(message).toContain("A listener for 'acquired' of pool 'test' failed:")
  expect(message).toContain(text)
  expect(options).toEqual({ code: 'ADAPTIVE_POOL_LISTENER' })
})

// Slipped through, since each was tried with one event: a metrics client that fails wrote a stack for each acquire.
test('without a listener for listenerFailed the process is warned once of each event, not at each time', async () => {
  const warned = vi.spyOn(process, 'emitWarning').mockImplementation(() => {})
  const { pool } = newTestPool()
  const fail = (): never => {
    throw new Error('bad listener')
  }
  pool.on('acquired', fail).on('released', fail)
  for (let i = 0; i < 3; i++) await pool.use(() => i)
  expect(warned.mock.calls.map(([message]) => /'\w+'/.exec(String(message))?.[0])).toEqual(["'acquired'", "'released'"])
  const failed = recordEvents(pool, 'listenerFailed')
  await pool.use(() => 3)
  expect(failed).toHaveLength(2)
})

test('a listener for listenerFailed that throws itself ends as a warning of the process', async () => {
  const warned = vi.spyOn(process, 'emitWarning').mockImplementation(() => {})
  const { pool } = newTestPool()
  const fail = (): never => {
    throw new Error('bad listener')
  }
  pool.on('acquired', fail)
  pool.on('listenerFailed', fail)
  await pool.acquire()
  expect(warned.mock.calls.map(([message]) => String(message).slice(0, 35))).toEqual([
    "A listener for 'listenerFailed' of ",
  ])
})
