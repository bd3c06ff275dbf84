// Kysely takes your pool in its dialect, and ends it. Needs DATABASE_URL.
import { adapt } from 'adaptive-pool'
import { Kysely, PostgresDialect, sql } from 'kysely'
import pg from 'pg'

const pool = new pg.Pool({ connectionString: process.env.DATABASE_URL, max: 10 })
const control = adapt(pool, { name: 'orders', limitMax: 50 })
const db = new Kysely({ dialect: new PostgresDialect({ pool }) })

const answers = await Promise.all(
  Array.from({ length: 100 }, (_, i) => db.transaction().execute((trx) => sql`select ${i}::int as n`.execute(trx))),
)
console.log(`${answers.length} transactions`, control.stats().acquired, 'acquires')

await db.destroy()
