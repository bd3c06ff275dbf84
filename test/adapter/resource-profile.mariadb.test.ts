import { createPool, type Pool } from 'generic-pool'
import mysql, { type Connection } from 'mysql2/promise'
import { resourceProfile } from './resource-profile.ts'
import type { Subject } from './subject.ts'
import { genericPoolSubject } from './subjects/bare-pools.ts'
import { knexMysql2Subject } from './subjects/knex.ts'
import { sequelizeMysql2Subject } from './subjects/sequelize.ts'

resourceProfile(knexMysql2Subject)
resourceProfile(sequelizeMysql2Subject)
resourceProfile<Pool<Connection>>({
  ...(genericPoolSubject as object as Subject<Pool<Connection>>),
  name: 'Pool of mysql2 promise connections',
  server: 'mariadb',
  newPool: ({ host, port, user, password, database, limit }) =>
    createPool(
      {
        create: () => mysql.createConnection({ host, port, user, password, database }),
        destroy: (connection) => connection.end(),
      },
      { max: limit },
    ),
  async acquire(pool) {
    const promised = await pool.acquire()
    return {
      connection: (promised as unknown as { connection: object }).connection,
      query: (sql) => promised.query(sql),
      release: () => pool.release(promised),
    }
  },
})
