import { expect, test } from 'vitest'
import type { Factory, Options, Pool } from '../../../src/generic-pool/index.ts'
import {
  asCaught,
  type FakeConnection,
  type FakeConnections,
  fakeConnections,
  type GenericPool,
  gauges,
  sideBySide,
} from '../../support/side-by-side.ts'

// Each program runs against generic-pool 3.9 and against ours, and both have to see the same. Where ours differs on
// purpose, see fixes.test.ts.

interface Stage {
  readonly library: GenericPool
  readonly factory: FakeConnections
  readonly pool: Pool<FakeConnection>
  advance(ms: number): Promise<void>
  /** What a promise has come to, once nothing moves any more. */
  outcome(promise: Promise<unknown>): Promise<unknown>
}

interface Setting {
  readonly options?: Options
  readonly createMs?: number
  /** generic-pool goes on counting what clear() has destroyed as available. */
  readonly isCleared?: boolean
  readonly factory?: (factory: FakeConnections) => Partial<Factory<FakeConnection>>
}

function same(
  title: string,
  { options, createMs = 0, isCleared = false, factory: change }: Setting,
  act: (s: Stage) => Promise<unknown>,
) {
  test(title, async () => {
    const seen = await sideBySide(async (library, { advance }) => {
      const factory = fakeConnections({ createMs })
      const pool = library.createPool({ ...factory, ...change?.(factory) }, options)
      const outcome = async (promise: Promise<unknown>): Promise<unknown> => {
        let seen: unknown = 'not settled'
        promise.then(
          (value) => {
            seen = { value: idOf(value) }
          },
          (error: unknown) => {
            seen = asCaught(error)
          },
        )
        await advance(0)
        return seen
      }
      await advance(0)
      const result = await act({ library, factory, pool, advance, outcome })
      const { available, ...others } = gauges(pool)
      return { result, gauges: isCleared ? others : { available, ...others }, calls: factory.calls }
    })
    expect(seen.ours).toEqual(seen.theirs)
  })
}

function idOf(value: unknown): unknown {
  return typeof value === 'object' && value !== null && 'id' in value ? value.id : value
}

const outcomes = (s: Stage, promises: readonly Promise<unknown>[]): Promise<unknown[]> =>
  Promise.all(promises.map((promise) => s.outcome(promise)))

// ------------------------------------------------------------------------------------------------ options

for (const max of [1, 3, 0, -2, '4', 'many', null, undefined, 2.9]) {
  same(`max: ${JSON.stringify(max)}`, { options: { max: max as number } }, async (s) => {
    const waiting = Array.from({ length: 5 }, () => s.pool.acquire())
    return [gauges(s.pool), await outcomes(s, waiting)]
  })
}

for (const min of [0, 2, 9, '2', 'few', null, undefined]) {
  same(`min: ${JSON.stringify(min)}`, { options: { max: 3, min: min as number } }, async (s) => {
    const before = gauges(s.pool)
    const held = await s.pool.acquire()
    await s.pool.destroy(held)
    await s.advance(0)
    return before
  })
}

for (const maxWaitingClients of [0, 1, 3, '2', null, undefined]) {
  same(
    `maxWaitingClients: ${JSON.stringify(maxWaitingClients)}`,
    { options: { max: 2, maxWaitingClients: maxWaitingClients as number } },
    async (s) => {
      const waiting = Array.from({ length: 8 }, () => s.pool.acquire())
      for (const one of waiting) one.catch(() => {})
      const seen = await outcomes(s, waiting)
      s.pool.release(s.factory.all[0] as FakeConnection)
      return [seen, await outcomes(s, [s.pool.acquire(), ...waiting])]
    },
  )
}

same(
  'maxWaitingClients: 0 lets in who finds one idle, tested or not',
  { options: { max: 1, maxWaitingClients: 0, testOnBorrow: true } },
  async (s) => {
    for (let round = 0; round < 3; round++) {
      const held = await s.pool.acquire()
      await s.pool.release(held)
    }
    return outcomes(s, [s.pool.acquire(), s.pool.acquire()])
  },
)

