import { type Options, QueryTypes, Sequelize, type Transaction } from 'sequelize'
import type { Subject, SubjectSettings } from '../subject.ts'

const FINDS_OUT_LATE = 'Sequelize learns of a death at the next hand-out, by its validate'

interface Manager {
  getConnection(options: object): Promise<object>
  releaseConnection(connection: object): void
  readonly pool: object & { _factory: object }
}

const managerOf = (sequelize: Sequelize): Manager => sequelize.connectionManager as unknown as Manager

const sequelizeSubject = (dialect: 'postgres' | 'mysql', server: 'postgres' | 'mariadb'): Subject<Sequelize> => ({
  name: `on ${dialect === 'postgres' ? 'pg' : 'mysql2'}`,
  driver: 'sequelize',
  server,
  newPool: (settings: SubjectSettings) => {
    const { host, port, user, password, database, limit, acquireTimeoutMs } = settings
    return new Sequelize(database, user, password, {
      host,
      port,
      dialect,
      logging: false,
      databaseVersion: '11.0.0', // else the first caller opens a connection past the pool, to ask for it
      retry: { max: 0 },
      pool: { min: 0, max: limit, ...(acquireTimeoutMs === undefined ? {} : { acquire: acquireTimeoutMs }) },
    } as Options)
  },
  async acquire(sequelize) {
    const connection = await managerOf(sequelize).getConnection({})
    // A query of Sequelize's runs on the connection of its transaction; and it looks at nothing else of that.
    const transaction = { connection, finished: undefined, options: {} } as unknown as Transaction
    return {
      connection,
      query: (sql) => sequelize.query(sql, { transaction }),
      release: () => managerOf(sequelize).releaseConnection(connection),
    }
  },
  end: (sequelize) => sequelize.close(),
  ways: {
    query: { use: (sequelize) => sequelize.query('select 1', { type: QueryTypes.SELECT }) },
    'bad SQL': { use: (sequelize) => sequelize.query('selekt').catch(() => {}) },
    authenticate: { use: (sequelize) => sequelize.authenticate() },
    'transaction, committed': { use: (s) => s.transaction((transaction) => s.query('select 1', { transaction })) },
    'transaction, rolled back': {
      use: (sequelize) => sequelize.transaction(() => Promise.reject(new Error('of the caller'))).catch(() => {}),
    },
    'transaction by hand': {
      use: async (sequelize) => {
        const transaction = await sequelize.transaction()
        await sequelize.query('select 1', { transaction })
        await transaction.rollback()
      },
    },
    'getConnection, releaseConnection': {
      use: async (s) => managerOf(s).releaseConnection(await managerOf(s).getConnection({})),
    },
  },
  calls: {
    query: async (sequelize, look) => {
      await sequelize.query('select 1')
      return look()
    },
    transaction: (sequelize, look) => sequelize.transaction(async () => look()),
  },
  failures: {
    'bad SQL': { run: (sequelize) => sequelize.query('selekt') },
    'no such database': { settings: { database: 'nowhere' }, run: (sequelize) => sequelize.query('select 1') },
    'nobody listens': { settings: { port: 1 }, run: (sequelize) => sequelize.query('select 1') },
    'a closed instance': {
      run: async (sequelize, end) => {
        await end()
        await sequelize.query('select 1')
      },
    },
  },
  timeout: {
    name: 'SequelizeConnectionAcquireTimeoutError',
    parent: { cause: { code: 'ERR_POOL_ACQUIRE_TIMEOUT' } },
  },
  endsWaiters: 'served',
  endsLeases: 'awaited',
  parts: (sequelize) => [managerOf(sequelize).pool, managerOf(sequelize).pool._factory],
  volatile: ['_count', '_removeIdleScheduled', '_removeIdleTimer'],
  notApplicable: {
    abort: 'Sequelize has no way to stop waiting',
    killed: FINDS_OUT_LATE,
    outage: FINDS_OUT_LATE,
  },
})

export const sequelizePgSubject = sequelizeSubject('postgres', 'postgres')
export const sequelizeMysql2Subject = sequelizeSubject('mysql', 'mariadb')
