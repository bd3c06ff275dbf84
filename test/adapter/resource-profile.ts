/**
 * Where the time of leases goes in pools of anything, whose resources are a driver's own connections: what is asked of
 * those is seen as in the driver's own pool.
 */
import { EventEmitter } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterEach, describe, expect, inject, test } from 'vitest'
import { adapt } from '../../src/adapt.ts'
import type { AdaptOptions, AdoptedPool } from '../../src/adopted-pool.ts'
import '../support/servers.ts'
import type { Subject } from './subject.ts'

const MEMBERS = { postgres: 'query', mariadb: 'addCommand' } as const

export function resourceProfile<P extends object>(subject: Subject<P>): void {
  const server = inject(subject.server)
  const pause = subject.server === 'postgres' ? 'pg_sleep(0.15)' : 'sleep(0.15)'
  const member = MEMBERS[subject.server]

  describe.skipIf(server === undefined)(`${subject.driver}, ${subject.name}: what is asked of its resources`, () => {
    const ends: (() => Promise<unknown>)[] = []

    afterEach(async () => {
      for (const end of ends.splice(0)) await end()
    })

    function newPool(): P {
      const { hostname, port, username, password, pathname } = new URL(server?.url ?? '')
      const login = { host: hostname, port: Number(port), user: username, password, database: pathname.slice(1) }
      const pool = subject.newPool({ ...login, limit: 2, limitMax: 2, acquireTimeoutMs: undefined })
      ends.push(() => subject.end(pool))
      return pool
    }

    function adopt(pool: P, options: AdaptOptions = {}): AdoptedPool {
      return adapt(subject.adoptable?.(pool) ?? pool, { name: 'orders', ...options })
    }

    const asked = (control: AdoptedPool, word: string) => {
      const holder = control.profile().holders.find(({ queries }) => queries.some(({ text }) => text.includes(word)))
      return { holder, query: holder?.queries.find(({ text }) => text.includes(word)) }
    }

    test('queries are told from what a lease is held for without one, and named; their failures are the caller’s', async () => {
      const pool = newPool()
      const control = adopt(pool)
      const held = await subject.acquire(pool)
      await held.query(`select 3 as asked, ${pause}`)
      await sleep(100) // the HTTP call
      await expect(held.query('select wrong')).rejects.toThrow('wrong')
      await held.query('select 4 as last')
      await sleep(100)
      await held.release()
      const { holder, query } = asked(control, 'asked')
      expect(query).toMatchObject({ text: expect.stringMatching(/^select \? as asked, /), count: 1 })
      expect(query?.meanMs).toBeGreaterThan(140)
      expect(asked(control, 'last').query?.meanMs).toBeLessThan(90)
      expect(holder?.queryMs?.total).toBeGreaterThan(140)
      expect(holder?.heldMs?.total).toBeGreaterThan(190)
      expect((holder?.heldMs?.total ?? 0) + (holder?.queryMs?.total ?? 0)).toBeCloseTo(holder?.leaseMs.total ?? -1, 0)
    })

    test('a query that is left running is its own lease’s; the next holder’s lasts until its own end', async () => {
      const pool = newPool()
      const control = adopt(pool, { limitMax: 1 })
      const first = await subject.acquire(pool)
      const left = first.query(`select 1 as left_running, ${pause}`)
      await sleep(20) // an ORM asks a moment later
      await first.release()
      const second = await subject.acquire(pool)
      expect(second.connection).toBe(first.connection)
      await second.query(`select 2 as behind, ${pause}`)
      await sleep(60)
      await second.release()
      await left
      expect(asked(control, 'behind').query?.meanMs).toBeGreaterThan(190) // what is left of the other's, and its own
      expect(asked(control, 'behind').holder?.heldMs?.max).toBeGreaterThan(55)
      expect(asked(control, 'left_running').query?.count).toBe(1)
    })

    test('the late holder of a connection that was reclaimed is told why, or that it is closed', async () => {
      const pool = newPool()
      const control = adopt(pool, { watch: { reclaimAfterMs: 200 } })
      const reclaimed = new Promise<void>((resolve) => {
        control.on('destroyed', ({ reason }) => (reason === 'reclaimed' ? resolve() : undefined))
      })
      const held = await subject.acquire(pool)
      await reclaimed
      const why = subject.server === 'postgres' ? 'reclaimAfterMs' : 'closed state'
      await expect(held.query('select 1')).rejects.toThrow(why)
      await held.release()
      expect(control.counts().inUse).toBe(0)
    })

    test('the members of connections are, once detached, what they were, lent or idle; unwatched, they stay so', async () => {
      const pool = newPool()
      const before = await Promise.all([subject.acquire(pool), subject.acquire(pool)])
      const connections = before.map(({ connection }) => connection)
      const members = () => connections.map((one) => [Object.getOwnPropertyDescriptors(one)[member], listeners(one)])
      const asTheyWere = members()
      for (const one of before) await one.release()
      for (const watch of [undefined, false] as const) {
        const control = adopt(pool, watch === undefined ? {} : { watch })
        const held = await Promise.all([subject.acquire(pool), subject.acquire(pool)])
        const areWatched = connections.map((one) => Object.hasOwn(one, member))
        await held[0]?.release()
        control.detach()
        const detached = members()
        await held[1]?.query('select 1')
        await held[1]?.release()
        expect(new Set(held.map(({ connection }) => connection))).toEqual(new Set(connections))
        expect(areWatched).toEqual(Array(2).fill(watch === undefined))
        expect(detached).toEqual(asTheyWere)
      }
    })
  })
}

const listeners = (connection: object): number => EventEmitter.listenerCount(connection as EventEmitter, 'drain')