for (const testOnBorrow of [true, false, undefined, 1]) {
  same(
    `testOnBorrow: ${testOnBorrow}`,
    { options: { max: 2, min: 1, testOnBorrow: testOnBorrow as boolean } },
    async (s) => {
      const [first, second] = [await s.pool.acquire(), await s.pool.acquire()]
      await s.pool.release(first)
      await s.pool.release(second)
      first.isOpen = false
      return outcomes(s, [s.pool.acquire(), s.pool.acquire()])
    },
  )
}

same('testOnReturn: accepted, and without effect', { options: { testOnReturn: true } }, async (s) => {
  const held = await s.pool.acquire()
  held.isOpen = false
  await s.pool.release(held)
  return s.outcome(s.pool.acquire())
})

for (const answer of [true, undefined, 0, null, false]) {
  same(
    `validate answers ${answer}`,
    {
      options: { max: 1, testOnBorrow: true },
      factory: ({ calls, all }) => ({
        validate: async ({ id }) => {
          calls.push(`validate ${id}`)
          return (id < all.length || id > 1 ? true : answer) as boolean
        },
      }),
    },
    async (s) => {
      s.pool.acquire().then((held) => s.pool.release(held))
      await s.advance(200)
      return s.outcome(s.pool.acquire())
    },
  )
}

for (const acquireTimeoutMillis of [100, '100', 0, undefined]) {
  same(
    `acquireTimeoutMillis: ${JSON.stringify(acquireTimeoutMillis)}`,
    { options: { max: 1, acquireTimeoutMillis: acquireTimeoutMillis as number } },
    async (s) => {
      const held = await s.pool.acquire()
      const [late, later] = [s.pool.acquire(), s.pool.acquire()]
      const early = await outcomes(s, [late, later])
      await s.advance(99)
      const inTime = gauges(s.pool)
      await s.advance(1)
      const seen = [early, inTime, await outcomes(s, [late, later]), gauges(s.pool)]
      await s.pool.release(held)
      return [seen, await s.outcome(s.pool.acquire())]
    },
  )
}

same(
  'acquireTimeoutMillis counts from the acquire, creation included',
  { options: { acquireTimeoutMillis: 100 }, createMs: 150 },
  async (s) => {
    const late = s.pool.acquire()
    late.catch(() => {})
    await s.advance(100)
    const seen = await s.outcome(late)
    await s.advance(60)
    return [seen, gauges(s.pool)]
  },
)

for (const destroyTimeoutMillis of [50, undefined]) {
  same(
    `destroyTimeoutMillis: ${destroyTimeoutMillis}`,
    {
      options: { max: 1, ...(destroyTimeoutMillis === undefined ? {} : { destroyTimeoutMillis }) },
      factory: () => ({ destroy: () => new Promise(() => {}) }),
    },
    async (s) => {
      const errors: unknown[] = []
      s.pool.on('factoryDestroyError', (error) => errors.push(asCaught(error)))
      const answer = await s.outcome(s.pool.destroy(await s.pool.acquire()))
      // Slipped through: nobody cleared while a destroy hung.
      const cleared = s.pool.clear()
      await s.advance(49)
      const early = [...errors, await s.outcome(cleared)]
      await s.advance(1)
      await s.advance(5_000)
      return { answer, early, errors, cleared: await s.outcome(cleared) }
    },
  )
}

for (const fifo of [true, false, undefined]) {
  same(`fifo: ${fifo}`, { options: { max: 3, ...(fifo === undefined ? {} : { fifo }) } }, async (s) => {
    const held = [await s.pool.acquire(), await s.pool.acquire(), await s.pool.acquire()]
    for (const index of [1, 2, 0]) await s.pool.release(held[index] as FakeConnection)
    return outcomes(s, [s.pool.acquire(), s.pool.acquire(), s.pool.acquire()])
  })
}

for (const priorityRange of [1, 3, 20, 70, undefined]) {
  same(
    `priorityRange: ${priorityRange}, priorities given`,
    { options: { max: 1, ...(priorityRange === undefined ? {} : { priorityRange }) } },
    async (s) => {
      const order: number[] = []
      const held = await s.pool.acquire()
      const priorities = [2, 0, 40, 8, 19, 1, -1, 99, 0, 69, 2, 1.7]
      const served = priorities.map(async (priority, caller) => {
        const resource = await s.pool.acquire(priority)
        order.push(caller)
        await s.pool.release(resource)
      })
      await s.pool.release(held)
      await s.advance(0)
      await Promise.all(served)
      return order
    },
  )
}

