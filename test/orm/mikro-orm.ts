import { EntitySchema } from '@mikro-orm/core'
import { MikroORM as MikroOrmOnMysql, defineConfig as mysqlConfig } from '@mikro-orm/mysql'
import { MikroORM as MikroOrmOnPg, defineConfig as pgConfig } from '@mikro-orm/postgresql'
import type { Login } from '../support/accounts.ts'
import { type Orm, type OrmSubject, RollBack, unlessRolledBack } from './transactions.ts'

interface Row {
  id: number
}

const config = ({ host, port, user, password, database: dbName }: Login, limit: number, table: string) => ({
  host,
  port,
  user,
  password,
  dbName,
  pool: { min: 0, max: limit },
  entities: [
    new EntitySchema<Row>({
      name: 'Row',
      tableName: table,
      properties: { id: { type: 'number', primary: true, autoincrement: false } },
    }),
  ],
  discovery: { disableDynamicFileAccess: true },
})

/** MikroORM 6 stands on knex; 7 on Kysely. */
function on(orm: MikroOrmOnPg | MikroOrmOnMysql): Orm {
  return {
    pool: orm.em.getConnection().getKnex(),
    close: () => orm.close(),
    nest: () =>
      orm.em.fork().transactional(async (inside) => {
        await inside.getConnection().execute('select 1', [], 'all', inside.getTransactionContext())
        await orm.em.getConnection().execute('select 2')
      }),
    async transact(_table, id, isKept) {
      let seen = 0
      const em = orm.em.fork()
      await em
        .transactional(async (inside) => {
          inside.create('Row', { id })
          await inside.flush()
          seen = await inside.count('Row', { id })
          if (!isKept) throw new RollBack()
        })
        .catch(unlessRolledBack)
      return seen
    },
  }
}

export const mikroOrmOnPg: OrmSubject = {
  name: 'MikroORM 6 on pg',
  server: 'postgres',
  open: async (login, limit, table) => on(await MikroOrmOnPg.init(pgConfig(config(login, limit, table)))),
}

export const mikroOrmOnMysql2: OrmSubject = {
  name: 'MikroORM 6 on mysql2',
  server: 'mariadb',
  open: async (login, limit, table) => on(await MikroOrmOnMysql.init(mysqlConfig(config(login, limit, table)))),
}
