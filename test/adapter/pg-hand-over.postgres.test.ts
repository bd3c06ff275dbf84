import { setImmediate as endOfTurn } from 'node:timers/promises'
import pg from 'pg'
import { afterEach, describe, expect, inject, test, vi } from 'vitest'
import { adapt } from '../../src/adapt.ts'
import { fixed } from '../../src/control/fixed.ts'
import { startFaultProxy } from '../support/fault-proxy.ts'
import '../support/servers.ts'
import { until } from '../support/until.ts'

const server = inject('postgres')
const pools: pg.Pool[] = []

afterEach(async () => {
  for (const pool of pools.splice(0)) if (!pool.ending) await pool.end()
})

function adopted(config: pg.PoolConfig = {}) {
  const pool = new pg.Pool({ connectionString: server.url, max: 1, ...config })
  pools.push(pool)
  const control = adapt(pool, { controller: fixed(), watch: false, limitMin: 1, createBackoff: { refuseAfter: 1 } })
  return { pool, control }
}

/** pg's private way to close a client at rest, as its idle timeout does. */
const close = (pool: pg.Pool, client: pg.PoolClient): void =>
  (pool as unknown as { _remove(client: pg.PoolClient): void })._remove(client)

describe('from holder to waiter', () => {
  test('the second release of the one before is still an error, and takes nothing from the next', async () => {
    const { pool, control } = adopted()
    const before = await pool.connect()
    const staleRelease = before.release
    const waiting = pool.connect()
    before.release()
    const after = await waiting
    expect(after).toBe(before)
    expect(() => staleRelease()).toThrow('Release called on client which has already been released to the pool.')
    expect(control.counts().inUse).toBe(1)
    expect(pool.idleCount).toBe(0)
    after.release()
    expect(control.stats()).toMatchObject({ acquired: 2, released: 2, created: 1, destroyed: 0 })
  })

  test.each(['acquire', 'release'] as const)("who listens to pg's %s hears of every one", async (event) => {
    const { pool } = adopted()
    let heard = 0
    pool.on(event, () => {
      heard += 1
    })
    await Promise.all(Array.from({ length: 5 }, () => pool.query('select 1')))
    expect(heard).toBe(5)
  })

  test("pg's maxUses holds, too", async () => {
    const { pool, control } = adopted({ maxUses: 2 })
    await Promise.all(Array.from({ length: 6 }, () => pool.query('select 1')))
    expect(control.stats().created).toBe(3)
  })

  test("pg's maxLifetimeSeconds holds, too", async () => {
    const { pool, control } = adopted({ maxLifetimeSeconds: 0.05 })
    await Promise.all(Array.from({ length: 4 }, () => pool.query('select pg_sleep(0.03)')))
    expect(control.stats().created).toBe(2)
  })

  test('callbacks that release at once, 10,000 of them, do not pile up', async () => {
    const { pool, control } = adopted()
    const first = await pool.connect()
    let served = 0
    for (let i = 0; i < 10_000; i++) {
      pool.connect((_error, _client, done) => {
        served += 1
        done()
      })
    }
    first.release()
    await until(() => served === 10_000)
    expect(control.counts()).toMatchObject({ inUse: 0, waiters: 0, idle: 1 })
  })

  test('a client that cannot be asked any more is closed', async () => {
    const { pool, control } = adopted()
    const client = await pool.connect()
    const waiting = pool.query('select 1')
    const ended = client.end()
    client.release()
    await ended
    await waiting
    expect(control.stats().created).toBe(2)
  })
})

/** Clients at rest, as pg itself knows them. */
const atRestInPg = (pool: pg.Pool): number => (pool as unknown as { _idle: readonly unknown[] })._idle.length

