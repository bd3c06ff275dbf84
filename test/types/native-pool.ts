// What must and must not compile, on the public surface. Never run: `tsc --noEmit` is the test.

import { expectTypeOf } from 'vitest'
import {
  type AcquireOptions,
  type AdaptivePool,
  type CreatePoolOptions,
  createPool,
  type DrainResult,
  type Lease,
  type PoolCounts,
  type PoolHandle,
  type PoolStats,
} from '../../src/index.ts'

class Connection {
  query(sql: string): Promise<string[]> {
    return Promise.resolve([sql])
  }
  async end(): Promise<void> {}
}

const create = async (): Promise<Connection> => new Connection()

// ---------------------------------------------------------------------------------------------- the resource type

export async function resourceIsInferredFromCreate(): Promise<void> {
  const pool = createPool({ create, destroy: (connection) => connection.end() })
  expectTypeOf(pool).toEqualTypeOf<AdaptivePool<Connection>>()
  const lease = await pool.acquire()
  expectTypeOf(lease).toEqualTypeOf<Lease<Connection>>()
  expectTypeOf(lease.resource).toEqualTypeOf<Connection>()
  expectTypeOf(pool.tryAcquire()).toEqualTypeOf<Lease<Connection> | undefined>()

  const atOnce = createPool({ create: () => 5, destroy: (five) => expectTypeOf(five).toEqualTypeOf<number>() })
  expectTypeOf(atOnce).toEqualTypeOf<AdaptivePool<number>>()

  const explicit: AdaptivePool<Connection> = createPool<Connection>({ create, destroy: () => {} })
  // @ts-expect-error a pool of connections is none of numbers
  const wrong: AdaptivePool<number> = explicit
  void wrong
}

class Listener extends Connection {
  readonly channel = 'news'
}

export function aPoolOfDogsIsAPoolOfAnimals(): void {
  const listeners = createPool({ create: async () => new Listener(), destroy: () => {} })
  const connections: AdaptivePool<Connection> = listeners
  const anything: PoolHandle<unknown> = connections
  void anything
  // @ts-expect-error not every connection listens
  const wrong: AdaptivePool<Listener> = connections
  void wrong
}

export function functionsSeeTheResource(): void {
  createPool({
    create: ({ signal }) => {
      expectTypeOf(signal).toEqualTypeOf<AbortSignal>()
      return create()
    },
    destroy: (connection) => expectTypeOf(connection).toEqualTypeOf<Connection>(),
    validate: (connection) => connection.query('select 1'),
    destroyOnError: (error) => {
      expectTypeOf(error).toEqualTypeOf<unknown>()
      return error instanceof Error
    },
  })
  // @ts-expect-error a connection has no close()
  createPool({ create, destroy: (connection) => connection.close() })
  // @ts-expect-error an async answer would always be true
  createPool({ create, destroy: () => {}, destroyOnError: async () => true })
}

export async function useAnswersWhatItsFunctionAnswers(pool: AdaptivePool<Connection>): Promise<void> {
  expectTypeOf(await pool.use((connection) => connection.query('select 1'))).toEqualTypeOf<string[]>()
  expectTypeOf(await pool.use(() => 5 as const)).toEqualTypeOf<5>()
  await pool.use((connection) => connection.end(), { timeoutMs: 5, tag: 'orders' })
  // @ts-expect-error not a function
  await pool.use('select 1')
}

// ---------------------------------------------------------------------------------------------- options

export function optionsAreChecked(): void {
  const base = { create, destroy: () => {} }
  createPool({ ...base, limitMin: 2, limitMax: 50, acquireTimeoutMs: Number.POSITIVE_INFINITY, queue: 'fifo' })
  // @ts-expect-error create is required
  createPool({ destroy: () => {} })
  // @ts-expect-error destroy is required
  createPool({ create })
  // @ts-expect-error no options at all
  createPool()
  // @ts-expect-error another library's word
  createPool({ ...base, max: 10 })
  // @ts-expect-error misspelt
  createPool({ ...base, aquireTimeoutMs: 10 })
  // @ts-expect-error a string
  createPool({ ...base, limitMax: '10' })
  // @ts-expect-error no sentinel
  createPool({ ...base, idleTimeoutMs: null })
  // @ts-expect-error no such policy by name
  createPool({ ...base, queue: 'codel' })
  // @ts-expect-error misspelt within
  createPool({ ...base, createBackoff: { initial: 5 } })
  // @ts-expect-error true is no way to switch it on: leave it out
  createPool({ ...base, watch: true })
  createPool({ ...base, watch: false })
  createPool({ ...base, createBackoff: { jitter: 0 } })

  const options: CreatePoolOptions<Connection> = { create, destroy: () => {} }
  // @ts-expect-error options are read-only
  options.limitMax = 5
}

export async function acquireOptionsAreChecked(pool: AdaptivePool<Connection>): Promise<void> {
  const options: AcquireOptions = { timeoutMs: 5, signal: AbortSignal.timeout(5), priority: -5, tag: 'orders' }
  await pool.acquire(options)
  // @ts-expect-error misspelt
  await pool.acquire({ timeout: 5 })
  // @ts-expect-error a controller is no signal
  await pool.acquire({ signal: new AbortController() })
  // @ts-expect-error a number, not options
  await pool.acquire(5)
  // @ts-expect-error tryAcquire never waits
  pool.tryAcquire({ timeoutMs: 5 })
  // @ts-expect-error misspelt
  await pool.drain({ timeout: 5 })
  // @ts-expect-error a number, not options
  await pool.drain(5)
  // @ts-expect-error a limit is a number
  pool.resize('5')
}

// ---------------------------------------------------------------------------------------------- leases

export async function leasesEndByThemselves(pool: AdaptivePool<Connection>): Promise<void> {
  {
    using lease = await pool.acquire()
    await lease.resource.query('select 1')
  }
  {
    await using own = pool
    own.counts()
  }
  const lease = await pool.acquire()
  // @ts-expect-error the resource stays the one that was lent
  lease.resource = new Connection()
  lease.destroy()
  lease.destroy(new Error('torn'))
  // @ts-expect-error a good resource has no reason
  lease.release('torn')
}

// ---------------------------------------------------------------------------------------------- looking

export async function answersAreTyped(pool: AdaptivePool<Connection>): Promise<void> {
  expectTypeOf(pool.name).toEqualTypeOf<string>()
  expectTypeOf(pool.counts()).toEqualTypeOf<PoolCounts>()
  expectTypeOf(pool.stats()).toEqualTypeOf<PoolStats>()
  expectTypeOf(pool.stats().waitMs.p99).toEqualTypeOf<number>()
  expectTypeOf(await pool.drain({ timeoutMs: 5 })).toEqualTypeOf<DrainResult>()
  expectTypeOf(pool.decisions(5).at(-1)?.reason).toEqualTypeOf<string | undefined>()
  expectTypeOf(pool.diagnose().holders[0]?.count).toEqualTypeOf<number | undefined>()
  // @ts-expect-error counts are read-only
  pool.counts().limit = 5
  // @ts-expect-error the engine is nobody's business
  pool.engine
}
