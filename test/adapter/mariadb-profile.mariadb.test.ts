import { createPool } from 'mariadb'
import { describe, expect, inject, test } from 'vitest'
import { adapt } from '../../src/adapt.ts'
import '../support/servers.ts'

const server = inject('mariadb')

describe.skipIf(server === undefined)('what the leases of a mariadb pool are spent on', () => {
  // Slipped through: who hung at a query of the pool's own, and had given it up, passed for a holder who waits.
  test('queries of the pool are seen, failures too; of those on a connection, nothing is claimed', async () => {
    const { host, port, user, password, database } = server as NonNullable<typeof server>
    const pool = createPool({ host, port, user, password, database, connectionLimit: 1, minimumIdle: 0 })
    const control = adapt(pool, { limitMin: 1 })
    await pool.query('select 1 as a, sleep(0.02)')
    await pool.query({ sql: 'select 2 as b' })
    await pool.execute('select ? as c', [3])
    await expect(pool.query('select wrong')).rejects.toThrow('wrong')
    const seen = control.profile().holders
    const texts = seen.flatMap(({ queries }) => queries.map(({ text }) => text)).sort()
    expect(texts).toEqual(['select ? as a, sleep(?)', 'select ? as b', 'select ? as c', 'select wrong'])
    expect(Math.max(...seen.map(({ queryMs }) => queryMs?.max ?? 0))).toBeGreaterThan(15)
    expect(seen.map(({ heldMs }) => heldMs?.total)).toEqual([0, 0, 0, 0])
    const connection = await pool.getConnection()
    await connection.query('select 4 as d')
    await connection.release()
    expect(control.profile().holders.flatMap(({ queries }) => queries)).toHaveLength(4)
    await pool.end()
  })
})
