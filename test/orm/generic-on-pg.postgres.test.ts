import { knexOnPg, knexOnPgPool } from './knex.ts'
import { mikroOrmOnPg } from './mikro-orm.ts'
import { replicatedSequelizeOnPg, sequelizeOnPg } from './sequelize.ts'
import { transactionsOn } from './transactions.ts'

for (const subject of [knexOnPg, knexOnPgPool, sequelizeOnPg, replicatedSequelizeOnPg, mikroOrmOnPg])
  transactionsOn(subject)
