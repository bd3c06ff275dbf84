import { expect, test } from 'vitest'
import { PoolError } from '../../src/pool/pool-errors.ts'
import type { Behaviour } from '../support/fake-factory.ts'
import { checkInvariants } from '../support/invariants.ts'
import { newTestPool, watch } from '../support/new-test-pool.ts'

const OUTCOMES = ['ok', 'fail', 'slow', 'hang'] as const satisfies readonly Behaviour[]
const COMBINATIONS = OUTCOMES.flatMap((create) =>
  OUTCOMES.flatMap((validate) => OUTCOMES.map((destroy) => ({ create, validate, destroy }))),
)

/** What each waiting caller may be told, and nothing else. */
const CLEAR_ENDS = ['a lease', 'ERR_POOL_ACQUIRE_TIMEOUT', 'ERR_POOL_CREATE_FAILED']

const LIMIT = 3

/**
 * Fills a pool while all is well, so that there is something to validate and to destroy; then the three functions
 * begin to behave as given. creates hang deafly, which is the worst they can do.
 */
async function newTroubledPool(behaviour: Record<'create' | 'validate' | 'destroy', Behaviour>) {
  const { pool, factory, clock } = newTestPool({
    limitMax: LIMIT,
    validates: true,
    validateAfterIdleMs: 0,
    validateTimeoutMs: 50,
    createTimeoutMs: 100,
    destroyTimeoutMs: 60,
    acquireTimeoutMs: 1_000,
  })
  factory.onCreate = () => expect(pool.counts().size).toBeLessThanOrEqual(LIMIT) // I1
  const [kept, broken] = [await pool.acquire(), await pool.acquire()]
  await clock.advance(1)
  Object.assign(factory.behaviour, behaviour)
  factory.isDeaf = true
  kept.release()
  broken.destroy('broken')
  return { pool, factory, clock }
}

test.each(COMBINATIONS)(
  'every acquire has a clear end while create: $create, validate: $validate, destroy: $destroy',
  async (behaviour) => {
    const { pool, factory, clock } = await newTroubledPool(behaviour)
    const ends: string[] = []
    for (let i = 0; i < 2 * LIMIT; i++) {
      pool.acquire().then(
        (lease) => {
          ends.push('a lease')
          clock.startTimer(20, () => lease.release())
        },
        (error: unknown) => ends.push(error instanceof PoolError ? error.code : String(error)),
      )
    }
    for (let ms = 0; ms < 1_000; ms += 10) {
      await clock.advance(10)
      checkInvariants(pool, factory, { isBackingOff: behaviour.create === 'fail' || behaviour.create === 'hang' })
    }
    expect(ends).toHaveLength(2 * LIMIT)
    expect(CLEAR_ENDS).toEqual(expect.arrayContaining(ends))
    if (behaviour.create === 'ok' || behaviour.create === 'slow') expect(new Set(ends)).toEqual(new Set(['a lease']))
  },
)

test.each(COMBINATIONS)(
  'drain({ timeoutMs }) ends while create: $create, validate: $validate, destroy: $destroy',
  async (behaviour) => {
    const { pool, factory, clock } = await newTroubledPool(behaviour)
    const waiting = Array.from({ length: LIMIT }, () => watch(pool.acquire()))
    const drained = watch(pool.drain({ timeoutMs: 30 }))
    await clock.advance(30)
    expect(drained.value).toBeDefined()
    for (const { value, error } of waiting) expect(value ?? error).toBeDefined()
    expect(pool.counts().inUse).toBe(0)
    await clock.advance(1_000) // every timeout has passed
    expect(pool.counts()).toMatchObject({ size: 0, waiters: 0 })
    factory.letGo() // what was still hanging ends, and the pool cleans up after it
    factory.heal()
    await clock.advance(1_000)
    expect(pool.counts()).toMatchObject({ size: 0, waiters: 0 })
    expect(factory.count('closed')).toBe(factory.resources.length)
    expect(factory.faults).toEqual([])
    expect(clock.timerCount).toBe(0) // I8
  },
)
