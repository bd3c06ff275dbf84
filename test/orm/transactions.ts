/**
 * What an ORM on an adopted pool has to stand: 1,000 transactions at once, every other one rolled back, while the limit
 * moves between 2 and 20 every 50 ms. An ORM that is not given its own pool's connection, or gets it twice, loses a
 * BEGIN or a ROLLBACK, and that shows in the rows. And what its users have to be told: that transactions which ask for a
 * second connection have taken all there are.
 */
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest'
import { adapt } from '../../src/adapt.ts'
import type { AdoptedPool } from '../../src/adopted-pool.ts'
import { seededRandom } from '../../src/base/random.ts'
import { fixed } from '../../src/control/fixed.ts'
import type { Warning } from '../../src/watch/warning.ts'
import { type Account, type Accounts, type Login, mariadbAccounts, postgresAccounts } from '../support/accounts.ts'
import { watchServer } from '../support/server-watch.ts'
import '../support/servers.ts'
import { until } from '../support/until.ts'

const TRANSACTIONS = 1_000
const LIMIT_MIN = 2
const LIMIT_MAX = 20
const MOVE_EVERY_MS = 50
/**
 * Transactions that must have ended in between, which on a fast machine they have. Else a slow one opens connections for
 * each move, which makes it slower, for more moves: of 20 seconds, most went to logins.
 */
const MOVE_EVERY_ENDED = 20
/** Transactions that stop each other. */
const KNOT = 10
/** On a loaded machine; it takes 0.1 to 0.5 s. */
const SOON_MS = 2_000
/** Two seconds of work that a busy machine makes two minutes of: nobody times out here, and nobody is shed. */
const PATIENCE_MS = 300_000

/** Rolls a transaction back. */
export class RollBack extends Error {}

/** For the end of a transaction's promise: having been rolled back is no failure. */
export function unlessRolledBack(error: unknown): void {
  if (!(error instanceof RollBack)) throw error
}

/** An ORM on a pool of its driver's. */
export interface Orm {
  /** What adapt() is given. */
  readonly pool: object
  /**
   * One transaction: inserts `id` into the table, reads it back, and is rolled back unless `isKept`. It resolves in both
   * cases.
   *
   * @returns how many rows with this id the transaction saw: 1
   */
  transact(table: string, id: number, isKept: boolean): Promise<number>
  /** A transaction that asks for another connection, for a query outside of it. */
  nest(): Promise<unknown>
  /** The ORM's own end, and the pool's where the ORM does not own it. */
  close(): Promise<unknown>
}

export interface OrmSubject {
  /** As people know it, with the driver below. */
  readonly name: string
  readonly server: 'postgres' | 'mariadb'
  /** Acquires that one transaction makes. @defaultValue 1 */
  readonly acquiresPerTransaction?: number
  /** In which file a deadlock's connections are held, and asked for again; undefined: its own, where Node's V8 lets it hide its caller */
  readonly heldIn?: string
  readonly askedIn?: string
  /** @param table of one column, `id` */
  open(login: Login, limit: number, table: string): Promise<Orm>
}

