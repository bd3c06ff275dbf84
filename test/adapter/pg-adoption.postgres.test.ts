import pg from 'pg'
import { afterEach, describe, expect, inject, test, vi } from 'vitest'
import { adapt } from '../../src/adapt.ts'
import type { AdaptOptions } from '../../src/adopted-pool.ts'
import { fixed } from '../../src/control/fixed.ts'
import { VirtualClock } from '../../src/sim/virtual-clock.ts'
import '../support/servers.ts'
import { until } from '../support/until.ts'

const server = inject('postgres')
const pools: pg.Pool[] = []

afterEach(async () => {
  for (const pool of pools.splice(0)) if (!pool.ending) await pool.end()
})

function newPool(config: pg.PoolConfig = {}): pg.Pool {
  const pool = new pg.Pool({ connectionString: server.url, max: 2, ...config })
  pools.push(pool)
  return pool
}

/** Adopts, with a limit that stays where it is. */
const adopt = (pool: pg.Pool, options: AdaptOptions = {}) => adapt(pool, { controller: fixed(), ...options })

/** pg's own connect, past whatever is on the instance. */
const connectPastGate = (pool: pg.Pool): Promise<pg.PoolClient> =>
  (pg.Pool.prototype.connect as () => Promise<pg.PoolClient>).call(pool)

describe('options', () => {
  test("what is left out comes from the pool's own", async () => {
    const pool = newPool({ max: 7, connectionTimeoutMillis: 4_321 })
    const control = adopt(pool)
    expect(control.counts().limit).toBe(7)
    expect(() => control.resize(8)).toThrow(/limitMax \(1\.\.7\)/)
    expect(pool.options).toMatchObject({ max: 7, connectionTimeoutMillis: 4_321 })
  })

  test("limitMax raises pg's max; the pool starts at its old one", () => {
    const pool = newPool({ max: 3 })
    const control = adopt(pool, { limitMax: 40 })
    expect(pool.options.max).toBe(40)
    expect(control.counts().limit).toBe(3)
  })

  test('a limitMax below the old max lowers it, and a pool of one is one', () => {
    const small = newPool({ max: 10 })
    expect(adopt(small, { limitMax: 4 }).counts().limit).toBe(4)
    expect(small.options.max).toBe(4)
    expect(adopt(newPool({ max: 1 })).counts().limit).toBe(1)
  })

  test('a max from the environment, a string, is a number', () => {
    expect(adopt(newPool({ max: '6' as unknown as number })).counts().limit).toBe(6)
  })

  test('pg gives up a connect at createTimeoutMs, of which it has none by itself', () => {
    const pool = newPool()
    adopt(pool, { createTimeoutMs: 1_234 })
    expect(pool.options).toMatchObject({ connectionTimeoutMillis: 1_234 })
  })

  // Slipped through: hooks were tested where connectionTimeoutMillis was left out.
  test.each(['onConnect', 'verify'] as const)('%s may take longer than connectionTimeoutMillis', async (hook) => {
    let runs = 0
    let letGo: (value?: unknown) => void = () => {}
    const gone = new Promise((resolve) => {
      letGo = resolve
    })
    const run = (_client: unknown, done?: () => void) => {
      runs += 1
      return gone.then(done)
    }
    const pool = newPool({ connectionTimeoutMillis: 5_000, [hook]: run })
    const clock = new VirtualClock()
    const control = adopt(pool, { clock })
    expect(pool.options).toMatchObject({ connectionTimeoutMillis: 5_000 }) // pg's own timer ends before them
    const early = pool.query('select 1').catch((error) => error)
    await until(() => runs === 1)
    await clock.advance(5_000)
    expect(await early).toMatchObject({ message: 'timeout exceeded when trying to connect' })
    await clock.advance(1)
    const late = pool.query('select 1')
    letGo()
    await late
    expect(runs).toBe(1)
    expect(control.stats()).toMatchObject({ created: 1, createFailed: 0 })
  })

  // Slipped through: hooks that took too long were let go before the next create.
  test('a hook that hangs is a create that times out, though it keeps the place of all that follow', async () => {
    let runs = 0
    let letGo: () => void = () => {}
    const onConnect = () => {
      runs += 1
      return new Promise<void>((resolve) => {
        letGo = resolve
      })
    }
    const pool = newPool({ max: 1, onConnect } as pg.PoolConfig)
    const clock = new VirtualClock()
    const control = adopt(pool, { clock, createTimeoutMs: 1_000 })
    const errors: unknown[] = []
    control.on('createFailed', ({ error }) => errors.push(error))
    const refused = pool.query('select 1').catch((error) => error)
    await until(() => runs === 1)
    await clock.advance(10_000)
    expect(await refused).toMatchObject({ message: 'Connection terminated due to connection timeout' })
    expect(errors.length).toBeGreaterThan(2)
    for (const error of errors) expect(error).toMatchObject({ code: 'ERR_POOL_CREATE_TIMEOUT' })
    letGo()
    await until(() => pool.totalCount === 0)
  })

  test.each([
    ['idleTimeoutMs', 'idleTimeoutMillis'],
    ['lifetimeMs', 'maxLifetimeSeconds'],
    ['lifetimeJitter', 'maxLifetimeSeconds'],
    ['usesMax', 'maxUses'],
    ['validate', 'verify'],
    ['create', 'onConnect'],
  ])('%s is refused, and %s of pg is named', (ours, theirs) => {
    expect(() => adopt(newPool(), { [ours]: 1 })).toThrow(new RegExp(`${ours}.*${theirs}`))
  })

  test.each([
    [{ acquireTimeout: 3 }, TypeError, /unknown option acquireTimeout.*did you mean acquireTimeoutMs/],
    [{ limitMax: 0 }, RangeError, /limitMax.*0/],
    [{ limitMin: 5, limitMax: 4 }, RangeError, /limitMin.*limitMax/],
  ])('%o is refused', (options, type, message) => {
    const pool = newPool()
    const attempt = () => adapt(pool, options as AdaptOptions)
    expect(attempt).toThrow(type)
    expect(attempt).toThrow(message)
    expect(Object.keys(Object.getOwnPropertyDescriptors(pool))).not.toContain('connect') // nothing half done
  })
})

