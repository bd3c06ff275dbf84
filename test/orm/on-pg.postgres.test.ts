import { drizzleOnPg } from './drizzle.ts'
import { kyselyOnPg } from './kysely.ts'
import { prismaOnPg } from './prisma.ts'
import { transactionsOn } from './transactions.ts'
import { typeormOnPg } from './typeorm.ts'

for (const subject of [drizzleOnPg, kyselyOnPg, typeormOnPg, prismaOnPg]) transactionsOn(subject)
