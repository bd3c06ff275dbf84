import { knexOnMysql2, knexOnMysql2Pool } from './knex.ts'
import { mikroOrmOnMysql2 } from './mikro-orm.ts'
import { sequelizeOnMysql2 } from './sequelize.ts'
import { transactionsOn } from './transactions.ts'

for (const subject of [knexOnMysql2, knexOnMysql2Pool, sequelizeOnMysql2, mikroOrmOnMysql2]) transactionsOn(subject)
