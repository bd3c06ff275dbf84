import { createPool } from 'mariadb'
import { describe, expect, inject, test } from 'vitest'
import { adapt } from '../../src/adapt.ts'
import { fixed } from '../../src/control/fixed.ts'
import '../support/servers.ts'

const server = inject('mariadb')

/** That of pools whose connections are open already is in the conformance suite, which is how these slipped through. */
describe.skipIf(server === undefined)('end() of an adopted mariadb pool', () => {
  async function adoptedPool() {
    const { host, port, user, password, database } = server as NonNullable<typeof server>
    const pool = createPool({ host, port, user, password, database, connectionLimit: 5, minimumIdle: 0 })
    const control = adapt(pool, { controller: fixed() })
    const troubles: string[] = []
    control.on('createFailed', ({ error }) => troubles.push(String(error)))
    control.on('warning', ({ kind }) => troubles.push(kind))
    await new Promise(setImmediate) // by then mariadb's class of errors is known
    return { pool, control, troubles }
  }

  const ALREADY_CLOSED = { code: 'ER_POOL_ALREADY_CLOSED', errno: 45_027, name: 'SqlError' }

  test('serves who waits for connections that are still to be opened, and warns of nothing', async () => {
    const { pool, control, troubles } = await adoptedPool()
    const waiting = Array.from({ length: 8 }, (_, i) => pool.query('select ? as n', [i]))

    const ended = pool.end()
    const late = pool.query('select 1')

    await expect(late).rejects.toMatchObject(ALREADY_CLOSED)
    expect((await Promise.all(waiting)).map(([row]) => Number(row.n))).toEqual([0, 1, 2, 3, 4, 5, 6, 7])
    await ended
    expect(troubles).toEqual([])
    expect(pool.closed).toBe(true)
    expect(control.counts()).toMatchObject({ size: 0, waiters: 0 })
  })

  test('called again while somebody is still to be served, it is refused as by mariadb, and ends nothing early', async () => {
    const { pool } = await adoptedPool()
    const waiting = pool.query('select 1 as n')
    const ended = pool.end()

    await expect(pool.end()).rejects.toMatchObject(ALREADY_CLOSED)
    await expect(waiting).resolves.toHaveLength(1)
    await ended
    await expect(pool.end()).rejects.toMatchObject(ALREADY_CLOSED)
  })

  test('with nobody waiting, mariadb ends its pool at once', async () => {
    const { pool } = await adoptedPool()
    await pool.query('select 1')
    const ended = pool.end()
    expect(pool.closed).toBe(true)
    await ended
  })
})