describe("pg's max, once adopted", () => {
  test('can be read but not set, until detach()', () => {
    const pool = newPool({ max: 3 })
    const control = adopt(pool, { limitMax: 8 })
    const shrink = (): void => {
      pool.options.max = 2
    }
    expect(shrink).toThrow(/max of an adopted pool.*resize\(\)/)
    expect(Object.keys(pool.options)).toContain('max') // for those who copy the options
    expect(pool.options.max).toBe(8)
    control.detach()
    expect(pool.options.max).toBe(3)
    shrink()
    expect(pool.options.max).toBe(2)
  })

  test('where pg opens no more all the same, a create fails: what comes back is not taken for new, round and round', async () => {
    const pool = newPool({ max: 4 })
    const control = adopt(pool)
    Object.defineProperty(pool.options, 'max', { value: 2 })
    control.on('created', () => {
      if (control.stats().created > 20) control.detach()
    })
    const failed = new Promise<{ error: unknown }>((resolve) => control.once('createFailed', resolve))
    control.warmUp(4).catch(() => {})
    expect(await failed).toMatchObject({ error: { message: expect.stringMatching(/2 of 2/) } })
    await Promise.all(Array.from({ length: 8 }, () => pool.query('select pg_sleep(0.001)')))
    expect(control.stats().acquired).toBe(8)
    expect(control.stats().created).toBeLessThanOrEqual(2) // the second may be on its way still
  })
})

describe('what can be adopted', () => {
  test.each([
    ['nothing', undefined],
    ['a plain object', {}],
    ['pg.Client', new pg.Client()],
    ['a string', 'postgres://'],
    ['the class', pg.Pool],
  ])('%s is refused, with a list of what is supported', (_name, candidate) => {
    const attempt = () => adapt(candidate as object)
    expect(attempt).toThrow(/cannot adopt .*pg\.Pool/)
    expect(attempt).toThrow(expect.objectContaining({ code: 'ERR_POOL_UNSUPPORTED' }))
  })

  test('a pool whose end has begun is refused', async () => {
    const pool = newPool()
    await pool.end()
    expect(() => adapt(pool)).toThrow(/this pg pool is closed/)
  })

  test('adopting twice returns the first handle', () => {
    const pool = newPool()
    const connect = adopt(pool) && pool.connect
    expect(adopt(pool, { limitMax: 30 })).toBe(adopt(pool))
    expect(pool.connect).toBe(connect)
    expect(pool.options.max).toBe(2)
  })

  test('and so does another copy of the library, as when it is loaded as ESM and as CommonJS', async () => {
    const pool = newPool()
    const control = adopt(pool)
    vi.resetModules()
    const copy = await import('../../src/adapt.ts')
    expect(copy.adapt).not.toBe(adapt)
    expect(copy.adapt(pool)).toBe(control)
  })
})