for (const autostart of [true, false]) {
  for (const by of ['start()', 'acquire()', 'nothing'] as const) {
    same(`autostart: ${autostart}, started by ${by}`, { options: { max: 3, min: 2, autostart } }, async (s) => {
      const before = gauges(s.pool)
      if (by === 'start()') s.pool.start()
      const acquired = by === 'acquire()' ? await s.outcome(s.pool.acquire()) : undefined
      s.pool.start()
      await s.advance(0)
      return [before, acquired]
    })
  }
}

same(
  'evictionRunIntervalMillis, idleTimeoutMillis: whatever is too old goes, and min is refilled',
  { options: { max: 6, min: 2, evictionRunIntervalMillis: 100, numTestsPerEvictionRun: 9, idleTimeoutMillis: 250 } },
  async (s) => {
    const held = await Promise.all(Array.from({ length: 6 }, () => s.pool.acquire()))
    for (const one of held) {
      await s.pool.release(one)
      await s.advance(10)
    }
    const seen: unknown[] = []
    for (let run = 0; run < 9; run++) {
      await s.advance(100)
      seen.push(gauges(s.pool))
    }
    return seen
  },
)

same(
  'softIdleTimeoutMillis stops at min',
  {
    options: { max: 5, min: 2, evictionRunIntervalMillis: 100, softIdleTimeoutMillis: 150, numTestsPerEvictionRun: 9 },
  },
  async (s) => {
    const held = await Promise.all(Array.from({ length: 5 }, () => s.pool.acquire()))
    for (const one of held) await s.pool.release(one)
    const seen: unknown[] = []
    for (let run = 0; run < 4; run++) {
      await s.advance(100)
      seen.push(gauges(s.pool))
    }
    return seen
  },
)

same(
  'evictionRunIntervalMillis: 0 is off',
  { options: { max: 2, evictionRunIntervalMillis: 0, idleTimeoutMillis: 10 } },
  async (s) => {
    await s.pool.release(await s.pool.acquire())
    await s.advance(1_000)
  },
)

same('the evictor does not run unless asked', { options: { max: 2 } }, async (s) => {
  await s.pool.release(await s.pool.acquire())
  await s.advance(60_000)
})

test('Promise: the answers are of the class given', async () => {
  class Own<T> extends Promise<T> {}
  const seen = await sideBySide(async (library, { advance }) => {
    const pool = library.createPool(fakeConnections(), { Promise: Own } as Options)
    const acquired = pool.acquire()
    const answers = {
      acquire: acquired,
      release: pool.release(await acquired),
      idle: pool.acquire(),
      destroy: pool.destroy({ id: 0, isOpen: false, isMade: true }),
      use: pool.use(async () => {}),
      ready: pool.ready(),
      drain: pool.drain(),
      refused: pool.acquire(),
      clear: pool.clear(),
    }
    for (const answer of Object.values(answers)) (answer as Promise<unknown>).catch(() => {})
    await advance(0)
    return Object.entries(answers).map(([name, answer]) => [name, answer instanceof Own])
  })
  expect(seen.ours).toEqual(seen.theirs)
})

same('unknown options are ignored', { options: { refreshIdle: true, log: false, name: 'v2' } as Options }, (s) =>
  s.outcome(s.pool.acquire()),
)

test.each([
  {},
  { create() {} },
  { destroy() {} },
  { create: 1, destroy() {} },
  { create() {}, destroy() {}, validate: null },
  { create() {}, destroy() {}, validate: 'yes' },
])('a factory that is none: %s', async (factory) => {
  const seen = await sideBySide(async (library) => {
    try {
      return library.createPool(factory as unknown as Factory<FakeConnection>)
    } catch (error) {
      return asCaught(error)
    }
  })
  expect(seen.ours).toEqual(seen.theirs)
  expect(seen.ours).toMatchObject({ isTypeError: true })
})

test('options may be null, or absent', async () => {
  const seen = await sideBySide(async (library) => [
    gauges(library.createPool(fakeConnections(), null as unknown as Options)),
    gauges(library.createPool(fakeConnections())),
  ])
  expect(seen.ours).toEqual(seen.theirs)
})

// ------------------------------------------------------------------------------------------------ members

