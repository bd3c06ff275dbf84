/**
 * One conformance suite for all adapters: every case of subject.ts against the real driver and a real server. A test
 * file of its own per subject calls `conformance(subject)`; subjects.ts lists them for the table in docs/adapters.md.
 */
import { AsyncLocalStorage } from 'node:async_hooks'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, inject, test } from 'vitest'
import { adapt } from '../../src/adapt.ts'
import type { AdaptOptions, AdoptedPool } from '../../src/adopted-pool.ts'
import { fixed } from '../../src/control/fixed.ts'
import { type Account, type Accounts, mariadbAccounts, postgresAccounts } from '../support/accounts.ts'
import { type FaultProxy, startFaultProxy } from '../support/fault-proxy.ts'
import { watchServer } from '../support/server-watch.ts'
import '../support/servers.ts'
import { until } from '../support/until.ts'
import { CASES, type CaseName, type Held, type Subject, type SubjectSettings } from './subject.ts'

const CALLS = 1_000
/** How long callers of a server that is away wait, in ms; a busy machine's first connect is sooner. */
const OUTAGE_PATIENCE_MS = 2_000

export function conformance<P extends object>(subject: Subject<P>): void {
  const server = inject(subject.server)

  describe.skipIf(server === undefined)(`${subject.name}: conformance`, () => {
    let accounts: Accounts
    let account: Account
    let proxy: FaultProxy | undefined
    const open = new Set<P>()

    beforeAll(async () => {
      if (server === undefined) return
      accounts = await (subject.server === 'postgres' ? postgresAccounts(server) : mariadbAccounts(server))
    })
    afterAll(() => accounts?.close())
    beforeEach(async () => {
      account = await accounts.open()
    })
    afterEach(async () => {
      for (const pool of open) await end(pool)
      await until(async () => (await account.connections()) === 0, account.connections)
      await account.remove()
      await proxy?.close()
      proxy = undefined
    })

    function newPool(settings: Partial<SubjectSettings> = {}): P {
      const { host, port, user, password, database } = account
      const defaults = { host, port, user, password, database, limit: 2, limitMax: 16, acquireTimeoutMs: undefined }
      const pool = subject.newPool({ ...defaults, ...settings })
      open.add(pool)
      return pool
    }

    function adopt(pool: P, options: AdaptOptions = {}): AdoptedPool {
      return adapt(subject.adoptable?.(pool) ?? pool, { controller: fixed(), limitMin: 1, limitMax: 16, ...options })
    }

    function adopted(limit: number, settings: Partial<SubjectSettings> = {}, options: AdaptOptions = {}) {
      const pool = newPool({ limit, ...settings })
      return { pool, control: adopt(pool, { limitInitial: limit, ...options }) }
    }

    function end(pool: P): Promise<unknown> {
      open.delete(pool)
      return subject.end(pool)
    }

    const hold = (pool: P, count: number): Promise<Held[]> =>
      Promise.all(Array.from({ length: count }, () => subject.acquire(pool)))

    /** Queues callers, each of which notes when it is served, and waits for its turn to release. */
    function queueUp(pool: P, count: number, served: number[] = []) {
      return Array.from({ length: count }, async (_, caller) => {
        const held = await subject.acquire(pool)
        served.push(caller)
        await held.query('select 1')
        await held.release()
      })
    }

    /** Somebody is served, and so is the query. */
    async function works(pool: P): Promise<boolean> {
      const held = await subject.acquire(pool).catch(() => undefined)
      const isGood = await held?.query('select 1').then(
        () => true,
        () => false,
      )
      await held?.release()
      return isGood ?? false
    }

    const settled = (control: AdoptedPool): Promise<void> =>
      until(
        () => {
          const { creating, validating, destroying, inUse, waiters } = control.counts()
          return creating + validating + destroying + inUse + waiters === 0
        },
        () => control.counts(),
      )

    const atServer = (count: number): Promise<void> =>
      until(async () => (await account.connections()) === count, account.connections)

    /** The server counts what the engine does. */
    const agrees = (control: AdoptedPool): Promise<void> =>
      until(
        async () => (await account.connections()) === control.counts().live,
        () => control.counts(),
      )

    const RUN: Readonly<Record<CaseName, () => Promise<void>>> = {
      async ways() {
        const { pool, control } = adopted(2)
        for (const [name, { use, closes = false }] of Object.entries(subject.ways)) {
          const before = control.stats()
          await Promise.all(Array.from({ length: 6 }, () => use(pool)))
          await settled(control)
          const { acquired, released, destroyed, timedOut, shed, createFailed } = control.stats()
          const seen = { acquired: acquired - before.acquired, released: released - before.released }
          expect({ name, ...seen }).toEqual({ name, acquired: 6, released: 6 })
          expect({ name, destroyed: destroyed - before.destroyed }).toEqual({ name, destroyed: closes ? 6 : 0 })
          expect({ name, timedOut, shed, createFailed }).toEqual({ name, timedOut: 0, shed: 0, createFailed: 0 })
        }
        await agrees(control)
      },

      async fifo() {
        const { pool, control } = adopted(1)
        const [first] = await hold(pool, 1)
        const served: number[] = []
        const callers = queueUp(pool, 20, served)
        await first?.release()
        await Promise.all(callers)
        expect(served).toEqual([...callers.keys()])

        const again = await hold(pool, 1)
        const order: number[] = []
        const waiting = [0, 1, 2].map(async (caller) => {
          const held = await subject.acquire(pool)
          order.push(caller)
          return held
        })
        await until(() => control.counts().waiters === 3)
        control.resize(4)
        const newcomer = subject.acquire(pool).then((held) => {
          order.push(3)
          return held
        })
        const served4 = await Promise.all(waiting)
        for (const held of [...again, ...served4]) await held.release()
        await (await newcomer).release()
        expect(order).toEqual([0, 1, 2, 3])
      },

      async serverCount() {
        const { pool, control } = adopted(2)
        const watched = watchServer(account, control)
        let isLoaded = true
        const workers = Array.from({ length: 20 }, async () => {
          while (isLoaded) {
            const held = await subject.acquire(pool)
            await held.query('select 1')
            await held.release()
          }
        })
        for (const limit of [2, 9, 3, 16, 2, 12, 5]) {
          control.resize(limit)
          await until(
            () => control.counts().live === limit,
            () => control.counts(),
          )
          await watched.samples(5)
          expect(control.counts().inUse + control.counts().validating).toBeLessThanOrEqual(limit)
        }
        isLoaded = false
        await Promise.all(workers)
        expect(await watched.stop()).toEqual([])
        expect(control.stats()).toMatchObject({ timedOut: 0, shed: 0, createFailed: 0 })
      },

      async grow() {
        const { pool, control } = adopted(1)
        const held = await hold(pool, 1)
        const waiting = hold(pool, 3)
        await until(() => control.counts().waiters === 3)
        control.resize(4)
        held.push(...(await waiting))
        expect(new Set(held.map(({ connection }) => connection)).size).toBe(4)
        expect(control.counts()).toMatchObject({ inUse: 4, live: 4, waiters: 0 })
        await atServer(4)
        for (const one of held) await one.release()
        await settled(control)
        expect(control.counts()).toMatchObject({ inUse: 0, live: 4, idle: 4 })
      },

      async shrinkIdle() {
        const { pool, control } = adopted(5)
        for (const held of await hold(pool, 5)) await held.release()
        await atServer(5)
        control.resize(2)
        await atServer(2)
        await settled(control)
        expect(control.counts()).toMatchObject({ live: 2, idle: 2 })
        const held = await hold(pool, 2)
        for (const one of held) {
          await one.query('select 1')
          await one.release()
        }
      },

      async shrinkLeased() {
        const { pool, control } = adopted(5)
        const held = await hold(pool, 5)
        control.resize(2)
        for (const one of held) await one.query('select 1')
        expect(control.counts()).toMatchObject({ inUse: 5, live: 5 })
        const waiting = subject.acquire(pool)
        for (const one of held.slice(0, 3)) await one.release()
        await atServer(2)
        expect(control.counts()).toMatchObject({ inUse: 2, live: 2, waiters: 1 })
        for (const one of held.slice(3)) await one.release()
        await (await waiting).release()
        await settled(control)
        expect(control.counts()).toMatchObject({ live: 2, idle: 2 })
        await atServer(2)
      },

      async timeout() {
        const acquireTimeoutMs = 300
        const { pool, control } = adopted(1, { acquireTimeoutMs }, { acquireTimeoutMs })
        const [held] = await hold(pool, 1)
        const errors = await Promise.all([1, 2].map(() => subject.acquire(pool).catch((error: unknown) => error)))
        for (const error of errors) expect(error).toMatchObject(subject.timeout)
        expect(control.counts().waiters).toBe(0)
        expect(control.stats().timedOut).toBe(2)
        await held?.release()
        await (await subject.acquire(pool)).release()
      },

      async abort() {
        if (subject.abort === undefined) throw new Error('say in notApplicable why callers cannot stop waiting')
        const { pool, control } = adopted(1)
        const [held] = await hold(pool, 1)
        const { waiting, abort } = subject.abort(pool)
        const outcome = waiting.catch((error: unknown) => error)
        await until(() => control.counts().waiters === 1)
        abort()
        expect(await outcome).toBeInstanceOf(Error)
        expect(control.counts().waiters).toBe(0)
        await held?.release()
        await (await subject.acquire(pool)).release()
      },

      async failures() {
        for (const [name, { settings, run }] of Object.entries(subject.failures)) {
          const outcomes: unknown[] = []
          for (const isAdopted of [false, true]) {
            const pool = newPool(settings)
            if (isAdopted) adopt(pool)
            outcomes.push(
              await run(pool, () => end(pool)).then(
                () => 'no failure',
                (error: Error & Record<string, unknown>) => ({
                  class: error.constructor.name,
                  message: error.message.replace(/conn:\d+/, 'conn:N'), // mariadb's number of the connection
                  code: error.code,
                  errno: error.errno,
                  sqlState: error.sqlState,
                }),
              ),
            )
            if (open.has(pool)) await end(pool)
          }
          expect({ [name]: outcomes[1] }).toEqual({ [name]: outcomes[0] })
          expect(outcomes[0]).not.toBe('no failure')
        }
      },

      async refusing() {
        await account.limitConnections(2)
        const { pool, control } = adopted(4)
        const refused = new Promise<unknown>((resolve) => control.once('createFailed', resolve))
        const held = await hold(pool, 2)
        const waiting = queueUp(pool, 3)
        if (!subject.hidesRefusals) expect(await refused).toMatchObject({ failure: 'refusing' })
        for (const one of held) {
          await one.query('select 1')
          await one.release()
        }
        await Promise.all(waiting)
        expect(control.stats()).toMatchObject({ timedOut: 0, shed: 0 })
      },

      async killed() {
        const { pool, control } = adopted(2)
        for (const one of await hold(pool, 2)) await one.release()
        await atServer(2)
        await account.kill()
        await until(
          () => control.counts().live === 0,
          () => control.counts(),
        )
        const held = await hold(pool, 2)
        for (const one of held) await one.query('select 1')
        await account.kill()
        for (const one of held) {
          await expect(async () => one.query('select 1')).rejects.toThrow()
          await Promise.resolve(one.release()).catch(() => {})
        }
        // A driver may learn of the death only after its holder has given it back as good.
        await until(() => works(pool))
        for (const one of await hold(pool, 2)) {
          await one.query('select 1')
          await one.release()
        }
        await settled(control)
        expect(control.counts()).toMatchObject({ live: 2, inUse: 0 })
        await atServer(2)
      },

      async outage() {
        proxy = await startFaultProxy(account.port, account.host)
        const { pool, control } = adopted(
          4,
          { host: proxy.host, port: proxy.port, acquireTimeoutMs: OUTAGE_PATIENCE_MS },
          { acquireTimeoutMs: OUTAGE_PATIENCE_MS },
        )
        for (const one of await hold(pool, 4)) await one.release()
        proxy.mode = 'refuse'
        proxy.cut()
        await until(
          () => control.counts().live === 0,
          () => control.counts(),
        )
        const failed = await Promise.all(Array.from({ length: 4 }, () => subject.acquire(pool).catch(() => 'failed')))
        expect(failed).toEqual(['failed', 'failed', 'failed', 'failed'])
        proxy.mode = 'ok'
        await until(() => works(pool))
        await settled(control)
        await agrees(control)
      },

      async end() {
        const { pool, control } = adopted(2)
        const held = await hold(pool, 2)
        const waiting = Array.from({ length: 3 }, () =>
          subject.acquire(pool).then(
            async (one) => {
              await one.release()
              return 'served'
            },
            (error: unknown) => error,
          ),
        )
        await until(() => control.counts().waiters === 3)
        const ended = end(pool)
        if (subject.endsLeases === 'awaited') for (const one of held) await one.query('select 1')
        if (subject.endsLeases === 'awaited') for (const one of held) await one.release()
        for (const outcome of await Promise.all(waiting)) {
          if (subject.endsWaiters === 'served') expect(outcome).toBe('served')
          else expect(outcome).toMatchObject(subject.endsWaiters)
        }
        await ended
        if (subject.endsLeases === 'cut') for (const one of held) await one.release()
        await settled(control)
        expect(control.counts()).toMatchObject({ size: 0, waiters: 0 })
        expect(control.stats().acquired).toBe(control.stats().released)
        await expect(subject.acquire(pool)).rejects.toThrow()
        await atServer(0)
      },

      async detach() {
        const pool = newPool()
        const parts = subject.parts?.(pool) ?? [pool]
        const picture = (part: object) => pictureOf(part, subject.volatile)
        const before = parts.map(picture)
        const control = adopt(pool)
        for (const held of await hold(pool, 2)) await held.release()
        await settled(control)
        const { acquired } = control.stats()
        control.detach()
        control.detach()
        expect(parts.map(picture)).toEqual(before)
        for (const held of await hold(pool, 2)) {
          await held.query('select 1')
          await held.release()
        }
        expect(control.stats().acquired).toBe(acquired)
        await end(pool)
      },

      async detachBusy() {
        const { pool, control } = adopted(2)
        const held = await hold(pool, 2)
        const waiting = queueUp(pool, 4)
        await until(() => control.counts().waiters === 4)
        control.detach()
        for (const one of held) {
          await one.query('select 1')
          await one.release()
        }
        await Promise.all(waiting)
        const again = adopt(pool)
        expect(again).not.toBe(control)
        await (await subject.acquire(pool)).release()
        expect(again.stats().acquired).toBe(1)
      },

      async detachOver() {
        const pool = newPool()
        const parts = subject.parts?.(pool) ?? [pool]
        const picture = (part: object) => pictureOf(part, subject.volatile)
        const before = parts.map(picture)
        const control = adopt(pool, { limitInitial: 6 })
        const held = await hold(pool, 6)
        const served: number[] = []
        const waiting = queueUp(pool, 3, served)
        await until(() => control.counts().waiters === 3)
        control.detach()
        for (const one of held) {
          await one.query('select 1')
          await one.release()
        }
        await Promise.all(waiting)
        await atServer(2)
        expect(served).toEqual([0, 1, 2])
        expect(parts.map(picture)).toEqual(before)
        await (await subject.acquire(pool)).release()
      },

      async midFlight() {
        const pool = newPool({ limit: 2, limitMax: 2 })
        const held = await hold(pool, 2)
        const served: number[] = []
        const early = queueUp(pool, 3, served)
        const control = adopt(pool, { limitInitial: 2, limitMax: subject.cannotGrow ? 2 : 16 })
        expect(control.counts()).toMatchObject({ inUse: 2, live: 2 })
        const late = subject.acquire(pool).then(async (one) => {
          served.push(3)
          await one.release()
        })
        for (const one of held) await one.release()
        await Promise.all([...early, late])
        expect(served).toEqual([0, 1, 2, 3])
        await settled(control)
        expect(control.counts()).toMatchObject({ inUse: 0, waiters: 0 })
        expect(control.stats().acquired).toBe(control.stats().released)
        await agrees(control)
      },

      async midFlightBack() {
        const pool = newPool({ limit: 6, limitMax: 6 })
        const held = await hold(pool, 6)
        const control = adopt(pool, { limitInitial: 6, limitMax: 6 })
        const returned = held.map((one) => one.release())
        const next = await hold(pool, 6)
        await Promise.all(returned)
        expect(control.stats()).toMatchObject({ created: 0, evicted: 0 })
        for (const one of next) await one.release()
        await settled(control)
        expect(control.counts()).toMatchObject({ live: 6, idle: 6 })
        expect(control.stats()).toMatchObject({ acquired: 12, released: 12 })
        await agrees(control)
      },

      async twice() {
        const pool = newPool()
        const control = adopt(pool)
        const picture = pictureOf(pool)
        expect(adopt(pool, { limitMax: 4 })).toBe(control)
        expect(pictureOf(pool)).toEqual(picture)
      },

      async sideBySide() {
        const one = adopted(1)
        const two = adopted(3)
        const held = [...(await hold(one.pool, 1)), ...(await hold(two.pool, 3))]
        const waiting = subject.acquire(one.pool)
        await until(() => one.control.counts().waiters === 1)
        expect(two.control.counts()).toMatchObject({ limit: 3, inUse: 3, waiters: 0 })
        two.control.resize(5)
        for (const more of await hold(two.pool, 2)) held.push(more)
        expect(one.control.counts()).toMatchObject({ limit: 1, inUse: 1, waiters: 1 })
        two.control.detach()
        for (const other of held) await other.release()
        await (await waiting).release()
        expect(one.control.stats()).toMatchObject({ acquired: 2, released: 2 })
      },

      async asyncContext() {
        const storage = new AsyncLocalStorage<number>()
        const { pool } = adopted(2)
        const kinds = Object.values(subject.calls)
        const seen = await Promise.all(
          Array.from({ length: CALLS }, (_, caller) =>
            storage.run(caller, () => kinds[caller % kinds.length]?.(pool, () => storage.getStore())),
          ),
        )
        const wrong = seen.filter((store, caller) => store !== caller).length
        expect({ calls: seen.length, wrong }).toEqual({ calls: CALLS, wrong: 0 })
      },

      async drain() {
        const { pool, control } = adopted(3)
        const held = await hold(pool, 3)
        const waiting = queueUp(pool, 2)
        await until(() => control.counts().waiters === 2)
        const drained = control.drain()
        for (const one of held) await one.release()
        await Promise.all(waiting)
        expect(await drained).toMatchObject({ leasesCut: 0, waitersRefused: 0, unfinished: 0 })
        expect(control.counts().size).toBe(0)
        await atServer(0)
        await expect(subject.acquire(pool)).rejects.toThrow()
        await end(pool)
      },
    }

    for (const name of Object.keys(CASES) as CaseName[]) {
      const reason = subject.notApplicable[name]
      if (reason === undefined) test(CASES[name], RUN[name])
    }
  })
}

/** Whatever adoption may have left on an object: its own members, and who listens. */
function pictureOf(object: object, volatile: readonly string[] = []): unknown {
  const own = Reflect.ownKeys(object).map((key) => {
    const { value, ...rest } = Object.getOwnPropertyDescriptor(object, key) ?? {}
    const isPlain = typeof value !== 'object' // what objects hold is theirs; that they are the same ones is looked at
    return [String(key), rest, isPlain ? value : 'object'] as const
  })
  const kept = own
    .filter(([key]) => !['_eventsCount', ...volatile].includes(key))
    .sort(([a], [b]) => a.localeCompare(b))
  const emitter = object as { eventNames?(): (string | symbol)[]; listenerCount?(event: string | symbol): number }
  const listeners = emitter.eventNames?.().map((event) => [String(event), emitter.listenerCount?.(event)])
  return { own: kept, listeners: listeners?.sort() }
}
