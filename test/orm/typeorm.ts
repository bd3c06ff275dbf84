import 'reflect-metadata'
import { DataSource, type DataSourceOptions } from 'typeorm'
import type { MysqlDriver } from 'typeorm/driver/mysql/MysqlDriver.js'
import type { PostgresDriver } from 'typeorm/driver/postgres/PostgresDriver.js'
import { type Orm, type OrmSubject, RollBack, unlessRolledBack } from './transactions.ts'

async function on(options: DataSourceOptions, poolOf: (dataSource: DataSource) => object, value: string): Promise<Orm> {
  const source = await new DataSource(options).initialize()
  return {
    pool: poolOf(source),
    close: () => source.destroy(), // ends the pool
    async nest() {
      await source.transaction(async (manager) => {
        await manager.query('select 1')
        await source.query('select 2')
      })
    },
    async transact(table, id, isKept) {
      let seen = 0
      await source
        .transaction(async (manager) => {
          await manager.query(`insert into ${table} values (${value})`, [id])
          seen = (await manager.query(`select id from ${table} where id = ${value}`, [id])).length
          if (!isKept) throw new RollBack()
        })
        .catch(unlessRolledBack)
      return seen
    },
  }
}

export const typeormOnPg: OrmSubject = {
  name: 'TypeORM on pg',
  server: 'postgres',
  heldIn: 'typeorm.ts',
  askedIn: 'typeorm.ts',
  open: ({ host, port, user, password, database }, limit) =>
    on(
      { type: 'postgres', host, port, username: user, password, database, extra: { max: limit } },
      (dataSource) => (dataSource.driver as PostgresDriver).master,
      '$1',
    ),
}

export const typeormOnMysql2: OrmSubject = {
  name: 'TypeORM on mysql2',
  server: 'mariadb',
  heldIn: 'typeorm.ts',
  askedIn: 'typeorm.ts',
  open: ({ host, port, user, password, database }, limit) =>
    on(
      { type: 'mariadb', host, port, username: user, password, database, poolSize: limit },
      (dataSource) => (dataSource.driver as MysqlDriver).pool,
      '?',
    ),
}
