import mysql from 'mysql2'
import mysqlPromise from 'mysql2/promise'
import { callback } from '../../support/callback.ts'
import type { Failure, Held, Subject, SubjectSettings } from '../subject.ts'

function configOf({ host, port, user, password, database, limit }: SubjectSettings): mysql.PoolOptions {
  return { host, port, user, password, database, connectionLimit: limit }
}

function held(connection: mysql.PoolConnection): Held {
  return {
    connection,
    query: (sql) => callback((answer) => connection.query(sql, answer)),
    release: () => connection.release(),
  }
}

const takeFrom = (pool: mysql.Pool): Promise<mysql.PoolConnection> =>
  new Promise((resolve, reject) =>
    pool.getConnection((error, connection) => (error ? reject(error) : resolve(connection))),
  )

/** What every kind of pool of mysql2 has to expect, by what it is asked in. */
function failures<P>(connect: (pool: P) => Promise<unknown>): Record<string, Failure<P>> {
  return {
    'no such database': { settings: { database: 'nowhere' }, run: connect },
    'wrong password': { settings: { password: 'wrong' }, run: connect },
    'nobody listens': { settings: { port: 1 }, run: connect },
    'an ended pool': {
      run: async (pool, end) => {
        await end()
        await connect(pool)
      },
    },
  }
}

export const mysql2Subject: Subject<mysql.Pool> = {
  name: 'callback pool',
  driver: 'mysql2',
  server: 'mariadb',
  newPool: (settings) => mysql.createPool(configOf(settings)),
  acquire: async (pool) => held(await takeFrom(pool)),
  end: (pool) => callback((answer) => pool.end(answer)),
  ways: {
    'getConnection, release()': { use: async (pool) => (await takeFrom(pool)).release() },
    'getConnection, destroy()': { use: async (pool) => (await takeFrom(pool)).destroy(), closes: true },
    'getConnection, releaseConnection()': { use: async (pool) => pool.releaseConnection(await takeFrom(pool)) },
    'getConnection, Symbol.dispose': { use: async (pool) => (await takeFrom(pool))[Symbol.dispose]() },
    'query by callback': { use: (pool) => callback((answer) => pool.query('select 1', answer)) },
    'query by callback, bad SQL': { use: (pool) => callback((answer) => pool.query('selekt', answer)).catch(() => {}) },
    'query by events': {
      use: (pool) => new Promise((resolve) => pool.query('select 1').on('end', () => resolve(undefined))),
    },
    'execute by callback': { use: (pool) => callback((answer) => pool.execute('select ?', [1], answer)) },
    'promise(), getConnection': { use: async (pool) => (await pool.promise().getConnection()).release() },
    'promise(), query': { use: (pool) => pool.promise().query('select 1') },
  },
  calls: {
    'getConnection by callback': (pool, look) =>
      new Promise((resolve) =>
        pool.getConnection((_error, connection) => {
          const seen = look()
          connection.release()
          resolve(seen)
        }),
      ),
    'query by callback': (pool, look) => new Promise((resolve) => pool.query('select 1', () => resolve(look()))),
    'query by callback, with values': (pool, look) =>
      new Promise((resolve) => pool.query('select ?', [1], () => resolve(look()))),
    'query by callback, that fails': (pool, look) =>
      new Promise((resolve) => pool.query('selekt', () => resolve(look()))),
    'execute by callback': (pool, look) =>
      new Promise((resolve) => pool.execute('select ?', [1], () => resolve(look()))),
  },
  failures: {
    ...failures(takeFrom),
    'bad SQL': { run: (pool) => callback((answer) => pool.query('selekt', answer)) },
    'bad SQL, execute': { run: (pool) => callback((answer) => pool.execute('selekt', answer)) },
  },
  timeout: { code: 'ERR_POOL_ACQUIRE_TIMEOUT' },
  endsWaiters: { message: 'Pool is closed.' },
  endsLeases: 'cut',
  parts: (pool) => [pool, (pool as unknown as { config: object }).config],
  notApplicable: { abort: 'mysql2 has no way to stop waiting' },
}

