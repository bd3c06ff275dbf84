import { AsyncLocalStorage } from 'node:async_hooks'
import pg from 'pg'
import { afterEach, describe, expect, inject, test } from 'vitest'
import { adapt } from '../../src/adapt.ts'
import { fixed } from '../../src/control/fixed.ts'
import '../support/servers.ts'
import { until } from '../support/until.ts'

const server = inject('postgres')
let pool: pg.Pool

afterEach(async () => {
  if (!pool.ending) await pool.end()
})

/** An adopted pool whose limit stays where it is. */
function adoptedPool(config: pg.PoolConfig, options: Parameters<typeof adapt>[1] = {}) {
  pool = new pg.Pool({ connectionString: server.url, ...config })
  const control = adapt(pool, { controller: fixed(), ...options })
  return { pool, control }
}

type Use = (pool: pg.Pool) => Promise<unknown>

const byCallback = (start: (done: (error?: Error | null, result?: unknown) => void) => void): Promise<unknown> =>
  new Promise((resolve, reject) => start((error, result) => (error ? reject(error) : resolve(result))))

const WAYS_IN_AND_OUT: readonly { name: string; use: Use; closes?: boolean }[] = [
  {
    name: 'connect by promise, release()',
    use: async (p) => (await p.connect()).release(),
  },
  {
    name: 'connect by promise, release(error)',
    closes: true,
    use: async (p) => (await p.connect()).release(new Error('broken')),
  },
  {
    name: 'connect by promise, release(true)',
    closes: true,
    use: async (p) => (await p.connect()).release(true),
  },
  {
    name: 'connect by callback, client.release()',
    use: (p) =>
      byCallback((done) =>
        p.connect((error, client) => {
          client?.release()
          done(error)
        }),
      ),
  },
  {
    name: 'connect by callback, done()',
    use: (p) =>
      byCallback((done) =>
        p.connect((error, _client, release) => {
          release()
          done(error)
        }),
      ),
  },
  {
    name: 'connect by callback, done(error)',
    closes: true,
    use: (p) =>
      byCallback((done) =>
        p.connect((error, _client, release) => {
          release(new Error('broken'))
          done(error)
        }),
      ),
  },
  { name: 'query by promise', use: (p) => p.query('select 1') },
  { name: 'query by promise, with values', use: (p) => p.query('select $1::int', [1]) },
  {
    name: 'query by promise, with a config',
    use: (p) => p.query({ text: 'select $1::int', values: [1], rowMode: 'array' }),
  },
  { name: 'query by promise, with bad SQL', closes: true, use: (p) => p.query('selekt').catch(() => {}) },
  { name: 'query by callback', use: (p) => byCallback((done) => p.query('select 1', done)) },
  { name: 'query by callback, with values', use: (p) => byCallback((done) => p.query('select $1::int', [1], done)) },
  { name: 'query by callback, with a config', use: (p) => byCallback((done) => p.query({ text: 'select 1' }, done)) },
  { name: 'query by Submittable', use: (p) => p.query(new pg.Query('select 1')) as unknown as Promise<unknown> },
  {
    name: 'query by Submittable, with a callback',
    use: (p) =>
      byCallback((done) => (p.query as (query: pg.Query, done: unknown) => void)(new pg.Query('select 1'), done)),
  },
]

describe('every way in and out', () => {
  test.each(WAYS_IN_AND_OUT)('$name is one lease', async ({ use, closes = false }) => {
    const { pool, control } = adoptedPool({ max: 2 })

    await Promise.all(Array.from({ length: 10 }, () => use(pool)))
    await until(() => control.counts().destroying + control.counts().creating === 0)

    expect(control.stats()).toMatchObject({ acquired: 10, released: 10, timedOut: 0, shed: 0, createFailed: 0 })
    expect(control.counts()).toMatchObject({ inUse: 0, waiters: 0, validating: 0, creating: 0, live: closes ? 0 : 2 })
    expect(pool).toMatchObject({ totalCount: closes ? 0 : 2, idleCount: closes ? 0 : 2, waitingCount: 0 })
  })
})

