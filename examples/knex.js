// A knex instance: every query and transaction passes the engine.
import { adapt } from 'adaptive-pool'
import knexLibrary from 'knex'

const knex = knexLibrary({ client: 'pg', connection: process.env.DATABASE_URL, pool: { min: 0, max: 5 } })
const control = adapt(knex, { name: 'orders', limitMax: 20 })

await Promise.all(Array.from({ length: 50 }, () => knex.transaction((trx) => trx.raw('select pg_sleep(0.01)'))))

console.log(`limit ${control.counts().limit}, ${control.stats().acquired} acquired`)
await knex.destroy()