describe('a client that is given back', () => {
  test('is at rest at once, and with pg at the end of the turn', async () => {
    const { pool, control } = adopted()
    ;(await pool.connect()).release()
    expect(pool).toMatchObject({ totalCount: 1, idleCount: 1 })
    expect(control.counts()).toMatchObject({ idle: 1, inUse: 0 })
    expect(atRestInPg(pool)).toBe(0)
    await endOfTurn()
    expect(pool).toMatchObject({ totalCount: 1, idleCount: 1 })
    expect(atRestInPg(pool)).toBe(1)
    expect(control.counts()).toMatchObject({ idle: 1, inUse: 0 })
  })

  test('goes to whoever asks in the same turn, on the next tick, and its stale release is an error', async () => {
    const { pool, control } = adopted()
    const before = await pool.connect()
    const staleRelease = before.release
    before.release()
    let after: pg.PoolClient | undefined
    pool.connect((_error, client) => {
      after = client
    })
    expect(after).toBeUndefined()
    expect(() => staleRelease()).toThrow('Release called on client which has already been released to the pool.')
    await endOfTurn()
    expect(after).toBe(before)
    expect(() => staleRelease()).toThrow('Release called on client which has already been released to the pool.')
    expect(control.counts()).toMatchObject({ inUse: 1, idle: 0 })
    expect(pool.idleCount).toBe(0)
    after?.release()
    expect(control.stats()).toMatchObject({ acquired: 2, released: 2, created: 1 })
  })

  test('cannot be given back again before the next has it', async () => {
    const { pool, control } = adopted()
    const before = await pool.connect()
    before.release()
    const waiting = pool.connect()
    expect(() => before.release()).toThrow('Release called on client which has already been released to the pool.')
    const after = await waiting
    expect(control.counts()).toMatchObject({ inUse: 1, idle: 0 })
    after.release()
    await endOfTurn()
    expect(control.stats()).toMatchObject({ acquired: 2, released: 2, created: 1 })
    expect(atRestInPg(pool)).toBe(1)
  })

  test.each([
    ['as it was', () => {}],
    ['without listeners, all of which its holder took away', (client: pg.PoolClient) => client.removeAllListeners()],
  ])("that dies in the same turn, %s, is told of by pg's error event, and gone", async (_, change) => {
    const { pool, control } = adopted()
    const told: unknown[][] = []
    pool.on('error', (...args) => told.push(args))
    const client = await pool.connect()
    change(client)
    client.release()
    const death = new Error('terminating connection due to administrator command')
    ;(client as unknown as { connection: { emit(event: 'error', error: Error): void } }).connection.emit('error', death)
    expect(told).toEqual([[death, client]])
    expect(control.counts()).toMatchObject({ idle: 0, live: 0 })
    await pool.query('select 1')
    expect(control.stats()).toMatchObject({ created: 2 })
  })

  test('goes to who has gone past us to pg in the same turn, before who asks later', async () => {
    const { pool } = adopted()
    ;(await pool.connect()).release()
    const order: string[] = []
    pg.Pool.prototype.connect.call(pool, (_error, _client, done) => {
      order.push('past us')
      done()
    })
    const later = await pool.connect()
    order.push('later')
    later.release()
    expect(order).toEqual(['past us', 'later'])
  })

  test('and ends before anybody asks is lent to nobody', async () => {
    const { pool, control } = adopted()
    const client = await pool.connect()
    client.release()
    const ended = client.end()
    await pool.query('select 1')
    await ended
    await endOfTurn()
    expect(control.stats()).toMatchObject({ acquired: 2, released: 2 })
    expect(control.counts()).toMatchObject({ live: 1, idle: 1 })
    expect(pool).toMatchObject({ totalCount: 1, idleCount: 1 })
  })

  test('under faked timers that are put back goes to pg all the same, as do those after it', async () => {
    const { pool } = adopted()
    const client = await pool.connect()
    vi.useFakeTimers({ toFake: ['setImmediate'] })
    client.release()
    vi.useRealTimers()
    await endOfTurn()
    expect(atRestInPg(pool)).toBe(1)
    ;(await pool.connect()).release()
    await endOfTurn()
    expect(atRestInPg(pool)).toBe(1)
  })

  test('is closed at once when the limit falls', async () => {
    const { pool, control } = adopted({ max: 2 })
    const clients = await Promise.all([pool.connect(), pool.connect()])
    for (const client of clients) client.release()
    control.resize(1)
    expect(control.counts()).toMatchObject({ live: 1, idle: 1 })
    expect(pool).toMatchObject({ totalCount: 1, idleCount: 1 })
  })

  test('is with pg when the pool is detached', async () => {
    const { pool, control } = adopted()
    ;(await pool.connect()).release()
    control.detach()
    expect(atRestInPg(pool)).toBe(1)
    await pool.query('select 1')
  })

  test('goes to its next holder as it comes from pg, who is detached before he has it', async () => {
    const { pool, control } = adopted()
    ;(await pool.connect()).release()
    const next = pool.connect()
    control.detach()
    ;(await next).release()
    expect(pool.idleCount).toBe(1)
  })

  test("goes to who waits in pg's own queue since before adoption, however many ask later", async () => {
    const pool = new pg.Pool({ connectionString: server.url, max: 1 })
    pools.push(pool)
    const first = await pool.connect()
    let answered = 0
    let servedAfter: number | undefined
    pool.connect((_error, _client, done) => {
      servedAfter = answered
      done()
    })
    const control = adapt(pool, { controller: fixed(), watch: false, limitMin: 1, limitMax: 2, limitInitial: 1 })
    control.resize(2)
    const asker = async (): Promise<void> => {
      for (let query = 0; query < 5; query++) {
        await pool.query('select 1')
        answered += 1
      }
    }
    await Promise.all([asker(), asker(), asker()])
    expect(servedAfter).toBeLessThan(3)
    first.release()
  })
})

