import { AsyncLocalStorage } from 'node:async_hooks'
import { expect, test } from 'vitest'
import type { Clock } from '../../../src/base/clock.ts'
import { createPool } from '../../../src/create-pool.ts'
import { VirtualClock } from '../../../src/sim/virtual-clock.ts'
import { contextualClock } from '../../support/contextual-clock.ts'
import { newTestPool, watch } from '../../support/new-test-pool.ts'
import { sleep } from '../../support/sleep.ts'

const store = new AsyncLocalStorage<string>()

test('each of a thousand queued callers is in its own context right after its acquire', async () => {
  const { pool, clock } = newTestPool({ limitMax: 3, limitInitial: 3 })
  const strayed: string[] = []
  const call = (name: string): Promise<void> =>
    store.run(name, async () => {
      const lease = await pool.acquire({ timeoutMs: 10_000 })
      if (store.getStore() !== name) strayed.push(name)
      await sleep(clock, 1)
      lease.release()
      if (store.getStore() !== name) strayed.push(name)
    })
  const all = Promise.all(Array.from({ length: 1_000 }, (_, i) => call(`caller ${i}`)))
  await clock.advance(1_000)
  await all
  expect(strayed).toEqual([])
})

test('a refused caller is in its own context as well', async () => {
  const { pool, clock } = newTestPool({ limitMax: 1 })
  await pool.acquire()
  const seen: unknown[] = []
  for (const name of ['a', 'b']) {
    store.run(name, () => {
      pool.acquire({ timeoutMs: 10 }).catch(() => seen.push(store.getStore()))
    })
  }
  await clock.advance(10)
  expect(seen).toEqual(['a', 'b'])
})

/** A pool of which everything that runs on its behalf notes whose context it runs in. */
function newWatchedPool() {
  const virtual = new VirtualClock()
  const inner = contextualClock(virtual)
  const strayed: string[] = []
  const called = new Set<string>()
  const note = (what: string): void => {
    called.add(what)
    const caller = store.getStore()
    if (caller !== undefined) strayed.push(`${what} in the context of ${caller}`)
  }
  const clock: Clock = {
    nowMs: () => inner.nowMs(),
    startTimer: (delayMs, fire, background) =>
      inner.startTimer(
        delayMs,
        () => {
          if (delayMs !== DEADLINE_MS) note('timer') // a caller's own deadline may be in its own context
          fire()
        },
        background,
      ),
  }
  const behaviour = { create: 'ok' as 'ok' | 'fail' | 'hang', validate: true, destroyHangs: false }
  const pool = createPool<object>({
    name: 'test',
    create: ({ signal }) => {
      note('create')
      signal.addEventListener('abort', () => note('abort'))
      if (behaviour.create === 'ok') return {}
      if (behaviour.create === 'fail') return Promise.reject(new Error('down'))
      return new Promise((_, reject) => signal.addEventListener('abort', () => reject(new Error('given up'))))
    },
    destroy: () => {
      note('destroy')
      return behaviour.destroyHangs ? new Promise(() => {}) : undefined
    },
    validate: () => {
      note('validate')
      return behaviour.validate
    },
    validateAfterIdleMs: 0,
    createTimeoutMs: 200,
    destroyTimeoutMs: 150,
    limitMin: 1,
    limitInitial: 2,
    limitMax: 4,
    idleTimeoutMs: 300,
    lifetimeMs: 4_000,
    acquireTimeoutMs: DEADLINE_MS,
    queue: 'fifo',
    clock,
  })
  for (const event of EVENTS) pool.on(event, () => note(event))
  return { pool, clock: virtual, behaviour, strayed, called }
}

const DEADLINE_MS = 777
const EVENTS = [
  'acquired',
  'released',
  'created',
  'createFailed',
  'destroyed',
  'evicted',
  'timedOut',
  'limitChanged',
  'decided',
  'drained',
] as const

test('the factory’s functions, its signal, listeners and timers never run in the context of a caller', async () => {
  const { pool, clock, behaviour, strayed, called } = newWatchedPool()
  const callers = (name: string, count: number, leaseMs: number, end: 'release' | 'destroy'): void => {
    for (let i = 0; i < count; i++) {
      store.run(`${name} ${i}`, async () => {
        const lease = await pool.acquire().catch(() => undefined)
        await sleep(clock, leaseMs)
        lease?.[end]()
      })
    }
  }
  callers('busy', 10, 20, 'release')
  await clock.advance(500) // served, then idle for long enough
  callers('slow', 6, 900, 'release')
  await clock.advance(3_000) // some time out
  behaviour.validate = false
  callers('unlucky', 4, 20, 'destroy')
  await clock.advance(500)
  behaviour.destroyHangs = true
  behaviour.create = 'fail'
  callers('failing', 4, 20, 'destroy')
  await clock.advance(2_000)
  behaviour.create = 'hang'
  callers('hanging', 4, 20, 'release')
  await clock.advance(2_000)
  store.run('resizer', () => pool.resize(1))
  store.run('resumer', () => pool.resume())
  store.run('warmer', () => void watch(pool.warmUp(2)))
  await clock.advance(100)
  store.run('drainer', () => void pool.drain())
  await clock.advance(5_000)
  expect([...called].sort()).toEqual([...EVENTS, 'create', 'destroy', 'validate', 'abort', 'timer'].sort())
  expect([...new Set(strayed)]).toEqual([])
})
