import { EventEmitter } from 'node:events'
import sql from 'mssql'
import { expect, test } from 'vitest'
import { adapt } from '../../../src/adapt.ts'
import { fixed } from '../../../src/control/fixed.ts'

/** mssql as it is, with its tarn, but for the server: what its drivers have to provide is made up. */
class FakedPool extends sql.ConnectionPool {
  made = 0
  closed = 0

  constructor(max: number) {
    super({ server: 'nowhere', pool: { max } })
  }

  async _poolCreate(): Promise<object> {
    this.made += 1
    return new EventEmitter()
  }

  async _poolDestroy(): Promise<void> {
    this.closed += 1
  }

  _poolValidate(): boolean {
    return true
  }
}

interface Lending {
  acquire(requester: object): Promise<object>
  release(connection: object): unknown
}

test('a ConnectionPool of mssql is adopted once it is connected, and anew after each close()', async () => {
  const pool = new FakedPool(2)
  const { acquire, release }: Lending = {
    acquire: (requester) => (pool as unknown as Lending).acquire(requester),
    release: (connection) => (pool as unknown as Lending).release(connection),
  }
  expect(() => adapt(pool)).toThrow('adopt it once connect() has resolved')
  await pool.connect()
  const control = adapt(pool, { controller: fixed(), watch: false })
  expect(adapt(pool)).toBe(control)
  const both = await Promise.all([acquire({}), acquire({})])
  const waiting = acquire({})
  expect(pool).toMatchObject({ borrowed: 2, pending: 1, size: 2 })
  const closed = pool.close()
  for (const connection of both) release(connection)
  release(await waiting) // served, where mssql would have refused
  await closed
  expect(control.counts()).toMatchObject({ size: 0, waiters: 0 })
  expect(pool.closed).toBe(pool.made)
  await pool.connect()
  const again = adapt(pool, { controller: fixed(), watch: false })
  expect(again).not.toBe(control)
  release(await acquire({}))
  expect(again.stats()).toMatchObject({ acquired: 1, released: 1 })
  await pool.close()
  await expect(acquire({})).rejects.toMatchObject({ code: 'ENOTOPEN' })
})
