// Drizzle takes your pool, and goes on using it. Needs DATABASE_URL.
import { adapt } from 'adaptive-pool'
import { sql } from 'drizzle-orm'
import { drizzle } from 'drizzle-orm/node-postgres'
import pg from 'pg'

const pool = new pg.Pool({ connectionString: process.env.DATABASE_URL, max: 10 })
const control = adapt(pool, { name: 'orders', limitMax: 50 })
const db = drizzle(pool)

const answers = await Promise.all(
  Array.from({ length: 100 }, (_, i) => db.transaction((tx) => tx.execute(sql`select ${i}::int as n`))),
)
console.log(`${answers.length} transactions`, control.stats().acquired, 'acquires')

await pool.end()
