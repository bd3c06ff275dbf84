import { AsyncLocalStorage } from 'node:async_hooks'
import pg from 'pg'
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest'
import { adapt } from '../../src/adapt.ts'
import { fixed } from '../../src/control/fixed.ts'
import '../support/servers.ts'
import { until } from '../support/until.ts'

const server = inject('postgres')
let admin: pg.Client

beforeAll(async () => {
  admin = new pg.Client({ connectionString: server.url })
  await admin.connect()
})
afterAll(async () => {
  await admin.end()
})

const ENDED = 'Cannot use a pool after calling end on the pool'
const ENDED_TWICE = 'Called end on pool more than once'

function adoptedPool(config: pg.PoolConfig = {}) {
  const pool = new pg.Pool({ connectionString: server.url, max: 2, application_name: 'ending', ...config })
  return { pool, control: adapt(pool, { controller: fixed() }) }
}

async function connectionsAtServer(): Promise<number> {
  const { rows } = await admin.query(
    "select count(*)::int as n from pg_stat_activity where application_name = 'ending'",
  )
  return rows[0].n
}

describe('end()', () => {
  test('serves who waits, waits for leases, and resolves when every socket is closed', async () => {
    const { pool, control } = adoptedPool()
    const order: string[] = []
    const out = await Promise.all([pool.connect(), pool.connect()])
    const waiting = Array.from({ length: 5 }, async (_, i) => {
      await pool.query('select 1')
      order.push(`query ${i}`)
    })
    const late = pool.connect().then(async (client) => {
      order.push('lease')
      await until(() => order.length === 6)
      client.release()
      order.push('lease over')
    })
    const sockets = new Set<{ destroyed: boolean }>()
    pool.on('release', (_error, client) => sockets.add(client.connection.stream))

    const ended = pool.end().then(() => order.push('end'))
    for (const client of out) client.release()
    await Promise.all([...waiting, late, ended])

    expect(order.slice(-2)).toEqual(['lease over', 'end'])
    expect([...sockets].map((socket) => socket.destroyed)).toEqual([true, true])
    expect(control.counts()).toMatchObject({ size: 0, waiters: 0 })
    expect(control.stats()).toMatchObject({ acquired: 8, released: 8 })
    expect(pool).toMatchObject({ totalCount: 0, idleCount: 0, waitingCount: 0, ending: true, ended: true })
    await until(async () => (await connectionsAtServer()) === 0)
  })

  test('an idle pool is `ending` at once', async () => {
    const { pool } = adoptedPool()
    await pool.query('select 1')
    const ended = pool.end()
    expect(pool.ending).toBe(true)
    await ended
    expect(pool.ended).toBe(true)
  })

  test("afterwards, connect and query fail with pg's own error, ours as its cause", async () => {
    const { pool } = adoptedPool()
    await pool.end()
    const refusal = {
      message: ENDED,
      cause: { code: 'ERR_POOL_DRAINING', message: expect.not.stringContaining('drain()') },
    }
    await expect(pool.connect()).rejects.toMatchObject(refusal)
    await expect(pool.query('select 1')).rejects.toMatchObject(refusal)
    expect(await new Promise((resolve) => pool.connect((error) => resolve(error)))).toMatchObject(refusal)
    expect(await new Promise((resolve) => pool.query('select 1', (error) => resolve(error)))).toMatchObject(refusal)
  })

  test('who comes while others are still served is refused too', async () => {
    const { pool } = adoptedPool({ max: 1 })
    const client = await pool.connect()
    const waiting = pool.query('select 1')
    const ended = pool.end()
    await expect(pool.query('select 1')).rejects.toThrow(ENDED)
    await expect(pool.end()).rejects.toThrow(ENDED_TWICE)
    client.release()
    await waiting
    await ended
  })

  test("a second call is pg's own error, by promise and by callback", async () => {
    const { pool } = adoptedPool()
    await pool.end()
    await expect(pool.end()).rejects.toThrow(ENDED_TWICE)
    const error = await new Promise((resolve) => (pool.end as (done: (error?: Error) => void) => void)(resolve))
    expect(error).toMatchObject({ message: ENDED_TWICE })
  })

  test("by callback: no argument, and in the caller's AsyncLocalStorage", async () => {
    const { pool } = adoptedPool()
    const storage = new AsyncLocalStorage<string>()
    await pool.query('select 1')
    const seen = await storage.run(
      'mine',
      () => new Promise((resolve) => pool.end((...args: unknown[]) => resolve([storage.getStore(), args]))),
    )
    expect(seen).toEqual(['mine', []])
  })

  test('a pool that has never been used ends', async () => {
    const { pool } = adoptedPool()
    await pool.end()
    expect(pool.ended).toBe(true)
  })

  test('a client that is being opened when the pool ends is closed', async () => {
    const { pool, control } = adoptedPool()
    void control.warmUp(2).catch(() => {})
    expect(control.counts().creating).toBe(2)
    await pool.end()
    expect(pool.totalCount).toBe(0)
    await until(async () => (await connectionsAtServer()) === 0)
  })

  test('drain() of the handle does the same, and end() closes what is left', async () => {
    const { pool, control } = adoptedPool()
    await pool.query('select 1')
    await control.drain()
    expect(pool.totalCount).toBe(0)
    await expect(pool.query('select 1')).rejects.toThrow(ENDED)
    await pool.end()
    expect(pool.ended).toBe(true)
  })

  test('drain({ timeoutMs }) closes a client under its holder, whose release is still no error', async () => {
    const { pool, control } = adoptedPool()
    const client = await pool.connect()
    const result = await control.drain({ timeoutMs: 20 })
    expect(result.leasesCut).toBe(1)
    client.release()
    await pool.end()
    expect(pool.totalCount).toBe(0)
  })

  // Slipped through: detach() was tested on pools that go on, and at its end a pool was never detached.
  describe('detached while it is under way', () => {
    test.each([0, 2])('leases are awaited, and %i who wait are served', async (waiters) => {
      const { pool, control } = adoptedPool({ max: 1 })
      const client = await pool.connect()
      const waiting = Array.from({ length: waiters }, () => pool.query('select 1'))
      const ended = pool.end()
      control.detach()
      client.release()
      await Promise.all(waiting)
      await ended
      expect(pool).toMatchObject({ totalCount: 0, ending: true, ended: true })
    })

    test('a client that pg is handing out is handed out, and one that is being opened is closed', async () => {
      const { pool, control } = adoptedPool()
      await pool.query('select 1')
      void control.warmUp(2).catch(() => {})
      const handedOut = pool.connect()
      const ended = pool.end()
      control.detach()
      ;(await handedOut).release()
      await ended
      expect(pool).toMatchObject({ totalCount: 0, ended: true })
    })

    test('nobody has anything out: it resolves', async () => {
      const { pool, control } = adoptedPool()
      await pool.query('select 1')
      const ended = pool.end()
      control.detach()
      await ended
      expect(pool).toMatchObject({ totalCount: 0, ended: true })
    })
  })

  // Slipped through: clients died at rest, or lent; in a hook, none did.
  test('a client that died, or was ended, in an onConnect hook which went on is not waited for', async () => {
    const deaths = [
      (client: pg.Client, pid: number) => {
        const gone = new Promise((resolve) => client.once('end', resolve))
        client.on('error', () => {})
        return Promise.all([gone, admin.query('select pg_terminate_backend($1)', [pid])])
      },
      (client: pg.Client) => client.end(),
    ]
    const onConnect = async (client: pg.Client): Promise<void> => {
      const { rows } = await client.query('select pg_backend_pid() as pid')
      await deaths.shift()?.(client, rows[0].pid)
    }
    const { pool, control } = adoptedPool({ max: 1, onConnect: onConnect as never })
    const closed: unknown[] = []
    control.on('destroyed', ({ reason }) => closed.push(reason))
    for (const message of [/not queryable/, /closed/]) await expect(pool.query('select 1')).rejects.toThrow(message)
    await until(() => closed.length === 2) // at once: well within destroyTimeoutMs
    await pool.query('select 1')
    await pool.end()
    expect(pool).toMatchObject({ totalCount: 0, ended: true })
  })

  // Slipped through: that a socket has closed was heard of as a listener on the pool, and no test took those away.
  test.each(['all', 'remove', 'acquire', 'release'])('whose listeners were taken away (%s) resolves', async (event) => {
    const { pool, control } = adoptedPool({ max: 1 })
    await pool.query('select 1')
    if (event === 'all') pool.removeAllListeners()
    else pool.removeAllListeners(event)
    const client = await pool.connect()
    const next = pool.query('select 1')
    client.release(true) // the next one's place
    await next
    await pool.end()
    expect(control.counts()).toMatchObject({ size: 0, waiters: 0 })
    expect(pool).toMatchObject({ totalCount: 0, ended: true })
    await until(async () => (await connectionsAtServer()) === 0)
  })

  // Slipped through: of listeners that were taken away, only the pool's were thought of.
  test.each([true, undefined])(
    'a holder has taken his client all listeners (released with %s): resolves',
    async (how) => {
      const { pool, control } = adoptedPool({ max: 1 })
      const client = await pool.connect()
      const next = pool.query('select 1')
      client.removeAllListeners()
      client.release(how)
      await next
      await pool.end()
      expect(control.counts()).toMatchObject({ size: 0, waiters: 0 })
      expect(pool).toMatchObject({ totalCount: 0, ended: true })
    },
  )
})
