import { drizzle } from 'drizzle-orm/node-postgres'
import knexLibrary from 'knex'
import { createPool as createLightningPool } from 'lightning-pool'
import { createPool as createMysqlPool, createPoolCluster } from 'mysql2'
import pg from 'pg'
import { Sequelize } from 'sequelize'
import { Pool as SequelizePool } from 'sequelize-pool'
import { Pool as TarnPool } from 'tarn'
import { DataSource } from 'typeorm'
import { afterAll, expect, test } from 'vitest'
import { adapt } from '../../../src/adapt.ts'
import { createPool } from '../../../src/generic-pool/index.ts'

function refusalOf(pool: object): unknown {
  try {
    return adapt(pool)
  } catch (error) {
    return error
  }
}

afterAll(() => knexOnPg.destroy())

test('what is no pool is refused with the list of what is', () => {
  for (const list of ['pg.Pool', 'mysql2', 'generic-pool', 'knex', 'mssql', 'tarn', 'Sequelize', 'ResizableSource']) {
    expect(refusalOf({})).toMatchObject({ code: 'ERR_POOL_UNSUPPORTED', message: expect.stringContaining(list) })
  }
})

const dataSource = new DataSource({ type: 'postgres' })
const initialized = (type: 'postgres' | 'mysql', driver: object) => {
  const source = new DataSource({ type })
  return Object.assign(source, { driver: Object.assign(source.driver, driver) })
}
const knexOnPg = knexLibrary({ client: 'pg', connection: {} })
const cluster = createPoolCluster()
cluster.add({})

test.each([
  ['a promise', Promise.resolve({}), /await it/],
  ['nothing', undefined, /undefined: .*once it is connected/],
  ['what is not there yet', null, /null: .*once it is connected/],
  ['a client of pg', new pg.Client(), /the pool that it comes from/],
  ['a connection of mysql2', { query() {}, beginTransaction() {} }, /the pool that it comes from/],
  ['a DataSource of TypeORM that is not initialized', dataSource, /: await its initialize\(\);/],
  ['one on pg', initialized('postgres', { master: new pg.Pool() }), /: adopt its driver\.master;/],
  ['one on mysql2', initialized('mysql', { pool: createMysqlPool({}) }), /: adopt its driver\.pool;/],
  ['one on replicas of mysql2', initialized('mysql', { poolCluster: cluster }), /: adopt its driver;/],
  ["TypeORM's driver", initialized('mysql', { pool: createMysqlPool({}) }).driver, /: adopt its pool;/],
  ["knex's client", knexOnPg.client, /: adopt its pool;/],
  ["Sequelize's connection manager", new Sequelize({ dialect: 'postgres' }).connectionManager, /: adopt its pool;/],
  ["Drizzle's db", drizzle(new pg.Pool()), /: adopt its \$client;/],
  ['a part of a cluster', cluster.of('*'), /: adopt its cluster;/],
])('%s, in place of a pool, is told from a pool nobody knows', (_what, mistaken, hint) => {
  const message = expect.stringMatching(hint)
  expect(refusalOf(mistaken as object)).toMatchObject({ code: 'ERR_POOL_UNSUPPORTED', message })
  expect(refusalOf(mistaken as object)).toMatchObject({ message: expect.stringContaining('supported: pg.Pool') })
})

test.each(['max', 'connectionLimit'])(
  "the pool's own word for its maximum, %s, is refused with ours",
  async (theirs) => {
    const knex = knexLibrary({ client: 'pg', connection: {} })
    expect(() => adapt(knex, { [theirs]: 5 } as object)).toThrow(
      new RegExp(`unknown option ${theirs}, got 5; did you mean limitMax\\?`),
    )
    await knex.destroy()
  },
)

// Slipped through: that the list comes was asked of objects that nobody knows.
test('lightning-pool is refused with the reason, and the list of what can be adopted', async () => {
  const pool = createLightningPool({ create: async () => ({}), destroy: async () => {} })
  expect(refusalOf(pool)).toMatchObject({
    code: 'ERR_POOL_UNSUPPORTED',
    message: expect.stringMatching(/it lends one resource to two of them.*; supported: pg\.Pool/),
  })
  await pool.closeAsync()
})

