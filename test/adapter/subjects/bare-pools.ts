import { createPool, type Pool as GenericPool } from 'generic-pool'
import pg from 'pg'
import { Pool as SequelizePool, TimeoutError as SequelizePoolTimeoutError } from 'sequelize-pool'
import { Pool as TarnPool, TimeoutError as TarnTimeoutError } from 'tarn'
import type { Held, Subject, SubjectSettings } from '../subject.ts'

// Pools of anything, here of pg clients. A client of theirs that dies idle is noticed when it is to be lent again.

const PATIENCE_MS = 30_000
const FINDS_OUT_LATE = 'it learns of a death at the next hand-out, by its validate'

async function connect({ host, port, user, password, database }: SubjectSettings): Promise<pg.Client> {
  const client = new pg.Client({ host, port, user, password, database })
  client.on('error', () => {})
  await client.connect()
  return client
}

const isAlive = (client: pg.Client): boolean => (client as unknown as { _queryable: boolean })._queryable

function held(client: pg.Client, release: () => unknown): Held {
  return { connection: client, query: (sql) => client.query(sql), release }
}

// ------------------------------------------------------------------------------------------------ generic-pool

export const genericPoolSubject: Subject<GenericPool<pg.Client>> = {
  name: 'Pool of pg clients',
  driver: 'generic-pool',
  server: 'postgres',
  newPool: (settings) =>
    createPool<pg.Client>(
      {
        create: () => connect(settings),
        destroy: (client) => client.end(),
        validate: async (client) => isAlive(client),
      },
      {
        max: settings.limit,
        testOnBorrow: true,
        ...(settings.acquireTimeoutMs === undefined ? {} : { acquireTimeoutMillis: settings.acquireTimeoutMs }),
      },
    ),
  async acquire(pool) {
    const client = await pool.acquire()
    return held(client, () => pool.release(client))
  },
  async end(pool) {
    await pool.drain()
    await pool.clear()
  },
  ways: {
    'acquire, release()': { use: async (pool) => pool.release(await pool.acquire()) },
    'acquire with a priority, release()': { use: async (pool) => pool.release(await pool.acquire(0)) },
    'acquire, destroy()': { use: async (pool) => pool.destroy(await pool.acquire()), closes: true },
    'use, that succeeds': { use: (pool) => pool.use((client) => client.query('select 1')) },
    'use, that fails': { use: (pool) => pool.use((client) => client.query('selekt')).catch(() => {}), closes: true },
  },
  calls: {
    acquire: async (pool, look) => {
      await pool.release(await pool.acquire())
      return look()
    },
    use: (pool, look) => pool.use(async () => look()),
  },
  failures: {
    'work that fails': { run: (pool) => pool.use((client) => client.query('selekt')) },
    'not a resource of its own': { run: (pool) => pool.release({} as pg.Client) },
    'a drained pool': {
      run: async (pool, end) => {
        await end()
        await pool.acquire()
      },
    },
  },
  timeout: { name: 'TimeoutError', message: 'ResourceRequest timed out', cause: { code: 'ERR_POOL_ACQUIRE_TIMEOUT' } },
  endsWaiters: 'served',
  endsLeases: 'awaited',
  parts: (pool) => {
    const { _config, _factory } = pool as unknown as { _config: object; _factory: object }
    return [pool, _config, _factory]
  },
  volatile: ['_scheduledEviction'],
  notApplicable: {
    abort: 'generic-pool has no way to stop waiting',
    killed: FINDS_OUT_LATE,
    outage: FINDS_OUT_LATE,
  },
}

// ------------------------------------------------------------------------------------------------ tarn

export const tarnSubject: Subject<TarnPool<pg.Client>> = {
  name: 'Pool of pg clients',
  driver: 'tarn',
  server: 'postgres',
  newPool: (settings) =>
    new TarnPool<pg.Client>({
      create: () => connect(settings),
      destroy: (client: pg.Client) => client.end(),
      validate: isAlive,
      min: 0,
      max: settings.limit,
      propagateCreateError: true,
      acquireTimeoutMillis: settings.acquireTimeoutMs ?? PATIENCE_MS,
    }),
  async acquire(pool) {
    const client = await pool.acquire().promise
    return held(client, () => pool.release(client))
  },
  end: (pool) => pool.destroy(),
  ways: { 'acquire, release()': { use: async (pool) => pool.release(await pool.acquire().promise) } },
  calls: {
    acquire: async (pool, look) => {
      pool.release(await pool.acquire().promise)
      return look()
    },
  },
  failures: {
    'no such database': { settings: { database: 'nowhere' }, run: (pool) => pool.acquire().promise },
    'nobody listens': { settings: { port: 1 }, run: (pool) => pool.acquire().promise },
  },
  timeout: {
    message: 'operation timed out for an unknown reason',
    constructor: TarnTimeoutError,
    cause: { code: 'ERR_POOL_ACQUIRE_TIMEOUT' },
  },
  endsWaiters: 'served',
  endsLeases: 'awaited',
  abort(pool) {
    const { promise, abort } = pool.acquire()
    return { waiting: promise, abort }
  },
  volatile: ['eventId', 'interval'],
  notApplicable: { killed: FINDS_OUT_LATE, outage: FINDS_OUT_LATE },
}

// ------------------------------------------------------------------------------------------------ sequelize-pool

export const sequelizePoolSubject: Subject<SequelizePool<pg.Client>> = {
  name: 'Pool of pg clients',
  driver: 'sequelize-pool',
  server: 'postgres',
  newPool: (settings) =>
    new SequelizePool<pg.Client>({
      create: () => connect(settings),
      destroy: (client) => client.end(),
      validate: isAlive,
      min: 0,
      max: settings.limit,
      ...(settings.acquireTimeoutMs === undefined ? {} : { acquireTimeoutMillis: settings.acquireTimeoutMs }),
    }),
  async acquire(pool) {
    const client = await pool.acquire()
    return held(client, () => pool.release(client))
  },
  async end(pool) {
    await pool.drain()
    await pool.destroyAllNow()
  },
  ways: {
    'acquire, release()': { use: async (pool) => pool.release(await pool.acquire()) },
    'acquire, destroy()': { use: async (pool) => pool.destroy(await pool.acquire()), closes: true },
  },
  calls: {
    acquire: async (pool, look) => {
      pool.release(await pool.acquire())
      return look()
    },
  },
  failures: {
    'no such database': { settings: { database: 'nowhere' }, run: (pool) => pool.acquire() },
    'nobody listens': { settings: { port: 1 }, run: (pool) => pool.acquire() },
    'a drained pool': {
      run: async (pool, end) => {
        await end()
        await pool.acquire()
      },
    },
  },
  timeout: {
    message: 'Pool acquire operation timeout',
    constructor: SequelizePoolTimeoutError,
    cause: { code: 'ERR_POOL_ACQUIRE_TIMEOUT' },
  },
  endsWaiters: 'served',
  endsLeases: 'awaited',
  parts: (pool) => [pool, (pool as unknown as { _factory: object })._factory],
  volatile: ['_count', '_removeIdleScheduled', '_removeIdleTimer'],
  notApplicable: {
    abort: 'sequelize-pool has no way to stop waiting',
    killed: FINDS_OUT_LATE,
    outage: FINDS_OUT_LATE,
  },
}
