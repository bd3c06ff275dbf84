import { Kysely, MysqlDialect, PostgresDialect, sql } from 'kysely'
import mysql from 'mysql2'
import pg from 'pg'
import { type Orm, type OrmSubject, RollBack, unlessRolledBack } from './transactions.ts'

type Tables = Record<string, { id: number }>

function on(db: Kysely<Tables>, pool: object): Orm {
  return {
    pool,
    close: () => db.destroy(), // ends the pool
    nest: () =>
      db.transaction().execute(async (trx) => {
        await sql`select 1`.execute(trx)
        await sql`select 2`.execute(db)
      }),
    async transact(table, id, isKept) {
      let seen = 0
      await db
        .transaction()
        .execute(async (trx) => {
          await trx.insertInto(table).values({ id }).execute()
          const { rows } = await sql`select id from ${sql.table(table)} where id = ${id}`.execute(trx)
          seen = rows.length
          if (!isKept) throw new RollBack()
        })
        .catch(unlessRolledBack)
      return seen
    },
  }
}

export const kyselyOnPg: OrmSubject = {
  name: 'Kysely on pg',
  server: 'postgres',
  heldIn: 'kysely.ts',
  askedIn: 'kysely.ts',
  async open({ host, port, user, password, database }, limit) {
    const pool = new pg.Pool({ host, port, user, password, database, max: limit })
    return on(new Kysely<Tables>({ dialect: new PostgresDialect({ pool }) }), pool)
  },
}

export const kyselyOnMysql2: OrmSubject = {
  name: 'Kysely on mysql2',
  server: 'mariadb',
  heldIn: 'kysely.ts',
  askedIn: 'kysely.ts',
  async open({ host, port, user, password, database }, limit) {
    const pool = mysql.createPool({ host, port, user, password, database, connectionLimit: limit })
    return on(new Kysely<Tables>({ dialect: new MysqlDialect({ pool }) }), pool)
  },
}