// Slipped through: the message was read for unknown options only, whose refusal is another line of code.
test("the refusal of an option that stays the pool's own shows the value", async () => {
  const knex = knexLibrary({ client: 'pg', connection: {} })
  const attempt = () => adapt(knex, { idleTimeoutMs: 5 } as object)
  expect(attempt).toThrow(/idleTimeoutMs is the adopted pool's own business.*idleTimeoutMillis of knex, got 5/)
  await knex.destroy()
})

// Slipped through: the words were those of pg, the only one for which they were read.
test('a pool that was closed is refused in words that hold for all', async () => {
  const tarn = new TarnPool({ create: async () => ({}), destroy() {}, min: 0, max: 2 })
  await tarn.destroy()
  expect(refusalOf(tarn)).toMatchObject({
    code: 'ERR_POOL_UNSUPPORTED',
    message: expect.stringMatching(/this tarn pool is closed$/),
  })
})

test('a knex instance is told by its pool; one that has none, why it cannot be adopted', async () => {
  const knex = knexLibrary({ client: 'pg', connection: {} })
  const control = adapt(knex)
  expect(control.kind).toBe('knex')
  expect(adapt(knex.client.pool)).toBe(control)
  control.detach()
  await knex.destroy()
  expect(refusalOf(knex)).toMatchObject({ message: expect.stringContaining('connectionPool') })
})

test('options of a second adoption are checked as those of the first, and change nothing', async () => {
  const knex = knexLibrary({ client: 'pg', connection: {}, pool: { max: 10 } })
  const options = { limitMin: 5 }
  const control = adapt(knex, options)
  control.resize(5) // which is now the pool's own maximum
  expect(adapt(knex, options)).toBe(control)
  expect(() => adapt(knex, { limitMx: 30 } as object)).toThrow(/unknown option limitMx.*did you mean limitMax/)
  expect(() => adapt(knex, { limitMin: 11 })).toThrow(/limitMin must not exceed limitMax \(10\)/)
  expect(adapt(knex, { limitMax: 30 })).toBe(control)
  expect(() => control.resize(11)).toThrow(/5..10/)
  await knex.destroy()
})

test("a knex instance on somebody's pool has none of its own", async () => {
  const pool = new pg.Pool()
  const knex = knexLibrary({ client: 'pg', connectionPool: pool } as knexLibrary.Knex.Config)
  expect(refusalOf(knex)).toMatchObject({ message: expect.stringContaining('adopt that one instead') })
  await knex.destroy()
  await pool.end()
})

test('an mssql pool that is not connected yet says so', () => {
  const unconnected = { config: {}, connect() {}, request() {}, pool: undefined }
  expect(refusalOf(unconnected)).toMatchObject({ message: expect.stringContaining('once connect() has resolved') })
})

test('a replicated Sequelize is two pools, each with a limit of its own', async () => {
  const replication = { read: [{ host: '127.0.0.1' }], write: { host: '127.0.0.1' } }
  const sequelize = new Sequelize({ dialect: 'postgres', replication, pool: { max: 7 }, logging: false })
  const control = adapt(sequelize, { name: 'orders' })
  expect([...control.members.keys()]).toEqual(['read', 'write'])
  expect(control.counts().limit).toBe(14)
  control.members.get('read')?.resize(3)
  expect(control.counts().limit).toBe(10)
  expect(adapt(sequelize)).toBe(control)
  expect(() => adapt(sequelize, { limitMx: 30 } as object)).toThrow(/unknown option limitMx/)
  expect(control.diagnose()).toMatchObject({ verdict: 'idle', advice: [] })
  control.members.get('write')?.pause() // the other, which is well, must not hide it
  expect(control.diagnose().advice).toEqual([expect.stringContaining('resume()')])
  control.resume()
  await sequelize.close()
})

/** As of Sequelize 7.0.0-alpha.48, whose pool is always a pair. */
function sequelize7(isReplicated: boolean) {
  const newPool = () =>
    new SequelizePool({
      create: async () => ({}),
      destroy: async () => {},
      validate: () => true,
      max: 7,
      min: 0,
      acquireTimeoutMillis: 1_000,
      idleTimeoutMillis: 1_000,
    })
  return {
    pool: { read: isReplicated ? newPool() : null, write: newPool() },
    get connectionManager(): never {
      throw new Error('Accessing the connection manager is unlikely to be necessary anymore.')
    },
  }
}

test('a Sequelize 7, whose getter for what it had in 6 throws, is told by its pools', () => {
  const sequelize = sequelize7(false)
  const control = adapt(sequelize)
  expect(control.counts().limit).toBe(7)
  expect(adapt(sequelize.pool.write)).toBe(control)
  const replicated = adapt(sequelize7(true))
  expect([...replicated.members.keys()]).toEqual(['read', 'write'])
  for (const adopted of [control, replicated]) adopted.detach()
})

test('a Pool of tarn 2, which tells of nothing, is none that can be adopted', () => {
  const pool = Object.assign(Object.create(new TarnPool({ create: async () => ({}), destroy() {}, min: 0, max: 2 })), {
    numPendingValidations: undefined,
    on: undefined,
  })
  expect(refusalOf(pool)).toMatchObject({ code: 'ERR_POOL_UNSUPPORTED' })
})

test('our drop-in for generic-pool has a handle already', () => {
  const pool = createPool({ create: async () => ({}), destroy: async () => {} })
  expect(refusalOf(pool)).toMatchObject({ code: 'ERR_POOL_UNSUPPORTED' })
})