describe('adopted in mid-flight', () => {
  test('clients that are out, and callers that wait at pg, are counted and served', async () => {
    const pool = newPool()
    const out = await Promise.all([pool.connect(), pool.connect()])
    const early = Array.from({ length: 3 }, () => pool.connect())
    const control = adopt(pool)
    expect(control.counts()).toMatchObject({ inUse: 2, live: 2, waiters: 0 })
    expect(pool.waitingCount).toBe(3)

    const late = pool.connect()
    expect(pool.waitingCount).toBe(4)
    for (const client of out) client.release()
    for (const client of early)
      (await client).release() // first come, first served: they are before `late`
    ;(await late).release()
    await until(
      () => control.counts().inUse === 0,
      () => control.counts(),
    )
    expect(control.counts()).toMatchObject({ live: 2, idle: 2, waiters: 0 })
    expect(pool).toMatchObject({ totalCount: 2, idleCount: 2, waitingCount: 0 })
    expect(control.stats().acquired).toBe(control.stats().released)
  })

  test('callers that wait at pg are woken by a raise', async () => {
    const pool = newPool()
    const out = await Promise.all([pool.connect(), pool.connect()])
    const early = Array.from({ length: 3 }, () => pool.connect())
    const control = adopt(pool, { limitMax: 10, limitInitial: 5 })
    const served = await Promise.all(early)
    expect(pool.totalCount).toBe(5)
    await until(
      () => control.counts().inUse === 5,
      () => control.counts(),
    )
    for (const client of [...out, ...served]) client.release()
    await until(
      () => control.counts().inUse === 0,
      () => control.counts(),
    )
    expect(control.counts()).toMatchObject({ live: 5, idle: 5 })
  })

  test('a connect under way that fails leaves no lease behind', async () => {
    const pool = newPool({ connectionString: server.url.replace(/[^/]*$/, 'nowhere') })
    const early = pool.connect().catch((error) => error)
    const control = adopt(pool)
    expect(control.counts().inUse).toBe(1)
    expect(await early).toMatchObject({ code: '3D000' })
    await until(
      () => control.counts().live === 0,
      () => control.counts(),
    )
  })

  test('a client that dies in the hands of its holder is no uncaught exception', async () => {
    const pool = newPool()
    const control = adopt(pool)
    const client = await pool.connect()
    const { rows } = await client.query('select pg_backend_pid() as pid')
    await pool.query('select pg_terminate_backend($1)', [rows[0].pid])
    await until(async () => (await client.query('select 1').catch((error) => error)) instanceof Error)
    client.release()
    await until(() => pool.totalCount === 1)
    expect(control.counts()).toMatchObject({ inUse: 0, live: 1, idle: 1 })
  })
})

describe('past the gate', () => {
  test("who takes a client through pg's prototype is counted while he has it", async () => {
    const pool = newPool()
    const control = adopt(pool)
    await pool.query('select 1')
    const idle = await connectPastGate(pool) // an idle client
    const fresh = await connectPastGate(pool) // a new one
    await until(
      () => control.counts().inUse === 2,
      () => control.counts(),
    )
    expect(control.counts()).toMatchObject({ live: 2, idle: 0 })

    const waiting = pool.connect()
    await new Promise(setImmediate)
    expect(control.counts()).toMatchObject({ waiters: 1, inUse: 2 })
    idle.release()
    ;(await waiting).release()
    fresh.release(true)
    await until(
      () => control.counts().inUse === 0,
      () => control.counts(),
    )
    expect(control.counts()).toMatchObject({ live: 1, idle: 1 })
    expect(control.stats()).toMatchObject({ acquired: 4, released: 4 })
  })

  test('an idle client past its lifetime, which pg takes and releases by itself, disturbs nothing', async () => {
    const pool = newPool({ maxLifetimeSeconds: 0.1 })
    const control = adopt(pool)
    await pool.query('select 1')
    await until(() => pool.totalCount === 0)
    await until(
      () => control.counts().live === 0,
      () => control.counts(),
    )
    expect(control.stats()).toMatchObject({ acquired: 1, released: 1 })
  })

  test('an idle client that dies is an event with its cause, and is replaced', async () => {
    const pool = newPool()
    const control = adopt(pool)
    const destroyed = new Promise((resolve) => control.once('destroyed', resolve))
    const { rows } = await pool.query('select pg_backend_pid() as pid')
    const other = newPool()
    await other.query('select pg_terminate_backend($1)', [rows[0].pid])
    expect(await destroyed).toMatchObject({ reason: 'source', cause: { code: '57P01' } })
    expect(control.counts()).toMatchObject({ live: 0, idle: 0 })
    await pool.query('select 1')
    expect(pool.totalCount).toBe(1)
  })
})

