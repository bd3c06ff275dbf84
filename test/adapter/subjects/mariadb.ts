import { createPool, type Pool } from 'mariadb'
import type { Subject } from '../subject.ts'

/** A connect that fails shows only when its caller's patience ends. */
const SOON = { acquireTimeoutMs: 400 }

export const mariadbSubject: Subject<Pool> = {
  name: 'pool',
  driver: 'mariadb',
  server: 'mariadb',
  newPool: ({ limitMax, acquireTimeoutMs, host, port, user, password, database }) =>
    createPool({
      host,
      port,
      user,
      password,
      database,
      connectionLimit: limitMax,
      minimumIdle: 0,
      ...(acquireTimeoutMs === undefined ? {} : { acquireTimeout: acquireTimeoutMs }),
    }),
  async acquire(pool) {
    const connection = await pool.getConnection()
    return { connection, query: (sql) => connection.query(sql), release: () => connection.release() }
  },
  end: (pool) => pool.end(),
  ways: {
    'getConnection, release()': { use: async (pool) => (await pool.getConnection()).release() },
    'getConnection, end()': { use: async (pool) => (await pool.getConnection()).end() },
    'getConnection, destroy()': { use: async (pool) => (await pool.getConnection()).destroy(), closes: true },
    'getConnection, a transaction left open, release()': {
      async use(pool) {
        const connection = await pool.getConnection()
        await connection.beginTransaction()
        await connection.release()
      },
    },
    query: { use: (pool) => pool.query('select ? as n', [1]) },
    'query, bad SQL': { use: (pool) => pool.query('selekt').catch(() => {}) },
    execute: { use: (pool) => pool.execute('select ? as n', [1]) },
    'batch, that fails': { use: (pool) => pool.batch('select ? as n', [[1], [2]]).catch(() => {}) },
    'importFile, of no file': { use: (pool) => pool.importFile({ file: '/nowhere.sql' }).catch(() => {}) },
  },
  calls: {
    getConnection: async (pool, look) => {
      await (await pool.getConnection()).release()
      return look()
    },
    query: async (pool, look) => {
      await pool.query('select 1')
      return look()
    },
    execute: async (pool, look) => {
      await pool.execute('select ? as n', [1])
      return look()
    },
  },
  failures: {
    'bad SQL, held': {
      async run(pool) {
        const connection = await pool.getConnection()
        try {
          await connection.query('selekt')
        } finally {
          await connection.release()
        }
      },
    },
    'no such database': { settings: { database: 'nowhere', ...SOON }, run: (pool) => pool.getConnection() },
    'wrong password': { settings: { password: 'wrong', ...SOON }, run: (pool) => pool.getConnection() },
    'an ended pool': {
      run: async (pool, end) => {
        await end()
        await pool.getConnection()
      },
    },
  },
  timeout: { code: 'ER_GET_CONNECTION_TIMEOUT', name: 'SqlError', cause: { code: 'ERR_POOL_ACQUIRE_TIMEOUT' } },
  endsWaiters: 'served',
  endsLeases: 'awaited',
  hidesRefusals: true,
  cannotGrow: true,
  notApplicable: {
    midFlightBack: 'what a mariadb pool has at rest comes to the engine as created',
    abort: 'mariadb has no way to stop waiting',
    detachOver: 'a mariadb pool never has more than its own maximum',
  },
}
