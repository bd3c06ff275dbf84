import { expect, test, vi } from 'vitest'
import type { Controller } from '../../../src/control/controller.ts'
import type { Factory, Options } from '../../../src/generic-pool/index.ts'
import * as ours from '../../../src/generic-pool/index.ts'
import { asCaught, type FakeConnection, fakeConnections, inItsOwnTime } from '../../support/side-by-side.ts'

// Where generic-pool 3.9 has a defect, ours differs on purpose: docs/generic-pool.md lists each.

interface Stage {
  readonly factory: ReturnType<typeof fakeConnections>
  newPool(options?: Options, change?: Partial<Factory<FakeConnection>>): ours.Pool<FakeConnection>
  advance(ms: number): Promise<void>
}

function fixed(title: string, act: (stage: Stage) => Promise<void>) {
  test(title, () =>
    inItsOwnTime(ours, async (_, { advance }) => {
      const factory = fakeConnections()
      const newPool: Stage['newPool'] = (options, change) => ours.createPool({ ...factory, ...change }, options)
      await act({ factory, newPool, advance })
    }),
  )
}

const caught = (promise: Promise<unknown>): Promise<unknown> =>
  promise.then(
    () => 'no failure',
    (error: unknown) => error,
  )

const refuses = (error: Error) => ({ create: () => Promise.reject(error) })

fixed(
  'a create that fails again and again rejects who waits, with its own error, after three tries with pauses',
  async (s) => {
    const error = Object.assign(new Error('connect ECONNREFUSED'), { code: 'ECONNREFUSED' })
    let tries = 0
    const pool = s.newPool({ max: 5 }, { create: () => Promise.reject(tries++ < 1_000 ? error : error) })
    const waiting = [caught(pool.acquire()), caught(pool.acquire())]
    await s.advance(5_000)
    expect(await Promise.all(waiting)).toEqual([error, error])
    expect(tries).toBeLessThan(10)
    expect(pool.pending).toBe(0)
  },
)

fixed('while something is out, who waits is not refused, and the timeout tells the cause', async (s) => {
  const error = new Error('of the factory')
  let tries = 0
  const pool = s.newPool(
    { max: 2, acquireTimeoutMillis: 2_000 },
    { create: () => (tries++ === 0 ? s.factory.create() : Promise.reject(error)) },
  )
  await pool.acquire()
  const late = caught(pool.acquire())
  await s.advance(2_000)
  expect(asCaught(await late)).toMatchObject({ name: 'TimeoutError', message: 'ResourceRequest timed out' })
  expect(await late).toMatchObject({ cause: { code: 'ERR_POOL_ACQUIRE_TIMEOUT', cause: error } })
})

fixed('a create that throws is a create that fails', async (s) => {
  const error = new Error('at once')
  const seen: unknown[] = []
  const pool = s.newPool(
    {},
    {
      create: () => {
        throw error
      },
    },
  )
  pool.on('factoryCreateError', (reason) => seen.push(reason))
  const waiting = caught(pool.acquire())
  await s.advance(5_000)
  expect(await waiting).toBe(error)
  expect(new Set(seen)).toEqual(new Set([error]))
  expect(pool.pending).toBe(0)
})

fixed('a destroy that throws is a factoryDestroyError, and destroy() answers as ever', async (s) => {
  const error = new Error('at once')
  const seen: unknown[] = []
  const pool = s.newPool(
    {},
    {
      destroy: () => {
        throw error
      },
    },
  )
  pool.on('factoryDestroyError', (reason) => seen.push(reason))
  await pool.destroy(await pool.acquire())
  await s.advance(0)
  expect(seen).toEqual([error])
  expect(pool.size).toBe(0)
})

fixed('clear() without drain() leaves nothing dead behind, and refills min', async (s) => {
  const pool = s.newPool({ max: 3, min: 1 })
  await s.advance(0)
  const held = await Promise.all([pool.acquire(), pool.acquire()])
  for (const one of held) await pool.release(one)
  await pool.clear()
  await s.advance(0)
  expect(s.factory.all.filter(({ isOpen }) => isOpen)).toHaveLength(1)
  expect(pool).toMatchObject({ available: 1, size: 1 })
  expect((await pool.acquire()).isOpen).toBe(true)
})

fixed('a validate that rejects means unfit: the next one serves', async (s) => {
  const pool = s.newPool(
    { max: 1, testOnBorrow: true },
    { validate: async ({ isOpen }) => isOpen || Promise.reject('dead') },
  )
  const first = await pool.acquire()
  await pool.release(first)
  first.isOpen = false
  expect((await pool.acquire()).id).toBe(2)
  expect(s.factory.calls).toContain('destroy 1')
})

