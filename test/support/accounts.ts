import mysql from 'mysql2/promise'
import pg from 'pg'
import type { SharedServer } from './servers.ts'

/** Where and as whom a pool logs in. */
export interface Login {
  readonly host: string
  readonly port: number
  readonly user: string
  readonly password: string
  readonly database: string
}

/** A login of its own for one test, so that the server can count, limit and kill its connections and no others. */
export interface Account extends Login {
  /** Connections open now, as the server counts them. */
  connections(): Promise<number>
  /** From now on the server lets no more than these in, with the error code that `refusal` names. */
  limitConnections(most: number): Promise<void>
  readonly refusal: string
  /** The server closes all of its connections. */
  kill(): Promise<void>
  remove(): Promise<void>
}

/** Makes accounts at a server, by one connection of its own. */
export interface Accounts {
  open(): Promise<Account>
  /** Runs a statement as the server's owner. */
  run(sql: string): Promise<readonly Record<string, unknown>[]>
  close(): Promise<void>
}

let made = 0

export async function postgresAccounts(server: SharedServer): Promise<Accounts> {
  const admin = new pg.Client({ connectionString: server.url })
  await admin.connect()
  const login = { host: server.host, port: server.port, password: 'secret', database: server.database }
  return {
    close: () => admin.end(),
    run: async (sql) => (await admin.query(sql)).rows,
    async open() {
      const user = `account_${process.pid}_${++made}`
      await admin.query(`create role ${user} login password 'secret'`)
      const ofUser = 'from pg_stat_activity where usename = $1'
      return {
        ...login,
        user,
        refusal: '53300',
        connections: async () => (await admin.query(`select count(*)::int as n ${ofUser}`, [user])).rows[0].n,
        limitConnections: async (most) => void (await admin.query(`alter role ${user} connection limit ${most}`)),
        kill: async () => void (await admin.query(`select pg_terminate_backend(pid) ${ofUser}`, [user])),
        remove: async () => void (await admin.query(`drop role ${user}`)),
      }
    },
  }
}

export async function mariadbAccounts(server: SharedServer): Promise<Accounts> {
  const { host, port, user: root, password: rootPassword, database } = server
  const admin = await mysql.createConnection({ host, port, user: root, password: rootPassword, database })
  const select = async (sql: string, user: string) => (await admin.query<mysql.RowDataPacket[]>(sql, [user]))[0]
  return {
    close: () => admin.end(),
    run: async (sql) => (await admin.query(sql))[0] as mysql.RowDataPacket[],
    async open() {
      const user = `account_${process.pid}_${++made}`
      await admin.query(`create user '${user}'@'%' identified by 'secret'`)
      await admin.query(`grant all on ${database}.* to '${user}'@'%'`)
      return {
        host,
        port,
        user,
        password: 'secret',
        database,
        refusal: 'ER_USER_LIMIT_REACHED',
        connections: async () => {
          const rows = await select('select count(*) as n from information_schema.processlist where user = ?', user)
          return Number(rows[0]?.n)
        },
        limitConnections: async (most) =>
          void (await admin.query(`alter user '${user}'@'%' with max_user_connections ${most}`)),
        kill: async () => void (await admin.query(`kill connection user '${user}'@'%'`)),
        remove: async () => void (await admin.query(`drop user '${user}'@'%'`)),
      }
    },
  }
}
