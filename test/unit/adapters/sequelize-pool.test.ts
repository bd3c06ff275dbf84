import { EventEmitter } from 'node:events'
import { Pool } from 'sequelize-pool'
import { expect, test } from 'vitest'
import { adapt } from '../../../src/adapt.ts'

class Socket extends EventEmitter {
  closed = false
}

test('a connection of mysql2, which Sequelize says to be closed once its good-bye is written, holds its slot until it is', async () => {
  const stream = new Socket()
  const pool = new Pool({
    name: 'mysql',
    create: async () => ({ stream }),
    destroy: async () => {},
    validate: () => true,
    max: 1,
    min: 0,
    acquireTimeoutMillis: 1_000,
    idleTimeoutMillis: 1_000,
    reapIntervalMillis: 1_000,
  })
  const control = adapt(pool, { watch: false })
  const connection = await pool.acquire()
  await pool.destroy(connection)
  await new Promise(setImmediate)
  expect(control.counts()).toMatchObject({ destroying: 1, live: 0 })
  stream.emit('close')
  await new Promise(setImmediate)
  expect(control.counts()).toMatchObject({ size: 0 })
  await pool.drain()
})