fixed('one that is born dead is a failed create, with a pause before the next', async (s) => {
  const error = 'validate answered false'
  const pool = s.newPool({ max: 1, testOnBorrow: true }, { validate: async () => false })
  const waiting = caught(pool.acquire())
  await s.advance(5_000)
  expect(await waiting).toMatchObject({ message: error })
  expect(s.factory.all.length).toBeLessThan(10)
  expect(s.factory.all.every(({ isOpen }) => !isOpen)).toBe(true)
})

test('testOnBorrow without validate is refused: no acquire could ever be served', () => {
  const { create, destroy } = fakeConnections()
  expect(() => ours.createPool({ create, destroy }, { testOnBorrow: true })).toThrow(
    /factory.validate must be a function/,
  )
})

fixed('use: work that answers with a plain value is done', async (s) => {
  const pool = s.newPool({ max: 1 })
  expect(await pool.use(({ id }) => id * 10)).toBe(10)
  expect(pool).toMatchObject({ borrowed: 0, available: 1 })
})

fixed('use: work that throws at once has failed', async (s) => {
  const pool = s.newPool({ max: 1 })
  const error = new Error('at once')
  const work = () => {
    throw error
  }
  expect(await caught(pool.use(work))).toBe(error)
  expect(pool).toMatchObject({ borrowed: 0, size: 0 })
})

fixed('use: work that has released by itself is no unhandled rejection', async (s) => {
  const pool = s.newPool({ max: 1 })
  await pool.use(async (connection) => {
    await pool.release(connection)
  })
  expect(pool).toMatchObject({ borrowed: 0, available: 1 })
})

fixed('what is being destroyed holds its place: never more than max at the backend', async (s) => {
  let open = 0
  let openMax = 0
  const slow: Partial<Factory<FakeConnection>> = {
    create: () => {
      openMax = Math.max(openMax, ++open)
      return s.factory.create()
    },
    destroy: async () => {
      await new Promise((resolve) => setTimeout(resolve, 100))
      open -= 1
    },
  }
  const pool = s.newPool({ max: 2 }, slow)
  for (const one of await Promise.all([pool.acquire(), pool.acquire()])) await pool.destroy(one)
  expect(pool).toMatchObject({ size: 0, spareResourceCapacity: 0 })
  const next = [pool.acquire(), pool.acquire()]
  await s.advance(105)
  await Promise.all(next)
  expect(openMax).toBe(2)
})

fixed('a destroy that never ends holds its place for five seconds, not for ever', async (s) => {
  const pool = s.newPool({ max: 1 }, { destroy: () => new Promise(() => {}) })
  await pool.destroy(await pool.acquire())
  const next = pool.acquire()
  await s.advance(5_000)
  expect((await next).id).toBe(2)
})

test.each([
  [{ acquireTimeoutMillis: -1 }, /acquireTimeoutMillis must be a number of ms > 0, or absent for none, got -1/],
  [{ acquireTimeoutMillis: 'soon' }, /acquireTimeoutMillis must be .* got 'soon'/],
  [{ destroyTimeoutMillis: -5 }, /destroyTimeoutMillis must be .* got -5/],
  [{ maxWaitingClients: 'few' }, /maxWaitingClients must be an integer >= 0, or absent, got 'few'/],
])('%s is refused when the pool is made, not at each acquire', (options, message) => {
  expect(() => ours.createPool(fakeConnections(), options as Options)).toThrow(message)
})

fixed('idleTimeoutMillis without an interval is kept', async (s) => {
  const pool = s.newPool({ max: 2, idleTimeoutMillis: 1_000 })
  await pool.release(await pool.acquire())
  await s.advance(990)
  expect(pool.size).toBe(1)
  await s.advance(200)
  expect(pool.size).toBe(0)
})

fixed('no priority is the lowest one, as the README has it', async (s) => {
  const pool = s.newPool({ max: 1, priorityRange: 3 })
  const order: string[] = []
  const ask = async (name: string, priority?: number) => {
    const connection = await pool.acquire(priority)
    order.push(name)
    await pool.release(connection)
  }
  const held = await pool.acquire()
  const asked = [ask('none'), ask('2', 2), ask('nonsense', Number.NaN), ask('1', 1), ask('0', 0)]
  await pool.release(held)
  await Promise.all(asked)
  expect(order).toEqual(['0', '1', 'none', '2', 'nonsense'])
})

fixed('ready() resolves although what was made is out', async (s) => {
  const pool = s.newPool({ max: 2, min: 2 })
  const held = await pool.acquire()
  await pool.ready()
  expect(pool.available).toBe(1)
  await pool.release(held)
})