describe('detach()', () => {
  test('restores the very same members, options and listeners', () => {
    const pool = newPool({ max: 3 })
    const before = picture(pool)
    const control = adopt(pool, { limitMax: 30 })
    expect(picture(pool)).not.toEqual(before)
    control.detach()
    control.detach()
    expect(picture(pool)).toEqual(before)
  })

  test('restores what another library had put on the instance', async () => {
    const pool = newPool()
    const calls: string[] = []
    const theirs = pool.connect.bind(pool)
    pool.connect = ((...args: []) => {
      calls.push('theirs')
      return theirs(...args)
    }) as typeof pool.connect
    const wrapped = pool.connect
    const control = adopt(pool)
    await pool.query('select 1')
    expect(calls).toHaveLength(1)
    control.detach()
    expect(pool.connect).toBe(wrapped)
    await pool.query('select 1')
    expect(calls).toHaveLength(2)
  })

  test('leaves in place what another library has put over us, and keeps working underneath', async () => {
    const pool = newPool()
    const control = adopt(pool)
    const ours = pool.connect.bind(pool)
    pool.connect = ((...args: []) => ours(...args)) as typeof pool.connect
    const wrapped = pool.connect
    control.detach()
    expect(pool.connect).toBe(wrapped)
    await pool.query('select 1')
    ;(await pool.connect()).release()
    expect(pool.idleCount).toBe(1)
  })

  test("leases that are out end as usual, and who waits is served by pg's own queue", async () => {
    const pool = newPool()
    const control = adopt(pool)
    const out = await Promise.all([pool.connect(), pool.connect()])
    const waiting = Array.from({ length: 4 }, (_, i) => pool.query('select $1::int as i', [i]))
    control.detach()
    expect(pool.waitingCount).toBe(4)
    const release = out.map((client) => client.release)
    for (const end of release) end()
    expect(() => release[0]?.()).toThrow('Release called on client which has already been released to the pool.')
    expect((await Promise.all(waiting)).map(({ rows }) => rows[0].i)).toEqual([0, 1, 2, 3])
    expect(pool).toMatchObject({ totalCount: 2, idleCount: 2, waitingCount: 0 })
  })

  test('a client still being opened goes to pg', async () => {
    const pool = newPool()
    const control = adopt(pool)
    const waiting = pool.query('select 1')
    control.detach()
    await waiting
    await until(
      () => pool.totalCount === pool.idleCount,
      () => ({ total: pool.totalCount, idle: pool.idleCount }),
    )
  })

  test("closes idle clients over pg's own max, which pg would lend for ever", async () => {
    const pool = newPool()
    const control = adopt(pool, { limitMax: 8, limitInitial: 8 })
    await control.warmUp(8)
    expect(pool.totalCount).toBe(8)
    control.detach()
    expect(pool.totalCount).toBe(2)
  })

  // Slipped through: nobody counted once what was on its way, from the server or to a caller, had come.
  test("what is on its way is closed when it comes over pg's own max", async () => {
    const pool = newPool()
    const control = adopt(pool, { limitMax: 8, limitInitial: 8 })
    await control.warmUp(4)
    const handedOut = Array.from({ length: 4 }, () => pool.connect())
    control.warmUp(8).catch(() => {})
    expect(control.counts()).toMatchObject({ inUse: 4, creating: 4 })
    control.detach()
    await Promise.all(handedOut.map(async (client) => (await client).release()))
    await until(() => pool.totalCount === pool.idleCount)
    expect(pool).toMatchObject({ totalCount: 2, idleCount: 2 })
  })

  test('a detached pool can be adopted anew, and ends as if it had never been', async () => {
    const pool = newPool()
    const first = adopt(pool)
    await pool.query('select 1')
    first.detach()
    const second = adopt(pool)
    expect(second).not.toBe(first)
    expect(second.counts()).toMatchObject({ live: 1, idle: 1 })
    await pool.query('select 1')
    expect(second.stats().acquired).toBe(1)
    expect(first.stats().acquired).toBe(1)
    first.detach() // long over: nobody else's adoption
    expect(adopt(pool)).toBe(second)
    second.detach()
    await pool.end()
    expect(pool.ended).toBe(true)
  })
})

/** All that an adoption may have left on a pool. */
function picture(pool: pg.Pool) {
  const { connect, query, end } = pool
  const own = Object.getOwnPropertyNames(pool).sort()
  const listeners = pool.eventNames().map((event) => [event, pool.listenerCount(event)])
  return { connect, query, end, own, listeners, options: { ...pool.options } }
}