describe('a lease ends once', () => {
  const AGAIN = 'Release called on client which has already been released to the pool.'

  test("the second release throws pg's own error, and counts for nothing", async () => {
    const { pool, control } = adoptedPool({ max: 2 })
    const client = await pool.connect()
    client.release()
    expect(() => client.release()).toThrow(AGAIN)
    expect(() => client.release(new Error('late'))).toThrow(AGAIN)
    expect(control.stats().released).toBe(1)
    expect(pool.idleCount).toBe(1)
  })

  test('a stale done does not end the next lease of the same client', async () => {
    const { pool, control } = adoptedPool({ max: 1 })
    const [first, done] = await connectByCallback(pool)
    done()
    const next = await pool.connect()
    expect(next).toBe(first)
    expect(() => done()).toThrow(AGAIN)
    expect(control.counts().inUse).toBe(1)
    next.release()
  })

  test('release after release(true) throws as well', async () => {
    const { pool } = adoptedPool({ max: 1 })
    const client = await pool.connect()
    client.release(true)
    expect(() => client.release()).toThrow(AGAIN)
  })
})

describe('what pg tells', () => {
  test('waitingCount is who waits at the gate, totalCount and idleCount are the clients there are', async () => {
    const { pool, control } = adoptedPool({ max: 2 })
    const out = await Promise.all([pool.connect(), pool.connect()])
    const waiting = Array.from({ length: 3 }, () => pool.connect())

    expect(pool).toMatchObject({ totalCount: 2, idleCount: 0, waitingCount: 3 })
    expect(control.counts()).toMatchObject({ inUse: 2, waiters: 3, live: 2 })

    for (const client of out) client.release()
    for (const client of waiting) (await client).release()
    expect(pool).toMatchObject({ totalCount: 2, idleCount: 2, waitingCount: 0 })
  })

  test("who waits too long gets pg's own error, with ours as its cause", async () => {
    const { pool, control } = adoptedPool({ max: 1, connectionTimeoutMillis: 1_000 })
    const client = await pool.connect()
    const error: Error = await pool.connect().then(
      () => expect.fail('connected'),
      (reason) => reason,
    )

    expect(error).toMatchObject({
      message: 'timeout exceeded when trying to connect',
      cause: { code: 'ERR_POOL_ACQUIRE_TIMEOUT' },
    })
    expect(error.constructor).toBe(Error)
    const frames = error.stack?.split('\n').filter((line) => !line.includes('(node:internal/')) // of a timer, at times
    expect(frames?.[1]).toContain('pg-doors.postgres.test.ts')
    expect(control.stats().timedOut).toBe(1)
    await expect(pool.query('select 1')).rejects.toThrow('timeout exceeded when trying to connect')
    client.release()
  })

  test("a connect that fails is the driver's own error", async () => {
    const { pool } = adoptedPool({
      max: 1,
      database: 'nowhere',
      connectionString: `${server.url.replace(/[^/]*$/, 'nowhere')}`,
    })
    await expect(pool.query('select 1')).rejects.toMatchObject({ code: '3D000', severity: 'FATAL' })
    await expect(pool.connect()).rejects.toBeInstanceOf(pg.DatabaseError)
  })

  test('a server that is not there is ECONNREFUSED', async () => {
    const { pool } = adoptedPool({ max: 1, connectionString: 'postgres://postgres@127.0.0.1:1/postgres' })
    await expect(pool.connect()).rejects.toMatchObject({ code: 'ECONNREFUSED' })
  })

  test('a callback that throws is an uncaught exception, and the pool goes on', async () => {
    const { pool, control } = adoptedPool({ max: 1 })
    const uncaught = await uncaughtIn(() => {
      pool.connect((_error, _client, done) => {
        done()
        throw new Error('of the caller')
      })
    })
    expect(uncaught).toMatchObject({ message: 'of the caller' })
    await pool.query('select 1')
    expect(control.counts()).toMatchObject({ inUse: 0, idle: 1 })
  })

  test("a listener to pg's acquire that throws costs the client, and not its caller's patience", async () => {
    const { pool, control } = adoptedPool({ max: 2, connectionTimeoutMillis: 30_000 })
    await pool.query('select 1')
    pool.once('acquire', () => {
      throw new Error('of the listener')
    })
    let query: Promise<pg.QueryResult> | undefined
    const uncaught = await uncaughtIn(() => {
      query = pool.query('select 2 as two')
    })
    expect(uncaught).toMatchObject({ message: 'of the listener' })
    expect((await query)?.rows).toEqual([{ two: 2 }])
    expect(control.counts()).toMatchObject({ waiters: 0, live: 2 }) // that client is out for good, as in bare pg
    const { _clients: clients, _remove: remove } = pool as unknown as Private
    for (const client of clients) remove.call(pool, client) // else end() would wait for it
  }, 5_000)
})

