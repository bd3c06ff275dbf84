import { type Options, QueryTypes, Sequelize } from 'sequelize'
import { type OrmSubject, RollBack, unlessRolledBack } from './transactions.ts'

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
    return {
      pool: sequelize,
      close: () => sequelize.close(),
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
    }
  },
})

export const sequelizeOnPg = on('postgres', 'postgres')
export const sequelizeOnMysql2 = on('mysql', 'mariadb')
