import { EventEmitter } from 'node:events'
import { Pool as SequelizePool } from 'sequelize-pool'
import { Pool as TarnPool } from 'tarn'
import { expect, test } from 'vitest'
import { adapt } from '../../../src/adapt.ts'

class Socket extends EventEmitter {
  closed = false
}

interface Connection {
  readonly stream: Socket
}

const TIMING = { acquireTimeoutMillis: 1_000, idleTimeoutMillis: 1_000, reapIntervalMillis: 1_000 }

const POOLS = {
  'sequelize-pool': (create: () => Promise<Connection>) => {
    const pool = new SequelizePool({ create, destroy: async () => {}, validate: () => true, max: 2, min: 0, ...TIMING })
    return {
      pool,
      acquire: () => pool.acquire(),
      release: (connection: object) => pool.release(connection as Connection),
    }
  },
  tarn: (create: () => Promise<Connection>) => {
    const pool = new TarnPool<Connection>({ create, destroy: async () => {}, max: 2, min: 0, ...TIMING })
    return {
      pool,
      acquire: () => pool.acquire().promise,
      release: (connection: object) => pool.release(connection as Connection),
    }
  },
}

test.each(Object.entries(POOLS))(
  '%s: a connection of mysql2, said to be closed once its good-bye is written, holds its slot until it is',
  async (_name, make) => {
    const streams: Socket[] = []
    const { pool, acquire, release } = make(async () => {
      const stream = new Socket()
      streams.push(stream)
      return { stream }
    })
    const control = adapt(pool, { watch: false, limitMin: 1 })
    const both = await Promise.all([acquire(), acquire()])
    for (const connection of both) release(connection)
    control.resize(1)
    await new Promise(setImmediate)
    expect(control.counts()).toMatchObject({ destroying: 1, live: 1 })
    for (const stream of streams) stream.emit('close')
    await new Promise(setImmediate)
    expect(control.counts()).toMatchObject({ size: 1, live: 1 })
    control.detach()
  },
)
