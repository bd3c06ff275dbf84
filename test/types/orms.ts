/** The lines of the table of ORMs in docs/adapters.md, as written: test/readme.test.ts holds that they are here. */
import type { MikroORM } from '@mikro-orm/mysql'
import type { Knex } from 'knex'
import type { Pool } from 'pg'
import type { Sequelize } from 'sequelize'
import type { DataSource } from 'typeorm'
import type { MysqlDriver } from 'typeorm/driver/mysql/MysqlDriver.js'
import type { PostgresDriver } from 'typeorm/driver/postgres/PostgresDriver.js'
import { adapt } from '../../src/adapt.ts'

declare const pool: Pool
declare const thatPool: Pool
declare const dataSource: DataSource
declare const knex: Knex
declare const sequelize: Sequelize
declare const orm: MikroORM

adapt(pool)
adapt((dataSource.driver as PostgresDriver).master)
adapt((dataSource.driver as MysqlDriver).pool)
adapt((dataSource.driver as MysqlDriver).poolCluster)
adapt(knex)
adapt(thatPool)
adapt(sequelize)
adapt(orm.em.getConnection().getKnex())