export function transactionsOn(subject: OrmSubject): void {
  const server = inject(subject.server)

  describe.skipIf(server === undefined)(subject.name, () => {
    let accounts: Accounts
    let account: Account
    const table = `rows_of_${process.pid}`

    beforeAll(async () => {
      if (server === undefined) return
      accounts = await (subject.server === 'postgres' ? postgresAccounts(server) : mariadbAccounts(server))
      account = await accounts.open()
      await accounts.run(`create table ${table} (id int not null)`)
      if (subject.server === 'postgres') await accounts.run(`grant all on ${table} to ${account.user}`)
    })
    afterAll(async () => {
      if (accounts === undefined) return
      await accounts.run(`drop table ${table}`)
      await account.remove()
      await accounts.close()
    })

    test('1,000 transactions at once, half rolled back, on a limit that never rests: the rows are right', {
      timeout: PATIENCE_MS,
    }, async () => {
      const orm = await subject.open(account, LIMIT_MAX, table)
      const control = adapt(orm.pool, {
        name: subject.name,
        controller: fixed(),
        limitMin: LIMIT_MIN,
        limitMax: LIMIT_MAX,
        acquireTimeoutMs: PATIENCE_MS,
      })
      const before = control.stats().acquired
      const watched = watchServer(account, control)
      const moves = moveLimit(control)
      const ids = Array.from({ length: TRANSACTIONS }, (_, id) => id)
      const seen = await Promise.all(ids.map((id) => orm.transact(table, id, id % 2 === 0)))
      const limits = moves.stop()

      expect(seen.filter((rows) => rows !== 1)).toEqual([])
      const rows = await accounts.run(`select id from ${table} order by id`)
      expect(rows.map(({ id }) => id)).toEqual(ids.filter((id) => id % 2 === 0))
      expect(limits.length, 'the limit has moved').toBeGreaterThan(2)
      expect(await watched.stop()).toEqual([])
      await until(
        () => control.counts().inUse === 0,
        () => control.counts(),
      )
      const { acquired, released, timedOut, shed } = control.stats()
      const { acquiresPerTransaction = 1 } = subject
      expect({ acquired: acquired - before, timedOut, shed }).toEqual({
        acquired: TRANSACTIONS * acquiresPerTransaction,
        timedOut: 0,
        shed: 0,
      })
      expect(released).toBe(acquired)

      await orm.close()
      await until(async () => (await account.connections()) === 0, account.connections)
      expect(control.counts()).toMatchObject({ size: 0, waiters: 0 })
    })

    // Slipped through, since the deadlock was tried with a driver's own pool: between who holds and who asks again, an
    // ORM puts thenables, of which stacks show nothing, and more frames than were kept.
    test('transactions that hold all connections and ask for another are soon told of as a deadlock, and where', async () => {
      const orm = await subject.open(account, LIMIT_MAX, table)
      const control = adapt(orm.pool, { name: subject.name, controller: fixed(), limitMin: 1, limitMax: LIMIT_MAX })
      control.resize(KNOT)
      await orm.nest() // whatever is done once is done
      const told: Warning[] = []
      control.on('warning', (warning) => told.push(warning))
      const sinceMs = performance.now()
      const all = Promise.all(Array.from({ length: KNOT }, () => orm.nest()))
      await until(
        () => told.some(({ kind }) => kind === 'self-deadlock'),
        () => ({ told, diagnosis: control.diagnose() }),
      )
      expect(performance.now() - sinceMs).toBeLessThan(SOON_MS)
      const [knot] = told.filter(({ kind }) => kind === 'self-deadlock')
      expect(knot?.cause).toBe('self-deadlock')
      const { heldIn = '', askedIn = '' } = subject
      const at = (file: string) => `[^,]*${file}[^,]*:\\d+:\\d+\\)?`
      expect(knot?.message).toMatch(new RegExp(`Held at ${at(heldIn)}, asked again at ${at(askedIn)};`))
      expect(knot?.evidence).toContainEqual({ what: 'last query', value: 'select ?' })
      control.resize(LIMIT_MAX) // and it comes undone
      await all
      await orm.close()
    })
  })
}

function moveLimit(control: AdoptedPool) {
  const random = seededRandom(1)
  const limits: number[] = []
  let nextAtReleased = 0
  const move = (): void => {
    const { released } = control.stats()
    if (released < nextAtReleased) return
    nextAtReleased = released + MOVE_EVERY_ENDED
    const limit = LIMIT_MIN + Math.floor(random.next() * (LIMIT_MAX - LIMIT_MIN + 1))
    limits.push(limit)
    control.resize(limit)
  }
  move()
  const timer = setInterval(move, MOVE_EVERY_MS)
  return {
    stop() {
      clearInterval(timer)
      return limits
    },
  }
}
