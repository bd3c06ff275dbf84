import pg from 'pg'
import { afterEach, describe, expect, inject, test } from 'vitest'
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
  const control = adapt(pool, { controller: fixed(), watch: false, createBackoff: { refuseAfter: 1 } })
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

describe('an idle client that goes on its way to its next holder', () => {
  test('is replaced by pg, within the lease', async () => {
    const { pool, control } = adopted()
    const client = await pool.connect()
    client.release()
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
