import { PrismaPg } from '@prisma/adapter-pg'
import pg from 'pg'
import type { OrmSubject } from './transactions.ts'

const INT = { scalarType: 'int', arity: 'scalar' } as const

const query = (sql: string, args: unknown[] = []) => ({ sql, args, argTypes: args.map(() => INT) })

/**
 * The adapter by itself, through the interface by which Prisma's client uses it: that client is made by
 * `prisma generate`, which downloads an engine, and tests go to no network.
 */
export const prismaOnPg: OrmSubject = {
  name: "Prisma's adapter-pg",
  server: 'postgres',
  heldIn: 'prisma.ts',
  askedIn: 'prisma.ts',
  async open({ host, port, user, password, database }, limit) {
    const pool = new pg.Pool({ host, port, user, password, database, max: limit })
    const adapter = await new PrismaPg(pool, { disposeExternalPool: true }).connect()
    return {
      pool,
      close: () => adapter.dispose(), // ends the pool, as it was told to
      async nest() {
        const tx = await adapter.startTransaction()
        await tx.queryRaw(query('select 1'))
        await adapter.queryRaw(query('select 2'))
        await tx.executeRaw(query('COMMIT'))
        await tx.commit()
      },
      async transact(table, id, isKept) {
        const tx = await adapter.startTransaction()
        await tx.executeRaw(query(`insert into ${table} values ($1)`, [id]))
        const { rows } = await tx.queryRaw(query(`select id from ${table} where id = $1`, [id]))
        await tx.executeRaw(query(isKept ? 'COMMIT' : 'ROLLBACK')) // as the client does: the adapter only releases
        await (isKept ? tx.commit() : tx.rollback())
        return rows.length
      },
    }
  },
}
