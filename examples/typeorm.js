// TypeORM makes its pool itself: adopt it once the data source is initialized. Needs DATABASE_URL.
import 'reflect-metadata'
import { adapt } from 'adaptive-pool'
import { DataSource } from 'typeorm'

const source = new DataSource({ type: 'postgres', url: process.env.DATABASE_URL, poolSize: 10 })
await source.initialize()
const control = adapt(source.driver.master, { name: 'orders', limitMax: 50 }) // of mysql: source.driver.pool

const answers = await Promise.all(
  Array.from({ length: 100 }, (_, i) => source.transaction((manager) => manager.query('select $1::int as n', [i]))),
)
console.log(`${answers.length} transactions`, control.stats().acquired, 'acquires')

await source.destroy()