export const mysql2PromiseSubject: Subject<mysqlPromise.Pool> = {
  name: 'promise pool',
  driver: 'mysql2',
  server: 'mariadb',
  newPool: (settings) => mysqlPromise.createPool(configOf(settings)),
  async acquire(pool) {
    const connection = await pool.getConnection()
    // Each time it is a new shell around the connection.
    const core = (connection as unknown as { connection: object }).connection
    return { connection: core, query: (sql) => connection.query(sql), release: () => connection.release() }
  },
  end: (pool) => pool.end(),
  ways: {
    'getConnection, release()': { use: async (pool) => (await pool.getConnection()).release() },
    'getConnection, destroy()': { use: async (pool) => (await pool.getConnection()).destroy(), closes: true },
    'getConnection, releaseConnection()': {
      use: async (pool) => pool.releaseConnection(await pool.getConnection()),
    },
    query: { use: (pool) => pool.query('select 1') },
    'query, bad SQL': { use: (pool) => pool.query('selekt').catch(() => {}) },
    execute: { use: (pool) => pool.execute('select ?', [1]) },
    'execute, bad SQL': { use: (pool) => pool.execute('selekt').catch(() => {}) },
  },
  calls: {
    getConnection: async (pool, look) => {
      const connection = await pool.getConnection()
      connection.release()
      return look()
    },
    query: async (pool, look) => {
      await pool.query('select 1')
      return look()
    },
    execute: async (pool, look) => {
      await pool.execute('select ?', [1])
      return look()
    },
  },
  failures: {
    ...failures((pool: mysqlPromise.Pool) => pool.getConnection()),
    'bad SQL': { run: (pool) => pool.query('selekt') },
    'bad SQL, execute': { run: (pool) => pool.execute('selekt') },
  },
  timeout: { code: 'ERR_POOL_ACQUIRE_TIMEOUT' },
  endsWaiters: { message: 'Pool is closed.' },
  endsLeases: 'cut',
  parts: (pool) => [pool, pool.pool],
  notApplicable: { abort: 'mysql2 has no way to stop waiting' },
}

const takeFromCluster = (cluster: mysql.PoolCluster): Promise<mysql.PoolConnection> =>
  new Promise((resolve, reject) =>
    cluster.getConnection((error, connection) => (error ? reject(error) : resolve(connection))),
  )

/** One node, so that what the suite counts is what one pool does; more of them are in mysql2-cluster.mariadb.test.ts. */
export const mysql2ClusterSubject: Subject<mysql.PoolCluster> = {
  name: 'cluster',
  driver: 'mysql2',
  server: 'mariadb',
  newPool(settings) {
    const cluster = mysql.createPoolCluster({ restoreNodeTimeout: 20 })
    cluster.add('only', configOf(settings))
    return cluster
  },
  acquire: async (cluster) => held(await takeFromCluster(cluster)),
  end: (cluster) => callback((answer) => cluster.end(answer)),
  ways: {
    'getConnection, release()': { use: async (cluster) => (await takeFromCluster(cluster)).release() },
    'getConnection, destroy()': { use: async (cluster) => (await takeFromCluster(cluster)).destroy(), closes: true },
    'of().getConnection': {
      use: (cluster) =>
        callback((answer) =>
          cluster.of('*').getConnection((error, connection) => {
            connection?.release()
            answer(error)
          }),
        ),
    },
    'of().query': { use: (cluster) => callback((answer) => cluster.of('*').query('select 1', answer)) },
    'of().execute': { use: (cluster) => callback((answer) => cluster.of('*').execute('select ?', [1], answer)) },
  },
  calls: {
    'getConnection by callback': (cluster, look) =>
      new Promise((resolve) =>
        cluster.getConnection((_error, connection) => {
          const seen = look()
          connection.release()
          resolve(seen)
        }),
      ),
    'of().query by callback': (cluster, look) =>
      new Promise((resolve) => cluster.of('*').query('select 1', () => resolve(look()))),
    'of().execute by callback': (cluster, look) =>
      new Promise((resolve) => cluster.of('*').execute('select ?', [1], () => resolve(look()))),
  },
  failures: failures(takeFromCluster),
  timeout: { code: 'ERR_POOL_ACQUIRE_TIMEOUT' },
  endsWaiters: { message: 'Pool is closed.' },
  endsLeases: 'cut',
  notApplicable: { abort: 'mysql2 has no way to stop waiting' },
}
