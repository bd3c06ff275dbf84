import { setTimeout as sleep } from 'node:timers/promises'
import type mysql from 'mysql2'
import mysqlPromise from 'mysql2/promise'
import { afterEach, describe, expect, inject, test } from 'vitest'
import { adapt } from '../../src/adapt.ts'
import type { AdaptOptions } from '../../src/adopted-pool.ts'
import { callback } from '../support/callback.ts'
import { oneOfTwenty } from '../support/one-of-twenty.ts'
import '../support/servers.ts'

const server = inject('mariadb')

describe.skipIf(server === undefined)('where the time of a mysql2 pool’s leases goes', () => {
  const ends: (() => Promise<unknown>)[] = []

  afterEach(async () => {
    for (const end of ends.splice(0)) await end()
  })

  function adopted(options: AdaptOptions = {}) {
    const pool = mysqlPromise.createPool({ uri: server?.url ?? '', connectionLimit: 10 })
    ends.push(() => pool.end())
    return { pool, core: pool.pool as unknown as mysql.Pool, control: adapt(pool, { name: 'orders', ...options }) }
  }

  const take = (core: mysql.Pool): Promise<mysql.PoolConnection> =>
    callback((done) => core.getConnection(done)) as Promise<mysql.PoolConnection>

  test.each(['promises', 'callbacks'] as const)(
    'a lease kept across a 200 ms HTTP call in one of 20 handlers is found and named, by %s',
    async (style) => {
      const { pool, core, control } = adopted({ watch: { callSitesPerSecond: 10_000 } })
      const byPromises = async () => {
        const connection = await pool.getConnection()
        await connection.query('select 1 from dual where 3 = ?', [3])
        await sleep(200) // the HTTP call
        await connection.query('select 2')
        connection.release()
      }
      function byCallbacks(done: () => void) {
        core.getConnection((_error, connection) => {
          const end = () => {
            connection.release()
            done()
          }
          connection.query('select 1 from dual where 3 = ?', [3], () => {
            setTimeout(() => connection.query('select 2', end), 200)
          })
        })
      }
      const keepsItTooLong = style === 'promises' ? byPromises : () => callback(byCallbacks)
      await oneOfTwenty(keepsItTooLong, async (i) => {
        const sql = `select ${i}, sleep(0.002)`
        await (style === 'promises' ? pool.query(sql) : callback((done) => core.query(sql, done)))
      })
      const [first] = control.profile().holders
      expect(first?.holder).toMatch(/^by(Promises|Callbacks) \(.*mysql2-profile\.mariadb\.test\.ts:\d+:\d+\)$/)
      expect(first?.leases).toBe(20)
      expect(first?.heldMs?.mean).toBeGreaterThan(190)
      expect(first?.heldShare).toBeGreaterThan(0.9)
      expect(first?.queries.map(({ text }) => text)).toContain('select ? from dual where ? = ?')
    },
  )

  test('every way to ask is seen: query, execute, a statement, a transaction, one behind the other; so are failures', async () => {
    const { pool, core, control } = adopted({ limitMax: 1 })
    await pool.query('select 1 as a')
    await pool.execute('select ? as b, sleep(0.02)', [2])
    await callback((done) => core.query({ sql: 'select 3 as c' }, done))
    await callback((done) => core.execute('select ? as d', [4], done))
    const connection = await pool.getConnection()
    await connection.beginTransaction()
    await Promise.all([connection.query('select 5 as e'), connection.query('select 6 as f')])
    await expect(connection.query('select wrong')).rejects.toThrow('wrong')
    await connection.rollback()
    connection.release()
    const other = await pool.getConnection()
    await (await other.prepare('select ? as g, sleep(0.05)')).execute([7])
    other.release()
    const all = control.profile().holders.flatMap(({ queries }) => queries)
    const found = (text: string) => all.filter((query) => query.text === text)
    for (const letter of ['a', 'c', 'e', 'f']) expect(found(`select ? as ${letter}`)).toHaveLength(1)
    expect(found('select ? as d')).toMatchObject([{ count: 1 }])
    expect(found('select ? as b, sleep(?)')).toMatchObject([{ count: 1 }]) // to prepare it is a part of it
    expect(found('Prepare')).toHaveLength(0)
    expect(found('select ? as b, sleep(?)')[0]?.meanMs).toBeGreaterThan(18)
    expect(found('select ? as g, sleep(?)')).toMatchObject([{ count: 1 }])
    expect(control.profile().holders.every(({ heldMs }) => (heldMs?.total ?? 1_000) < 100)).toBe(true)
  })

  // mysql2 emits the end of an execute twice if what it should have executed could not be prepared.
  test('after a query that fails, the next one is timed as any other', async () => {
    const { pool, control } = adopted()
    const connection = await pool.getConnection()
    await expect(connection.execute('select wrong')).rejects.toThrow('wrong')
    await connection.query('select 1 as good')
    await sleep(60)
    connection.release()
    const [holder] = control.profile().holders
    expect(holder?.heldMs?.total).toBeGreaterThan(55)
    expect(holder?.queries.find(({ text }) => text === 'select ? as good')?.meanMs).toBeLessThan(40)
  })

  test('a query behind what an earlier holder has left running is running until its own end', async () => {
    const { pool, core, control } = adopted({ limitMax: 1 })
    const connection = await take(core)
    connection.query('select 1 as left_running')
    connection.release()
    await pool.query('select 2 as behind, sleep(0.1)')
    const behind = control
      .profile()
      .holders.filter(({ queries }) => queries.some(({ text }) => text.includes('behind')))
    expect(behind[0]?.heldMs?.max).toBeLessThan(50)
    const behindMs = behind[0]?.queries.find(({ text }) => text.includes('behind'))?.meanMs
    expect(behindMs).toBeGreaterThan(95)
  })

  test('a connection taken by whoever is told, at once, that too many wait is his until he gives it back', async () => {
    const { core, control } = adopted({ limitMax: 1, waitersMax: 1 })
    const held = await take(core)
    core.query('select 0 as waits', () => {})
    const taken = new Promise<mysql.PoolConnection>((resolve, reject) => {
      core.query('select 1 as refused', () => {
        held.release()
        core.getConnection((error, connection) => (error ? reject(error) : resolve(connection)))
      })
    })
    const connection = await taken
    await callback((done) => connection.query('select 2 as taken', done))
    await sleep(60)
    connection.release()
    const taker = control.profile().holders.find(({ queries }) => queries.some(({ text }) => text.includes('taken')))
    expect(taker?.heldMs?.max).toBeGreaterThan(55)
  })

  test('unwatched, or detached, the connections are as they were', async () => {
    for (const watch of [undefined, false] as const) {
      const { core, control } = adopted(watch === undefined ? {} : { watch })
      const connection = await take(core)
      expect(Object.hasOwn(connection, 'addCommand')).toBe(watch === undefined)
      control.detach()
      expect(Object.hasOwn(connection, 'addCommand')).toBe(false)
      await callback((done) => connection.query('select 1', done))
      connection.release()
    }
  })
})