for (const [whose, drain] of [
  ['the pool', (pool: ours.Pool<FakeConnection>) => pool.drain()],
  ['its handle', (pool: ours.Pool<FakeConnection>) => pool.control.drain()],
] as const) {
  fixed(`ready() of what drains, or has been drained, is answered: drain() of ${whose}`, async (s) => {
    const pool = s.newPool({ max: 2, min: 2, autostart: false })
    const early = pool.ready()
    await drain(pool)
    await early
    await pool.ready()
    expect(pool.size).toBe(0)
  })
}

fixed(
  'a few at a time: the evictor looks at no more than numTestsPerEvictionRun, and all get their turn',
  async (s) => {
    const seen: number[] = []
    class Curious {
      evict(
        _config: object,
        { obj, lastIdleTime, lastBorrowTime, lastReturnTime, creationTime, state }: ours.PooledResource<FakeConnection>,
      ) {
        expect([lastIdleTime, lastBorrowTime, lastReturnTime, creationTime]).toEqual([
          1_000_000, 1_000_000, 1_000_000, 1_000_000,
        ])
        expect(state).toBe('IDLE')
        seen.push(obj.id)
        return false
      }
    }
    const options = { max: 5, evictionRunIntervalMillis: 100, numTestsPerEvictionRun: 2 }
    const pool = new ours.Pool(Curious, ours.Deque, ours.PriorityQueue, s.factory, options)
    const held = await Promise.all(Array.from({ length: 5 }, () => pool.acquire()))
    for (const one of held) await pool.release(one)
    await s.advance(500)
    expect(seen).toEqual([1, 2, 3, 4, 5, 1, 2, 3, 4, 5])
  },
)

test("a queue class of one's own is refused, since it would never be asked", () => {
  class OwnQueue {}
  expect(() => new ours.Pool(ours.DefaultEvictor, ours.Deque, OwnQueue, fakeConnections())).toThrow(
    /PriorityQueue must be/,
  )
})

fixed('a factory that makes the same thing twice gets all of it back', async (s) => {
  const same = { id: 1, isOpen: true, isMade: true }
  const pool = s.newPool({ max: 2 }, { create: async () => same })
  await pool.acquire()
  await pool.acquire()
  await pool.release(same)
  await pool.release(same)
  expect(pool).toMatchObject({ borrowed: 0, available: 2 })
  expect(asCaught(await caught(pool.release(same)))).toMatchObject({
    message: 'Resource not currently part of this pool',
  })
  await pool.destroy(await pool.acquire())
  await pool.destroy(await pool.acquire())
  expect(pool.size).toBe(0)
})

fixed('a listener that throws is an uncaught exception of its own, and the pool goes on', async (s) => {
  const error = new Error('of the listener')
  const uncaught: unknown[] = []
  // All other ticks go their way: among them is the runner's, who would wait for it for ever.
  const { nextTick } = process
  const spy = vi.spyOn(process, 'nextTick').mockImplementation((tick, ...args) =>
    nextTick(() => {
      try {
        tick(...args)
      } catch (thrown) {
        if (thrown !== error) throw thrown
        uncaught.push(thrown)
      }
    }),
  )
  const pool = s.newPool({}, { destroy: () => Promise.reject(new Error('of the factory')) })
  pool.on('factoryDestroyError', () => {
    throw error
  })
  await pool.destroy(await pool.acquire())
  await new Promise((resolve) => setImmediate(resolve))
  spy.mockRestore()
  expect(uncaught).toEqual([error])
  expect(await pool.acquire()).toMatchObject({ id: 2 })
})

fixed('drain() of a paused pool serves who waits: nobody would resume it', async (s) => {
  const pool = s.newPool({ max: 1 })
  const held = await pool.acquire()
  const waiting = pool.acquire()
  pool.control.pause()
  await pool.release(held)
  const drained = pool.drain()
  await pool.release(await waiting)
  await drained
  expect(pool).toMatchObject({ pending: 0, borrowed: 0 })
})

fixed('a warm-up after drain() is refused, and opens nothing', async (s) => {
  const pool = s.newPool({ max: 4 })
  await pool.drain()
  const error = await caught(pool.control.warmUp(3))
  expect(asCaught(error)).toMatchObject({ message: 'pool is draining and cannot accept work' })
  expect(s.factory.all).toHaveLength(0)
})

// ------------------------------------------------------------------------------------------------ adaptive

fixed('adaptive: what the controller foresees is opened before anybody has asked', async (s) => {
  const controller: Controller<null> = {
    name: 'foresees',
    initial: null,
    step: () => [null, { limit: 9, liveMin: 4, reason: 'x' }],
  }
  const pool = s.newPool({ max: 9, adaptive: { controller, watch: false } })
  await s.advance(300)
  expect(pool).toMatchObject({ size: 4, available: 4 })
})

