import { AsyncLocalStorage } from 'node:async_hooks'
import pg from 'pg'
import { afterEach, beforeEach, describe, expect, inject, test } from 'vitest'
import { adapt } from '../../src/adapt.ts'
import { fixed } from '../../src/control/fixed.ts'
import '../support/servers.ts'
import { until } from '../support/until.ts'

const server = inject('postgres')
const request = new AsyncLocalStorage<number>()

/** What a wrapper of `connect` has seen of one caller. */
interface Span {
  readonly of: number | undefined
  /** In whose callback or promise it ended. */
  endedIn?: number | undefined
  /** Clients that were out when it ended. */
  outAtEnd?: number
}

type Connect = (this: pg.Pool, callback?: (...args: unknown[]) => void) => unknown
type Wrap = (connect: Connect, tell: (pool: pg.Pool) => () => void) => Connect

/** As OpenTelemetry does it to the class, and Sentry to the text of its method; neither tells what was there before. */
const traced: Wrap = (connect, tell) =>
  function (callback) {
    const end = tell(this)
    if (callback === undefined) return (connect.call(this) as Promise<unknown>).finally(end)
    return connect.call(this, (...args) => {
      end()
      callback(...args)
    })
  }

let pools: pg.Pool[] = []
let spans: Span[] = []

beforeEach(() => {
  pools = []
  spans = []
})

afterEach(async () => {
  for (const pool of pools) await pool.end()
})

const tell = (pool: pg.Pool): (() => void) => {
  const span: Span = { of: request.getStore() }
  spans.push(span)
  return () => {
    span.endedIn = request.getStore()
    span.outAtEnd = pool.totalCount - pool.idleCount
  }
}

/** A class of its own, so that no other pool is touched. */
function newClass(): typeof pg.Pool {
  return class extends pg.Pool {}
}

function wrapClass(Pool: typeof pg.Pool): () => void {
  const prototype = Pool.prototype as unknown as { connect: Connect }
  const { connect } = prototype
  prototype.connect = traced(connect, tell)
  return () => {
    prototype.connect = connect
  }
}

function newPool(Pool: typeof pg.Pool, config: pg.PoolConfig = {}): pg.Pool {
  const pool = new Pool({ connectionString: server.url, ...config })
  pools.push(pool)
  return pool
}

const adopt = (pool: pg.Pool, limitMax = 2) => adapt(pool, { controller: fixed(), limitMax, queue: 'fifo' })

const FORMS: Record<string, (pool: pg.Pool) => Promise<unknown>> = {
  'query by promise': (pool) => pool.query('select 1'),
  'query by callback': (pool) => new Promise((resolve) => pool.query('select 1', resolve)),
  'connect by promise': async (pool) => {
    const client = await pool.connect()
    await client.query('select 1')
    client.release()
  },
  'connect by callback': (pool) =>
    new Promise((resolve) => {
      pool.connect((_error, client, done) => {
        client?.query('select 1').then(() => {
          done()
          resolve(undefined)
        })
      })
    }),
}

const CALLERS = Array.from({ length: 12 }, (_, at) => at)

const askAll = (pool: pg.Pool, form: string) =>
  Promise.all(CALLERS.map((caller) => request.run(caller, () => FORMS[form]?.(pool))))

