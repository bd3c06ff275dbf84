import { knexOnPg, knexOnPgPool } from './knex.ts'
import { sequelizeOnPg } from './sequelize.ts'
import { transactionsOn } from './transactions.ts'

for (const subject of [knexOnPg, knexOnPgPool, sequelizeOnPg]) transactionsOn(subject)
