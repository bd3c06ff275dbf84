import { EventEmitter } from 'node:events'
import { Pool as SequelizePool } from 'sequelize-pool'
import { Pool as TarnPool } from 'tarn'
import { afterEach, expect, test, vi } from 'vitest'
import { adapt } from '../../../src/adapt.ts'

class Socket extends EventEmitter {
  closed = false

  destroy(): void {
    this.closed = true
    process.nextTick(() => this.emit('close'))
  }
}

class Connection {
  readonly stream = new Socket()

  /** By which mysql2's are known. */
  addCommand(): void {}
}

afterEach(() => {
  vi.useRealTimers()
})

const TIMING = { acquireTimeoutMillis: 1_000, idleTimeoutMillis: 1_000, reapIntervalMillis: 1_000 }

type Make = (typeof POOLS)[keyof typeof POOLS]

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

/** A pool at limit 1 that had two connections at rest; timers advance by hand. */
async function shrunk(make: Make, create: () => Promise<Connection>, destroyTimeoutMs = 5_000) {
  const { pool, acquire, release } = make(create)
  const control = adapt(pool, { watch: false, limitMin: 1, destroyTimeoutMs })
  const both = (await Promise.all([acquire(), acquire()])) as Connection[]
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
  for (const connection of both) release(connection)
  control.resize(1)
  const closed = () => both.filter(({ stream }) => stream.closed)
  return { control, both, closed }
}

test.each(Object.entries(POOLS))(
  '%s: a connection of mysql2, said to be closed once its good-bye is written, holds its slot until it is',
  async (_name, make) => {
    const { control, both } = await shrunk(make, async () => new Connection())
    await new Promise(setImmediate)
    expect(control.counts()).toMatchObject({ destroying: 1, live: 1 })
    for (const { stream } of both) stream.emit('close')
    await new Promise(setImmediate)
    expect(control.counts()).toMatchObject({ size: 1, live: 1 })
    control.detach()
  },
)

test.each(Object.entries(POOLS))(
  '%s: a socket that has not closed when its slot is given away is cut, else the server has one more',
  async (_name, make) => {
    const { control, closed } = await shrunk(make, async () => new Connection(), 2_000)
    await vi.advanceTimersByTimeAsync(1_999)
    expect(closed()).toEqual([])
    await vi.advanceTimersByTimeAsync(1)
    expect(closed()).toHaveLength(1)
    expect(control.counts()).toMatchObject({ size: 1, live: 1 })
    control.detach()
  },
)

test('what is no connection of mysql2 is left alone, whatever it calls its stream', async () => {
  const { control } = await shrunk(POOLS.tarn, async () => ({ stream: new Socket() }) as Connection)
  await new Promise(setImmediate)
  expect(control.counts()).toMatchObject({ size: 1, live: 1 })
  control.detach()
})

test('a connection that is lent by a pool of mysql2 goes back to it, and is not cut in the hands of the next', async () => {
  const { control, closed } = await shrunk(
    POOLS.tarn,
    async () => Object.assign(new Connection(), { _pool: {} }),
    2_000,
  )
  await vi.advanceTimersByTimeAsync(3_000)
  expect(control.counts()).toMatchObject({ size: 1, live: 1 })
  expect(closed()).toEqual([])
  control.detach()
})