describe('an idle client that goes on its way to its next holder', () => {
  test('is replaced by pg, within the lease', async () => {
    const { pool, control } = adopted()
    const client = await pool.connect()
    client.release()
    await endOfTurn()
    const next = pool.connect()
    close(pool, client)
    const another = await next
    expect(another).not.toBe(client)
    await another.query('select 1')
    expect(control.counts()).toMatchObject({ inUse: 1, idle: 0, live: 1, waiters: 0 })
    another.release()
    expect(control.counts()).toMatchObject({ inUse: 0, idle: 1, live: 1 })
    await pool.end()
    const { acquired, released } = control.stats()
    expect({ acquired, released }).toEqual({ acquired: 2, released: 2 })
  })

  test('and where pg cannot, its caller is told by the engine, which has tried again', async () => {
    const { pool, control } = adopted({ connectionString: undefined, ...address() })
    const client = await pool.connect()
    client.release()
    await endOfTurn()
    const next = pool.connect()
    close(pool, client)
    Object.assign(pool.options, { port: 1 })
    await expect(next).rejects.toMatchObject({ code: 'ECONNREFUSED' })
    expect(control.counts()).toMatchObject({ inUse: 0, live: 0, waiters: 0 })
    expect(control.stats().createFailed).toBe(1)
  })

  test('and a drain out of patience does not wait for it', async () => {
    const proxy = await startFaultProxy(Number(address().port))
    const { pool, control } = adopted({ connectionString: undefined, ...address(), port: proxy.port })
    const client = await pool.connect()
    client.release()
    await endOfTurn()
    proxy.pause() // what pg connects in its place does not get there before the patience ends
    const next = pool.connect()
    close(pool, client)
    const refused = expect(next).rejects.toThrow('Cannot use a pool after calling end on the pool')
    expect(await control.drain({ timeoutMs: 1 })).toMatchObject({ leasesCut: 1 })
    proxy.resume()
    await refused
    await pool.end()
    expect(pool.totalCount).toBe(0)
    await proxy.close()
  })

  test('and one that is detached meanwhile goes to its caller as it comes from pg', async () => {
    const { pool, control } = adopted()
    ;(await pool.connect()).release()
    await endOfTurn()
    const next = pool.connect()
    control.detach()
    const client = await next
    await client.query('select 1')
    client.release()
    expect(pool.idleCount).toBe(1)
  })
})

function address(): pg.PoolConfig {
  const { hostname, port, username, pathname } = new URL(server.url)
  return { host: hostname, port: Number(port), user: username, database: pathname.slice(1) }
}
