import knexLibrary, { type Knex } from 'knex'
import mysql from 'mysql2'
import pg from 'pg'
import { type Orm, type OrmSubject, RollBack, unlessRolledBack } from './transactions.ts'

function on(knex: Knex, pool: object, close: () => Promise<unknown> = () => knex.destroy()): Orm {
  return {
    pool,
    close,
    nest: () =>
      knex.transaction(async (trx) => {
        await trx.raw('select 1')
        await knex.raw('select 2')
      }),
    async transact(table, id, isKept) {
      let seen = 0
      await knex
        .transaction(async (trx) => {
          await trx(table).insert({ id })
          seen = (await trx(table).where({ id })).length
          if (!isKept) throw new RollBack()
        })
        .catch(unlessRolledBack)
      return seen
    },
  }
}

const ownPool = (client: 'pg' | 'mysql2', server: OrmSubject['server']): OrmSubject => ({
  name: `Knex on ${client}`,
  server,
  async open({ host, port, user, password, database }, limit) {
    const connection = { host, port, user, password, database }
    const knex = knexLibrary({ client, connection, pool: { min: 0, max: limit } })
    return on(knex, knex)
  },
})

export const knexOnPg = ownPool('pg', 'postgres')
export const knexOnMysql2 = ownPool('mysql2', 'mariadb')

/** knex never ends a pool that it was given. */
export const knexOnPgPool: OrmSubject = {
  name: 'Knex with pg.Pool as its connectionPool',
  server: 'postgres',
  async open({ host, port, user, password, database }, limit) {
    const pool = new pg.Pool({ host, port, user, password, database, max: limit })
    const knex = knexLibrary({ client: 'pg', connectionPool: pool } as Knex.Config)
    return on(knex, pool, async () => {
      await knex.destroy()
      await pool.end()
    })
  },
}

export const knexOnMysql2Pool: OrmSubject = {
  name: "Knex with mysql2's pool as its connectionPool",
  server: 'mariadb',
  async open({ host, port, user, password, database }, limit) {
    const pool = mysql.createPool({ host, port, user, password, database, connectionLimit: limit })
    const knex = knexLibrary({ client: 'mysql2', connectionPool: pool } as Knex.Config)
    return on(knex, pool, async () => {
      await knex.destroy()
      await pool.promise().end()
    })
  },
}
