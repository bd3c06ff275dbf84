import pg from 'pg'
import { callback } from '../../support/callback.ts'
import type { Subject } from '../subject.ts'

export const pgSubject: Subject<pg.Pool> = {
  name: 'pg.Pool',
  driver: 'pg',
  server: 'postgres',
  newPool: ({ limit, acquireTimeoutMs, host, port, user, password, database }) =>
    new pg.Pool({
      host,
      port,
      user,
      password,
      database,
      max: limit,
      ...(acquireTimeoutMs === undefined ? {} : { connectionTimeoutMillis: acquireTimeoutMs }),
    }),
  async acquire(pool) {
    const client = await pool.connect()
    return { connection: client, query: (sql) => client.query(sql), release: () => client.release() }
  },
  end: (pool) => pool.end(),
  ways: {
    'connect by promise, release()': { use: async (pool) => (await pool.connect()).release() },
    'connect by promise, release(true)': { use: async (pool) => (await pool.connect()).release(true), closes: true },
    'connect by callback, done()': {
      use: (pool) =>
        callback((answer) =>
          pool.connect((error, _client, done) => {
            done()
            answer(error)
          }),
        ),
    },
    'query by promise': { use: (pool) => pool.query('select 1') },
    'query by promise, bad SQL': { use: (pool) => pool.query('selekt').catch(() => {}), closes: true },
    'query by callback': { use: (pool) => callback((answer) => pool.query('select $1::int', [1], answer)) },
    'query by Submittable': { use: (pool) => pool.query(new pg.Query('select 1')) as unknown as Promise<unknown> },
  },
  calls: {
    'connect by promise': async (pool, look) => {
      const client = await pool.connect()
      client.release()
      return look()
    },
    'connect by callback': (pool, look) =>
      new Promise((resolve) =>
        pool.connect((_error, _client, done) => {
          const seen = look()
          done()
          resolve(seen)
        }),
      ),
    'query by promise': async (pool, look) => {
      await pool.query('select 1')
      return look()
    },
    'query by callback': (pool, look) => new Promise((resolve) => pool.query('select 1', () => resolve(look()))),
  },
  failures: {
    'bad SQL': { run: (pool) => pool.query('selekt') },
    'no such database, connect': { settings: { database: 'nowhere' }, run: (pool) => pool.connect() },
    'no such database, query': { settings: { database: 'nowhere' }, run: (pool) => pool.query('select 1') },
    'no such role': { settings: { user: 'nobody' }, run: (pool) => pool.connect() },
    'nobody listens': { settings: { port: 1 }, run: (pool) => pool.connect() },
    'an ended pool': {
      run: async (pool, end) => {
        await end()
        await pool.connect()
      },
    },
  },
  timeout: {
    message: 'timeout exceeded when trying to connect',
    constructor: Error,
    cause: { code: 'ERR_POOL_ACQUIRE_TIMEOUT' },
  },
  endsWaiters: 'served',
  endsLeases: 'awaited',
  parts: (pool) => [pool, pool.options],
  notApplicable: { abort: 'pg has no way to stop waiting' },
}
