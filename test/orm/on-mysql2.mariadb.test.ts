import { drizzleOnMysql2 } from './drizzle.ts'
import { kyselyOnMysql2 } from './kysely.ts'
import { transactionsOn } from './transactions.ts'
import { typeormOnMysql2 } from './typeorm.ts'

for (const subject of [drizzleOnMysql2, kyselyOnMysql2, typeormOnMysql2]) transactionsOn(subject)
