// A Sequelize instance; with replication, its read and write pools.
import { adapt } from 'adaptive-pool'
import { Sequelize } from 'sequelize'

const sequelize = new Sequelize(process.env.DATABASE_URL, { dialect: 'postgres', logging: false, pool: { max: 5 } })
const control = adapt(sequelize, { name: 'orders', limitMax: 20 })

await Promise.all(Array.from({ length: 50 }, () => sequelize.query('select pg_sleep(0.01)')))

console.log(`limit ${control.counts().limit}, ${control.stats().acquired} acquired`)
await sequelize.close()