describe('who has wrapped connect of the class, as tracing does', () => {
  const ORDERS: Record<string, (Pool: typeof pg.Pool) => pg.Pool> = {
    'before adoption': (Pool) => {
      wrapClass(Pool)
      const pool = newPool(Pool)
      adopt(pool)
      return pool
    },
    'after adoption': (Pool) => {
      const pool = newPool(Pool)
      adopt(pool)
      wrapClass(Pool)
      return pool
    },
  }

  describe.each(Object.keys(ORDERS))('%s', (order) => {
    test.each(Object.keys(FORMS))(
      'sees each caller once, in his own context, for as long as he waits: %s',
      async (form) => {
        const pool = ORDERS[order]?.(newClass()) as pg.Pool

        await askAll(pool, form)

        expect(spans.map(({ of }) => of)).toEqual(CALLERS)
        expect(spans.map(({ endedIn }) => endedIn)).toEqual(CALLERS)
        expect(spans.filter(({ outAtEnd }) => outAtEnd === undefined || outAtEnd > 2)).toEqual([])
      },
    )
  })

  test('sees nothing of what the engine opens and lends by itself', async () => {
    const Pool = newClass()
    wrapClass(Pool)
    const pool = newPool(Pool)
    pool.on('acquire', () => {}) // so that each hand-out is by way of pg
    const control = adopt(pool)
    await control.warmUp(2)
    expect(spans).toEqual([])

    await askAll(pool, 'query by promise')
    expect(spans).toHaveLength(CALLERS.length)
    expect(control.stats()).toMatchObject({ acquired: 12, released: 12, created: 2 })
  })

  test('sees no more once it is taken off', async () => {
    const Pool = newClass()
    const unwrap = wrapClass(Pool)
    const pool = newPool(Pool)
    adopt(pool)
    await pool.query('select 1')
    unwrap()
    await pool.query('select 1')
    expect(spans).toHaveLength(1)
  })

  test('sees who waits at detach() once', async () => {
    const Pool = newClass()
    wrapClass(Pool)
    const pool = newPool(Pool, { max: 1 })
    const control = adopt(pool, 1)
    const client = await pool.connect()
    const waiting = pool.query('select 1')
    control.detach()
    client.release()
    await waiting
    expect(spans).toHaveLength(2)
    await pool.query('select 1')
    expect(spans).toHaveLength(3)
  })

  test('and its callers are named as before', async () => {
    const Pool = newClass()
    wrapClass(Pool)
    const pool = newPool(Pool)
    const control = adopt(pool)
    async function saveOrder() {
      return pool.connect()
    }
    const client = await saveOrder()
    expect(JSON.stringify(control.diagnose().holders)).toMatch(/saveOrder \(.*pg-wrapped/)
    client.release()
  })
})

describe("a connect that somebody has put over pg's", () => {
  const APPLICATION = "select current_setting('application_name') as name"

  /** Three callers, of whom two have to wait; what each finds set on his client. */
  async function namesFound(pool: pg.Pool): Promise<unknown[]> {
    const find = async () => {
      const client = await pool.connect()
      const { rows } = await client.query(APPLICATION)
      await client.query('reset application_name')
      client.release()
      return rows[0].name
    }
    return Promise.all([find(), find(), find()])
  }

  test('as a subclass that knows promises alone, readies what is lent to each caller', async () => {
    class Pool extends pg.Pool {
      readonly #tenant = 'acme'

      override async connect(): Promise<pg.PoolClient> {
        const client = await super.connect()
        await client.query(`set application_name = '${this.#tenant}'`)
        return client
      }
    }
    const pool = newPool(Pool as unknown as typeof pg.Pool)
    const control = adopt(pool, 1)
    expect(await namesFound(pool)).toEqual(['acme', 'acme', 'acme'])
    expect(control.stats()).toMatchObject({ acquired: 3, released: 3, created: 1 })
  })

  test('on the instance, and bound to it, readies what is lent to each caller', async () => {
    const pool = newPool(pg.Pool)
    const connect = pool.connect.bind(pool) as () => Promise<pg.PoolClient>
    pool.connect = (async () => {
      const client = await connect()
      await client.query("set application_name = 'acme'")
      return client
    }) as typeof pool.connect
    const control = adopt(pool, 1)
    expect(await namesFound(pool)).toEqual(['acme', 'acme', 'acme'])
    expect(control.stats()).toMatchObject({ acquired: 3, released: 3, created: 1 })
  })

  test('may come back to itself, and give back another client on the way', async () => {
    let spare: pg.PoolClient | undefined
    class Pool extends pg.Pool {
      // @ts-expect-error: one form where pg has two
      override connect(callback?: (...args: unknown[]) => void): unknown {
        if (callback === undefined) {
          return new Promise((resolve, reject) =>
            this.connect((error: unknown, client: unknown) => (error ? reject(error) : resolve(client))),
          )
        }
        spare?.release()
        spare = undefined
        return super.connect(callback as never)
      }
    }
    const pool = newPool(Pool as unknown as typeof pg.Pool)
    const control = adopt(pool, 2)
    const held = await pool.connect()
    spare = await pool.connect()
    const client = await pool.connect()
    expect(control.counts()).toMatchObject({ inUse: 2, live: 2, waiters: 0 })
    client.release()
    held.release()
    await until(() => pool.idleCount === 2)
    expect(control.stats()).toMatchObject({ acquired: 3, released: 3, created: 2 })
  })

  // Slipped through: what wrappers did to the pool was never more than to give back to it.
  test('may have the pool open, close and lend on the way, and ask twice', async () => {
    let act: () => unknown = () => {}
    class Pool extends pg.Pool {
      // @ts-expect-error: one form where pg has two
      override connect(callback?: (...args: unknown[]) => void): unknown {
        const acting = act
        act = () => {}
        acting()
        return super.connect(callback as never)
      }
    }
    const pool = newPool(Pool as unknown as typeof pg.Pool)
    const control = adapt(pool, { controller: fixed(), limitMin: 1, limitInitial: 1, limitMax: 4, queue: 'fifo' })
    const take = async () => (await pool.connect()).release()

    const held = await pool.connect()
    const waits = take()
    act = () => control.resize(3) // which opens one for who waits
    await Promise.all([waits, take()])
    expect(pool.totalCount).toBe(control.counts().live)

    held.release()
    await control.warmUp(3)
    act = () => control.resize(1) // which closes what is at rest
    await take()
    expect(control.counts()).toMatchObject({ live: 1, inUse: 0 })
    expect(pool.totalCount).toBe(1)

    const before = control.stats().acquired
    let first: Promise<unknown> | undefined
    act = () => {
      first = pool.query('select 1')
    }
    await take()
    await first
    expect(control.stats().acquired - before).toBe(2) // both by the gate
  })

  test('past the gate, robs nobody of his patience: who was to have the client at rest waits as others do', async () => {
    const pool = newPool(pg.Pool, { connectionTimeoutMillis: 100 })
    const control = adopt(pool)
    await control.warmUp(2)
    const held = await pool.connect()
    const past = Reflect.apply(pg.Pool.prototype.connect, pool, []) as unknown as Promise<pg.PoolClient>
    const late = pool.connect()
    await expect(late).rejects.toThrow('timeout exceeded when trying to connect')
    held.release()
    ;(await past).release()
    await pool.query('select 1')
    expect(control.counts()).toMatchObject({ waiters: 0, inUse: 0 })
  }, 5_000)
})

/** As Neon's serverless driver: by HTTP, until somebody listens to what happens to connections. */
class FetchingPool extends pg.Pool {
  hasListeners = false
  override addListener = this.on
  override on(event: string, listener: (...args: never[]) => void): this {
    if (event !== 'error') this.hasListeners = true
    return super.on(event as 'error', listener as () => void)
  }
}

Object.assign(FetchingPool.prototype, {
  query(this: FetchingPool, ...args: unknown[]) {
    return this.hasListeners ? Reflect.apply(pg.Pool.prototype.query, this, args) : Promise.resolve('fetched')
  },
})

// Slipped through: no subclass under test looked at who listens. Neon's opened a WebSocket for every query once adopted.
test("a subclass's queries go past connections where they did before adoption", async () => {
  const pool = newPool(FetchingPool as typeof pg.Pool)
  const control = adopt(pool)
  expect(await pool.query('select 1')).toBe('fetched')
  expect(control.stats().acquired).toBe(0)
  const client = await pool.connect()
  client.release()
  pool.on('connect', () => {})
  expect(await pool.query('select 1')).toMatchObject({ rowCount: 1 })
  expect(control.stats().acquired).toBe(2)
})
