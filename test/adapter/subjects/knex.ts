import knexLibrary, { type Knex } from 'knex'
import { TimeoutError } from 'tarn'
import type { Subject, SubjectSettings } from '../subject.ts'

const FINDS_OUT_LATE = 'knex learns of a death at the next hand-out, by its validate'

/** What knex's own client has: a connection, to be given back by hand. */
interface KnexClient {
  acquireConnection(): Promise<object>
  releaseConnection(connection: object): Promise<void>
  readonly pool: object
}

const clientOf = (knex: Knex): KnexClient => knex.client

const knexSubject = (client: 'pg' | 'mysql2', server: 'postgres' | 'mariadb'): Subject<Knex> => ({
  name: `on ${client}`,
  driver: 'knex',
  server,
  newPool: (settings: SubjectSettings) => {
    const { host, port, user, password, database, limit, acquireTimeoutMs } = settings
    return knexLibrary({
      client,
      connection: { host, port, user, password, database },
      pool: {
        min: 0,
        max: limit,
        ...(acquireTimeoutMs === undefined ? {} : { acquireTimeoutMillis: acquireTimeoutMs }),
      },
      log: { warn() {}, error() {}, debug() {}, deprecate() {} },
    })
  },
  async acquire(knex) {
    const connection = await clientOf(knex).acquireConnection()
    return {
      connection,
      query: (sql) => knex.raw(sql).connection(connection).then(),
      release: () => clientOf(knex).releaseConnection(connection),
    }
  },
  end: (knex) => knex.destroy(),
  ways: {
    raw: { use: (knex) => knex.raw('select 1').then() },
    'query builder': { use: (knex) => knex.select(knex.raw('1 as one')).then() },
    'bad SQL': { use: (knex) => knex.raw('selekt').then(undefined, () => {}) },
    'transaction, committed': { use: (knex) => knex.transaction((trx) => trx.raw('select 1')) },
    'transaction, rolled back': {
      use: (knex) => knex.transaction(() => Promise.reject(new Error('of the caller'))).catch(() => {}),
    },
    'transaction by hand': {
      use: async (knex) => {
        const trx = await knex.transaction()
        await trx.raw('select 1')
        await trx.commit()
      },
    },
    'acquireConnection, releaseConnection': {
      use: async (knex) => clientOf(knex).releaseConnection(await clientOf(knex).acquireConnection()),
    },
  },
  calls: {
    raw: async (knex, look) => {
      await knex.raw('select 1')
      return look()
    },
    transaction: (knex, look) => knex.transaction(async () => look()),
    'callback of a query': (knex, look) =>
      new Promise((resolve) => {
        knex.raw('select 1').asCallback(() => resolve(look()))
      }),
  },
  failures: {
    'bad SQL': { run: (knex) => knex.raw('selekt').then() },
    'no such database': { settings: { database: 'nowhere' }, run: (knex) => knex.raw('select 1').then() },
    'nobody listens': { settings: { port: 1 }, run: (knex) => knex.raw('select 1').then() },
    'a destroyed instance': {
      run: async (knex, end) => {
        await end()
        await knex.raw('select 1')
      },
    },
  },
  timeout: {
    constructor: knexLibrary.KnexTimeoutError,
    cause: { constructor: TimeoutError, cause: { code: 'ERR_POOL_ACQUIRE_TIMEOUT' } },
  },
  endsWaiters: 'served',
  endsLeases: 'awaited',
  parts: (knex) => [clientOf(knex).pool],
  volatile: ['eventId', 'interval'],
  notApplicable: {
    abort: 'knex has no way to stop waiting',
    killed: FINDS_OUT_LATE,
    outage: FINDS_OUT_LATE,
  },
})

export const knexPgSubject = knexSubject('pg', 'postgres')
export const knexMysql2Subject = knexSubject('mysql2', 'mariadb')
