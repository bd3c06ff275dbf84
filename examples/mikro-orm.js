// MikroORM 6 stands on knex: adopt that.

import { EntitySchema } from '@mikro-orm/core'
import { MikroORM } from '@mikro-orm/postgresql'
import { adapt } from 'adaptive-pool'

const Row = new EntitySchema({ name: 'Row', properties: { id: { type: 'number', primary: true } } })
const orm = await MikroORM.init({ clientUrl: process.env.DATABASE_URL, entities: [Row], pool: { min: 0, max: 5 } })
const control = adapt(orm.em.getConnection().getKnex(), { name: 'orders', limitMax: 20 })

await Promise.all(Array.from({ length: 50 }, () => orm.em.fork().execute('select pg_sleep(0.01)')))

console.log(`limit ${control.counts().limit}, ${control.stats().acquired} acquired`)
await orm.close()
