import { sql } from 'drizzle-orm'
import { drizzle as drizzleMysql } from 'drizzle-orm/mysql2'
import { drizzle as drizzlePg } from 'drizzle-orm/node-postgres'
import mysql from 'mysql2/promise'
import pg from 'pg'
import { type OrmSubject, RollBack, unlessRolledBack } from './transactions.ts'

export const drizzleOnPg: OrmSubject = {
  name: 'Drizzle on pg',
  server: 'postgres',
  heldIn: 'drizzle.ts',
  async open({ host, port, user, password, database }, limit) {
    const pool = new pg.Pool({ host, port, user, password, database, max: limit })
    const db = drizzlePg(pool)
    return {
      pool,
      close: () => pool.end(),
      nest: () =>
        db.transaction(async (tx) => {
          await tx.execute(sql`select 1`)
          await db.execute(sql`select 2`)
        }),
      async transact(table, id, isKept) {
        let seen = 0
        await db
          .transaction(async (tx) => {
            await tx.execute(sql`insert into ${sql.identifier(table)} values (${id})`)
            seen = (await tx.execute(sql`select id from ${sql.identifier(table)} where id = ${id}`)).rows.length
            if (!isKept) throw new RollBack()
          })
          .catch(unlessRolledBack)
        return seen
      },
    }
  },
}

export const drizzleOnMysql2: OrmSubject = {
  name: 'Drizzle on mysql2',
  server: 'mariadb',
  heldIn: 'drizzle.ts',
  askedIn: 'drizzle.ts',
  async open({ host, port, user, password, database }, limit) {
    const pool = mysql.createPool({ host, port, user, password, database, connectionLimit: limit })
    const db = drizzleMysql(pool)
    return {
      pool,
      close: () => pool.end(),
      nest: () =>
        db.transaction(async (tx) => {
          await tx.execute(sql`select 1`)
          await db.execute(sql`select 2`)
        }),
      async transact(table, id, isKept) {
        let seen = 0
        await db
          .transaction(async (tx) => {
            await tx.execute(sql`insert into ${sql.identifier(table)} values (${id})`)
            const [rows] = await tx.execute(sql`select id from ${sql.identifier(table)} where id = ${id}`)
            seen = (rows as unknown as unknown[]).length
            if (!isKept) throw new RollBack()
          })
          .catch(unlessRolledBack)
        return seen
      },
    }
  },
}
