/** Where an ORM's pool is in trouble, its warning names the query, as in the driver's own pool. */
import { afterEach, describe, expect, inject, test } from 'vitest'
import { adapt } from '../../src/adapt.ts'
import { deferred } from '../../src/base/deferred.ts'
import type { Warning } from '../../src/watch/warning.ts'
import '../support/servers.ts'
import { until } from '../support/until.ts'
import type { Subject } from './subject.ts'

const LOCK = {
  postgres: ['pg_advisory_lock(4242)', 'pg_advisory_unlock(4242)'],
  mariadb: ["get_lock('order 4242', 30)", "release_lock('order 4242')"],
} as const
/** What the server tells of who waits for what. */
const LOOK_AT = { postgres: 'pg_stat_activity', mariadb: 'innodb_trx' } as const
const PAUSE = { postgres: 'pg_sleep', mariadb: 'sleep' } as const

export function resourceWarnings<P extends object>(subject: Subject<P>): void {
  const server = inject(subject.server)

  describe.skipIf(server === undefined)(`${subject.driver}, ${subject.name}: what is warned of`, () => {
    const pools: P[] = []

    afterEach(async () => {
      for (const pool of pools.splice(0)) await subject.end(pool)
    })

    function newPool(): P {
      const { hostname, port, username, password, pathname } = new URL(server?.url ?? '')
      const login = { host: hostname, port: Number(port), user: username, password, database: pathname.slice(1) }
      const pool = subject.newPool({ ...login, limit: 2, limitMax: 8, acquireTimeoutMs: undefined })
      pools.push(pool)
      return pool
    }

    /** A pool that is used to normal traffic, and what it warns of from then on. */
    async function adopted(normally: string) {
      const pool = newPool()
      const control = adapt(subject.adoptable?.(pool) ?? pool, { name: 'orders', limitMax: 8 })
      const ask = async (sql: string): Promise<void> => {
        const held = await subject.acquire(pool)
        await held.query(sql)
        await held.release()
      }
      const fromMs = performance.now()
      // What is usual is known after a second of calm: 200 rounds were over sooner at times, and slow leases became usual.
      while (performance.now() - fromMs < 1_500) await Promise.all([ask(normally), ask(normally)])
      const warned = new Promise<Warning>((resolve) => control.on('warning', resolve))
      return { ask, control, warned }
    }

    test('leases stuck on a lock: the query that waits for it, without its literals', async () => {
      const [take, giveBack] = LOCK[subject.server]
      const { ask, warned } = await adopted(`select ${take}, ${giveBack}`)
      const blocker = await subject.acquire(newPool())
      await blocker.query(`select ${take}`)
      const stuck = Array.from({ length: 12 }, () => ask(`select ${take}, ${giveBack}`))
      const warning = await warned
      await blocker.query(`select ${giveBack}`)
      await blocker.release()
      await Promise.all(stuck)
      expect(warning.kind).toBe('slow-leases')
      expect(warning.message).toMatch(/have a query running, .*: select \w+_lock\(.*\?/)
      const words = JSON.stringify(warning, (_, value) => (typeof value === 'number' ? 0 : value)) // an age has any digits
      expect(words).not.toContain('4242')
      expect(warning.advice[0]).toContain(LOOK_AT[subject.server])
    })

    // Slipped through: holders that hung had always asked something before.
    test('leases held by something else, of which nothing has been asked yet: who has them', async () => {
      const { ask, control } = await adopted('select 1')
      const over = deferred<void>()
      const keep = async () => {
        const held = await subject.acquire(pools[0] as P)
        await over.promise
        await held.release()
      }
      const stuck = [...Array.from({ length: 8 }, keep), ask('select 1')]
      const heldBy = () => control.diagnose().evidence.find(({ what }) => what === 'longest held by')?.value
      await until(() => heldBy() !== undefined)
      const { verdict } = control.diagnose()
      over.resolve()
      await Promise.all(stuck)
      expect(verdict).toBe('slow-leases')
    })

    test('queries that take longer: the query', async () => {
      const pause = (seconds: number) => `select ${PAUSE[subject.server]}(${seconds}) as orders`
      const { ask, warned } = await adopted(pause(0.002))
      let isOver = false
      const askOn = async () => {
        while (!isOver) await ask(pause(0.2))
      }
      const slow = Array.from({ length: 12 }, askOn)
      const { kind, message } = await warned
      isOver = true
      await Promise.all(slow)
      expect(kind).toBe('slow-leases')
      expect(message).toMatch(/for this query: select \w+\(\?\) as orders/)
    })
  })
}
