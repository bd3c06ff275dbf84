// Prisma takes your pool through its driver adapter. Needs DATABASE_URL.
import { PrismaPg } from '@prisma/adapter-pg'
import { adapt } from 'adaptive-pool'
import pg from 'pg'

const pool = new pg.Pool({ connectionString: process.env.DATABASE_URL, max: 10 })
const control = adapt(pool, { name: 'orders', limitMax: 50 })
const factory = new PrismaPg(pool) // your code: new PrismaClient({ adapter: factory })

// What the generated client does with it; `prisma generate` is beyond an example that runs by itself.
const adapter = await factory.connect()
const answers = await Promise.all(
  Array.from({ length: 100 }, () => adapter.queryRaw({ sql: 'select 1 as n', args: [], argTypes: [] })),
)
console.log(`${answers.length} queries`, control.stats().acquired, 'acquires')

await pool.end()
