// One line on the pool you have. Needs DATABASE_URL.
import { adapt } from 'adaptive-pool'
import pg from 'pg'

const pool = new pg.Pool({ connectionString: process.env.DATABASE_URL, max: 10, connectionTimeoutMillis: 1_000 })
const control = adapt(pool, { name: 'orders', limitMax: 50 })

control.on('warning', ({ message }) => console.warn(message))
control.on('limitChanged', ({ from, to, reason }) => console.log(`limit ${from} -> ${to} (${reason})`))

// The pool is used as before; 200 callers at once make it grow.
const answers = await Promise.all(Array.from({ length: 200 }, () => pool.query('select pg_sleep(0.02)')))
console.log(`${answers.length} answered`, control.counts())

await pool.end()