same('acquire: creates at once, as many as wait', { options: { max: 5 }, createMs: 20 }, async (s) => {
  const waiting = Array.from({ length: 3 }, () => s.pool.acquire())
  const atOnce = [gauges(s.pool), [...s.factory.calls]]
  await s.advance(20)
  return [atOnce, await outcomes(s, waiting)]
})

same('acquire: idle ones are out at once, before the promise is heard', { options: { max: 2, min: 2 } }, async (s) => {
  const waiting = s.pool.acquire()
  return [gauges(s.pool), await s.outcome(waiting)]
})

same('acquire: in order of arrival', { options: { max: 2 } }, async (s) => {
  const order: number[] = []
  const callers = Array.from({ length: 12 }, async (_, caller) => {
    const held = await s.pool.acquire()
    order.push(caller)
    await s.pool.release(held)
  })
  await Promise.all(callers)
  return order
})

same(
  'acquire: a create may answer with no promise, and a destroy too',
  {
    options: { max: 2 },
    factory: ({ all, calls }) => ({
      create: (() => {
        const made = { id: all.push({ id: all.length + 1, isOpen: true, isMade: true }), isOpen: true, isMade: true }
        calls.push(`create ${made.id}`)
        return made
      }) as unknown as Factory<FakeConnection>['create'],
      destroy: (() => {
        calls.push('destroy')
      }) as unknown as Factory<FakeConnection>['destroy'],
    }),
  },
  async (s) => {
    const held = await s.pool.acquire()
    await s.pool.destroy(held)
    return [gauges(s.pool), await s.outcome(s.pool.acquire())]
  },
)

same('release and destroy: answer with nothing, and refuse what is not out', { options: { max: 2 } }, async (s) => {
  const [one, two] = [await s.pool.acquire(), await s.pool.acquire()]
  const stranger = { id: 99, isOpen: true, isMade: true }
  return [
    await outcomes(s, [s.pool.release(one), s.pool.release(one), s.pool.destroy(one)]),
    await outcomes(s, [s.pool.destroy(two), s.pool.destroy(two), s.pool.release(two)]),
    await outcomes(s, [s.pool.release(stranger), s.pool.destroy(stranger)]),
  ]
})

same(
  'resources may be primitives',
  {
    options: { max: 3 },
    factory: ({ calls }) => {
      let made = 0
      return {
        create: async () => {
          calls.push('create')
          return `token-${++made}` as unknown as FakeConnection
        },
        destroy: async () => {},
      }
    },
  },
  async (s) => {
    const [one, two] = [await s.pool.acquire(), await s.pool.acquire()]
    await s.pool.release(one)
    return [one, two, s.pool.isBorrowedResource(one), s.pool.isBorrowedResource(two), await s.pool.acquire()]
  },
)

same('use: releases when the work succeeds', { options: { max: 1 } }, async (s) => {
  const answer = s.pool.use(async ({ id }) => `done by ${id}`)
  return [await s.outcome(answer), gauges(s.pool)]
})

same('use: destroys when the work fails, and passes the error on', { options: { max: 1 } }, async (s) => {
  const answer = s.pool.use(() => Promise.reject(new Error('of the work')))
  return [await s.outcome(answer), gauges(s.pool), await s.outcome(s.pool.acquire())]
})

same('use: by way of release and destroy, replaced ones too', { options: { max: 1 } }, async (s) => {
  const calls: string[] = []
  for (const name of ['release', 'destroy'] as const) {
    const own = s.pool[name].bind(s.pool)
    s.pool[name] = (connection) => {
      calls.push(name)
      return own(connection)
    }
  }
  return [
    await s.outcome(s.pool.use(async ({ id }) => id)),
    await s.outcome(s.pool.use(() => Promise.reject(new Error('no')))),
    calls,
  ]
})

same('use: has a priority', { options: { max: 1, priorityRange: 2 } }, async (s) => {
  const order: string[] = []
  const held = await s.pool.acquire()
  const low = s.pool.use(async () => order.push('low'), 1)
  const high = s.pool.use(async () => order.push('high'), 0)
  await s.pool.release(held)
  await Promise.all([low, high])
  return order
})

same('use: what acquire refuses, it refuses', { options: { max: 1, acquireTimeoutMillis: 50 } }, async (s) => {
  await s.pool.acquire()
  const late = s.pool.use(async () => {})
  late.catch(() => {})
  await s.advance(50)
  return s.outcome(late)
})