fixed('adaptive: once drained, nothing is opened ahead', async (s) => {
  let liveMin = 0
  const controller: Controller<undefined> = {
    name: 'foreseeing',
    initial: undefined,
    step: (state, { limit }) => [state, { limit, reason: 'foreseen', liveMin }],
  }
  const pool = s.newPool({ max: 9, adaptive: { controller, watch: false } })
  await pool.release(await pool.acquire())
  const drained = pool.drain()
  liveMin = 5
  await drained
  await s.advance(1_000)
  expect(s.factory.all).toHaveLength(1)
})

fixed('adaptive: the limit moves with the traffic, between the bounds given', async (s) => {
  const pool = s.newPool({ max: 4, adaptive: { limitMax: 40, name: 'moves', watch: false } })
  expect(pool.max).toBe(4)
  const limits: number[] = []
  pool.control.on('limitChanged', ({ to }) => limits.push(to))
  let isLoaded = true
  const workers = Array.from({ length: 30 }, async () => {
    while (isLoaded) {
      await pool.use(() => new Promise((resolve) => setTimeout(resolve, 20)))
    }
  })
  await s.advance(3_000)
  isLoaded = false
  await s.advance(100)
  await Promise.all(workers)
  expect(Math.max(...limits)).toBeGreaterThan(20)
  expect(pool.max).toBe(limits.at(-1))
  expect(pool.control.stats().acquired).toBe(pool.control.stats().released)
  expect(pool.control.name).toBe('moves')
})

fixed('not adaptive: max stays, and the handle tells and warns all the same', async (s) => {
  const pool = s.newPool({ max: 2 })
  await pool.use(async () => {})
  expect(pool.control.counts()).toMatchObject({ limit: 2, live: 1, idle: 1 })
  expect(pool.control.diagnose().verdict).toBeDefined()
})

fixed('adaptive: null is as if it were absent', async (s) => {
  expect(s.newPool({ max: 4, adaptive: null as unknown as boolean }).max).toBe(4)
})

fixed('adaptive: true moves between min and max; what min asks for is never cut', async (s) => {
  const pool = s.newPool({ max: 9, min: 5, adaptive: true })
  await s.advance(30_000)
  expect(pool.max).toBeGreaterThanOrEqual(5)
  expect(pool.size).toBe(5)
})

test.each([
  [{ adaptive: { limitMx: 5 } }, /createPool: adaptive: unknown option limitMx/],
  [{ adaptive: { idleTimeoutMs: 5 } }, /createPool: adaptive: unknown option idleTimeoutMs/],
  [{ max: 5, min: 3, adaptive: { limitMin: 2 } }, /limitMin must not be less than min \(3\)/],
  [{ adaptive: { limitMax: 0 } }, /limitMax must be an integer >= 1, got 0/],
  // Slipped through: only what is in the object was tested. All that is no boolean switched it on.
  [{ adaptive: 'no' }, /createPool: adaptive: expected an object of options, got 'no'/],
  [{ adaptive: 0 }, /createPool: adaptive: expected an object of options, got 0/],
])('a wrong adaptive option is refused: %s', (options, message) => {
  expect(() => ours.createPool(fakeConnections(), options as Options)).toThrow(message)
})

fixed('control.drain() closes the pool, and its callers hear it in generic-pool words', async (s) => {
  const pool = s.newPool({ max: 2, min: 2 })
  await s.advance(0)
  expect(await pool.control.drain()).toMatchObject({ leasesCut: 0, unfinished: 0 })
  expect(asCaught(await caught(pool.acquire()))).toMatchObject({ message: 'pool is draining and cannot accept work' })
  expect(s.factory.all.every(({ isOpen }) => !isOpen)).toBe(true)
})

fixed('drain() and clear(): what comes back later is destroyed too', async (s) => {
  const pool = s.newPool({ max: 2 })
  const held = await pool.acquire()
  const drained = pool.drain()
  await pool.clear()
  await pool.release(held)
  await drained
  await s.advance(0)
  expect(held.isOpen).toBe(false)
  expect(pool.size).toBe(0)
})

fixed('min is refilled when the backend is back, and nobody has to ask', async (s) => {
  let isDown = true
  const pool = s.newPool(
    { max: 3, min: 2 },
    { create: () => (isDown ? refuses(new Error('down')).create() : s.factory.create()) },
  )
  await s.advance(3_000)
  expect(pool.size).toBe(0)
  isDown = false
  await s.advance(3_000)
  expect(pool).toMatchObject({ size: 2, available: 2 })
})
