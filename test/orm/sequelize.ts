import { type Options, QueryTypes, Sequelize } from 'sequelize'
import { type Orm, type OrmSubject, RollBack, unlessRolledBack } from './transactions.ts'

const ormOn = (sequelize: Sequelize): Orm => ({
  pool: sequelize,
  close: () => sequelize.close(),
  nest: () =>
    sequelize.transaction(async (transaction) => {
      await sequelize.query('select 1', { transaction })
      await sequelize.query('select 2')
    }),
  async transact(table, id, isKept) {
    let seen = 0
    await sequelize
      .transaction(async (transaction) => {
        const replacements = [id]
        await sequelize.query(`insert into ${table} values (?)`, { replacements, transaction })
        const select = { replacements, transaction, type: QueryTypes.SELECT } as const
        seen = (await sequelize.query(`select id from ${table} where id = ?`, select)).length
        if (!isKept) throw new RollBack()
      })
      .catch(unlessRolledBack)
    return seen
  },
})

const on = (dialect: 'postgres' | 'mysql', server: OrmSubject['server']): OrmSubject => ({
  name: `Sequelize on ${dialect === 'postgres' ? 'pg' : 'mysql2'}`,
  server,
  async open({ host, port, user, password, database }, limit) {
    const sequelize = new Sequelize(database, user, password, {
      host,
      port,
      dialect,
      logging: false,
      databaseVersion: '11.0.0', // else Sequelize asks for it first, by a connection past its pool
      pool: { min: 0, max: limit },
    } as Options)
    return ormOn(sequelize)
  },
})

/**
 * The same with replication: reads outside a transaction have a pool of their own, here of the very same server, and
 * each transaction is followed by one.
 */
const replicated = (dialect: 'postgres' | 'mysql', server: OrmSubject['server']): OrmSubject => ({
  name: `${on(dialect, server).name}, with replicas`,
  server,
  acquiresPerTransaction: 2,
  async open(login, limit) {
    const { host, port, user: username, password, database } = login
    const node = { host, port, username, password, database }
    const sequelize = new Sequelize({
      dialect,
      logging: false,
      databaseVersion: '11.0.0',
      replication: { read: [node], write: node },
      pool: { min: 0, max: limit },
    } as Options)
    const orm = ormOn(sequelize)
    return {
      ...orm,
      async transact(table, id, isKept) {
        const seen = await orm.transact(table, id, isKept)
        const replacements = [id]
        const read = { replacements, type: QueryTypes.SELECT } as const
        const kept = await sequelize.query(`select id from ${table} where id = ?`, read)
        return kept.length === (isKept ? 1 : 0) ? seen : Number.NaN
      },
    }
  },
})

export const sequelizeOnPg = on('postgres', 'postgres')
export const sequelizeOnMysql2 = on('mysql', 'mariadb')
export const replicatedSequelizeOnPg = replicated('postgres', 'postgres')
export const replicatedSequelizeOnMysql2 = replicated('mysql', 'mariadb')