same('isBorrowedResource', { options: { max: 2 } }, async (s) => {
  const one = await s.pool.acquire()
  const during = s.pool.isBorrowedResource(one)
  await s.pool.release(one)
  return [during, s.pool.isBorrowedResource(one), s.pool.isBorrowedResource({ id: 7, isOpen: true, isMade: true })]
})

same(
  'drain: refuses newcomers, serves who waits, waits for what is out',
  { options: { max: 1, min: 1 } },
  async (s) => {
    const held = await s.pool.acquire()
    const waiting = s.pool.acquire()
    const drained = s.pool.drain()
    const seen = [await outcomes(s, [s.pool.acquire(), s.pool.use(async () => {}), drained, waiting])]
    await s.pool.release(held)
    seen.push(await outcomes(s, [drained, waiting]))
    await s.pool.release(await waiting)
    seen.push(await outcomes(s, [drained, s.pool.drain()]))
    return [seen, gauges(s.pool)]
  },
)

same(
  'drain: of a pool at rest is over at once, and leaves the idle ones to clear()',
  { options: { max: 3, min: 2 }, isCleared: true },
  async (s) => {
    const drained = await s.outcome(s.pool.drain())
    const between = gauges(s.pool)
    return [drained, between, await s.outcome(s.pool.clear())]
  },
)

same('drain: who times out meanwhile is no longer waited for', { options: { acquireTimeoutMillis: 50 } }, async (s) => {
  const held = await s.pool.acquire()
  const late = s.pool.acquire()
  late.catch(() => {})
  const drained = s.pool.drain()
  await s.advance(50)
  const seen = await outcomes(s, [late, drained])
  await s.pool.release(held)
  return [seen, await s.outcome(drained)]
})

same(
  'clear: awaits creates under way, and the destroys it starts',
  { options: { max: 2, min: 2 }, createMs: 30, isCleared: true },
  async (s) => {
    await s.pool.drain()
    const cleared = s.pool.clear()
    const early = await s.outcome(cleared)
    await s.advance(30)
    return [early, await s.outcome(cleared)]
  },
)

same('ready: when min have been created', { options: { max: 3, min: 2 }, createMs: 30 }, async (s) => {
  const ready = s.pool.ready()
  const early = await s.outcome(ready)
  await s.advance(100)
  return [early, await s.outcome(ready), await s.outcome(s.pool.ready())]
})

same('start: nothing happens after drain', { options: { max: 2, min: 2, autostart: false } }, async (s) => {
  await s.pool.drain()
  s.pool.start()
  await s.advance(0)
})

// ------------------------------------------------------------------------------------------------ events

same(
  'factoryCreateError: what create failed with, and the next try serves',
  {
    options: { max: 1 },
    factory: (factory) => {
      let tries = 0
      return {
        create: async () => {
          if (++tries === 1) throw new Error('of the factory')
          return factory.create()
        },
      }
    },
  },
  async (s) => {
    const errors: unknown[] = []
    s.pool.on('factoryCreateError', (error) => errors.push(asCaught(error)))
    const waiting = s.pool.acquire()
    await s.advance(1_000) // ours makes a pause; theirs does not
    return [errors, await s.outcome(waiting)]
  },
)

same(
  'factoryDestroyError: what destroy failed with',
  {
    options: { max: 1 },
    factory: () => ({ destroy: () => Promise.reject(new Error('of the factory')) }),
  },
  async (s) => {
    const errors: unknown[] = []
    s.pool.on('factoryDestroyError', (error) => errors.push(asCaught(error)))
    const answer = await s.outcome(s.pool.destroy(await s.pool.acquire()))
    return [answer, errors, gauges(s.pool)]
  },
)

same(
  'without listeners, failures of destroy are silent',
  {
    factory: () => ({ destroy: () => Promise.reject(new Error('of the factory')) }),
  },
  async (s) => s.outcome(s.pool.destroy(await s.pool.acquire())),
)

same('it is an EventEmitter', {}, async ({ pool }) => {
  const heard: string[] = []
  const listener = (word: string) => heard.push(word)
  pool.once('own', listener).on('own', listener)
  pool.emit('own', 'one')
  pool.emit('own', 'two')
  pool.removeListener('own', listener)
  return [heard, pool.emit('own', 'three'), pool.listenerCount('own')]
})
