import { knexOnMysql2, knexOnMysql2Pool } from './knex.ts'
import { mikroOrmOnMysql2 } from './mikro-orm.ts'
import { replicatedSequelizeOnMysql2, sequelizeOnMysql2 } from './sequelize.ts'
import { transactionsOn } from './transactions.ts'

for (const subject of [
  knexOnMysql2,
  knexOnMysql2Pool,
  sequelizeOnMysql2,
  replicatedSequelizeOnMysql2,
  mikroOrmOnMysql2,
])
  transactionsOn(subject)