describe("the caller's AsyncLocalStorage", () => {
  const storage = new AsyncLocalStorage<number>()
  const callers = Array.from({ length: 40 }, (_, i) => i)

  const FORMS: Readonly<Record<string, (pool: pg.Pool) => Promise<number | undefined>>> = {
    'connect by promise': async (p) => {
      const client = await p.connect()
      client.release()
      return storage.getStore()
    },
    'connect by callback': (p) =>
      new Promise((resolve) =>
        p.connect((_error, _client, done) => {
          const store = storage.getStore()
          done()
          resolve(store)
        }),
      ),
    'query by promise': async (p) => {
      await p.query('select 1')
      return storage.getStore()
    },
    'query by callback': (p) => new Promise((resolve) => p.query('select 1', () => resolve(storage.getStore()))),
    'query by callback, with values': (p) =>
      new Promise((resolve) => p.query('select $1::int', [1], () => resolve(storage.getStore()))),
    'query by callback, that fails': (p) =>
      new Promise((resolve) => p.query('selekt', () => resolve(storage.getStore()))),
    'query by Submittable, with a callback': (p) =>
      new Promise((resolve) =>
        (p.query as (query: pg.Query, done: () => void) => void)(new pg.Query('select 1'), () =>
          resolve(storage.getStore()),
        ),
      ),
  }

  test.each(Object.keys(FORMS))('%s: each of 40 queued callers finds its own store', async (form) => {
    const { pool } = adoptedPool({ max: 1 })
    const seen = await Promise.all(callers.map((caller) => storage.run(caller, () => FORMS[form]?.(pool))))
    expect(seen).toEqual(callers)
  })

  test('who waits when the pool times out finds its own store in the callback', async () => {
    const { pool } = adoptedPool({ max: 1, connectionTimeoutMillis: 1_000 })
    const client = await pool.connect()
    const seen = await Promise.all(
      callers.map((caller) =>
        storage.run(caller, () => new Promise((resolve) => pool.connect(() => resolve(storage.getStore())))),
      ),
    )
    expect(seen).toEqual(callers)
    client.release()
  })

  test("pg's own connects run outside any caller's store", async () => {
    const { pool } = adoptedPool({ max: 2 })
    const seen: unknown[] = []
    pool.on('connect', () => seen.push(storage.getStore()))
    await storage.run(7, () => Promise.all([pool.query('select 1'), pool.query('select 1')]))
    expect(new Set(seen)).toEqual(new Set([undefined]))
  })
})

interface Private {
  readonly _clients: readonly pg.Client[]
  _remove(client: pg.Client): void
}

/** The uncaught exception that comes of it. */
async function uncaughtIn(act: () => void): Promise<unknown> {
  const listeners = process.listeners('uncaughtException')
  process.removeAllListeners('uncaughtException')
  try {
    const uncaught = new Promise((resolve) => process.once('uncaughtException', resolve))
    act()
    return await uncaught
  } finally {
    for (const listener of listeners) process.on('uncaughtException', listener)
  }
}

function connectByCallback(from: pg.Pool): Promise<[pg.PoolClient, () => void]> {
  return new Promise((resolve, reject) =>
    from.connect((error, client, done) => (client === undefined ? reject(error) : resolve([client, done]))),
  )
}
