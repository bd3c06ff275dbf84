import { EventEmitter } from 'node:events'
import { Sema } from 'async-sema'
import genericPool from 'generic-pool'
import { Pool as LightningPool } from 'lightning-pool'
import pg from 'pg'
import { Pool as SequelizePool } from 'sequelize-pool'
import { Pool as TarnPool } from 'tarn'

/** A pool of so many resources, all of them open and idle, behind the two functions that every pool has. */
export interface OpenPool<L = unknown> {
  acquire(): Promise<L>
  release(lease: L): unknown
}

/** What acquire() is asked for, where a pool can be asked. */
export interface AcquireWish {
  readonly timeoutMs?: number
  readonly signal?: AbortSignal
}

export interface Subject {
  readonly name: string
  /** `pool` alone is a peer: the floor is what nobody can go below, a semaphore has no resources to look after. */
  readonly kind: 'ours' | 'pool' | 'semaphore' | 'floor'
  open(resources: number, timeoutMs?: number): Promise<OpenPool>
}

const DIST = process.env.BENCH_DIST ?? '../../dist/index.js'
/** Another build to compare with, where there is one. */
const DIST_BEFORE = process.env.BENCH_BEFORE

export const OURS = 'adaptive-pool'
/** The same code a second time: how far its ratio to the first is off 1 is what this run cannot tell apart. */
export const AGAIN = 'adaptive-pool again'
/** The build to compare with. */
export const BEFORE = 'adaptive-pool before'

/**
 * The package as it is built, not its source: what users run, without what a TypeScript loader adds. Only in the process
 * that measures it: others would pay for it.
 */
export function builtPackage(dist: string = DIST): Promise<typeof import('../../src/index.ts')> {
  return import(new URL(dist, import.meta.url).href)
}

class Resource {
  readonly id: number
  constructor(id: number) {
    this.id = id
  }
}

let lastId = 0
const create = async (): Promise<Resource> => new Resource(++lastId)
const destroy = async (): Promise<void> => {}
/** None of the peers has a bound of its own that would refuse the largest case. */
const WAITERS_MAX = 1_000_000

/** Sampling, control, watch and events as they come by default; only the limit is held where the case wants it. */
function adaptivePool(name: string, dist?: string): Subject {
  return {
    name,
    kind: 'ours',
    async open(resources, timeoutMs) {
      const { createPool } = await builtPackage(dist)
      const pool = createPool<Resource>({
        create,
        destroy,
        limitMin: resources,
        limitMax: resources,
        waitersMax: WAITERS_MAX,
        ...(timeoutMs === undefined ? {} : { acquireTimeoutMs: timeoutMs }),
      })
      return opened({ acquire: () => pool.acquire(), release: (lease) => lease.release() }, resources)
    },
  }
}

/** The least that a pool can be: an array of what is free, a list of who waits, one promise an acquire. */
class Floor {
  readonly #free: Resource[] = []
  #first: FloorWaiter | undefined
  #last: FloorWaiter | undefined

  constructor(resources: number) {
    for (let id = 0; id < resources; id++) this.#free.push(new Resource(id))
  }

  acquire(): Promise<Resource> {
    const resource = this.#free.pop()
    if (resource !== undefined) return Promise.resolve(resource)
    return new Promise((resolve) => {
      const waiter: FloorWaiter = { resolve, next: undefined }
      if (this.#last === undefined) this.#first = waiter
      else this.#last.next = waiter
      this.#last = waiter
    })
  }

  release(resource: Resource): void {
    const waiter = this.#first
    if (waiter === undefined) {
      this.#free.push(resource)
      return
    }
    this.#first = waiter.next
    if (this.#first === undefined) this.#last = undefined
    waiter.resolve(resource)
  }
}

interface FloorWaiter {
  readonly resolve: (resource: Resource) => void
  next: FloorWaiter | undefined
}

/** As much of pg.Client as pg-pool touches: it connects at once, and answers nothing. */
class FakeClient extends EventEmitter {
  readonly _queryable = true
  readonly _ending = false
  connect(done: (error?: Error) => void): void {
    process.nextTick(done)
  }
  end(done?: () => void): void {
    done?.()
  }
}

/** As generic-pool, tarn and sequelize-pool have it: left out, they take their own. */
function timeout(timeoutMs: number | undefined): { acquireTimeoutMillis?: number } {
  return timeoutMs === undefined ? {} : { acquireTimeoutMillis: timeoutMs }
}

export const SUBJECTS: readonly Subject[] = [
  {
    name: 'floor',
    kind: 'floor',
    async open(resources) {
      const floor = new Floor(resources)
      return opened({ acquire: () => floor.acquire(), release: (resource) => floor.release(resource) }, resources)
    },
  },
  adaptivePool(OURS),
  {
    name: 'generic-pool',
    kind: 'pool',
    async open(resources, timeoutMs) {
      const options = { max: resources, ...timeout(timeoutMs) }
      const pool = genericPool.createPool({ create, destroy }, options)
      return opened({ acquire: () => pool.acquire() as Promise<Resource>, release: (r) => pool.release(r) }, resources)
    },
  },
  {
    name: 'lightning-pool',
    kind: 'pool',
    async open(resources, timeoutMs) {
      const options = { max: resources, maxQueue: WAITERS_MAX, acquireTimeoutMillis: timeoutMs ?? 0 }
      const pool = new LightningPool<Resource>({ create, destroy }, options)
      return opened({ acquire: () => pool.acquire(), release: (resource) => pool.release(resource) }, resources)
    },
  },
  {
    name: 'tarn',
    kind: 'pool',
    async open(resources, timeoutMs) {
      const options = { min: 0, max: resources, ...timeout(timeoutMs) }
      const pool = new TarnPool<Resource>({ create, destroy, ...options })
      return opened({ acquire: () => pool.acquire().promise, release: (resource) => pool.release(resource) }, resources)
    },
  },
  {
    name: 'sequelize-pool',
    kind: 'pool',
    async open(resources, timeoutMs) {
      const options = { min: 0, max: resources, ...timeout(timeoutMs) }
      const pool = new SequelizePool<Resource>({ create, destroy, validate: () => true, ...options })
      return opened({ acquire: () => pool.acquire(), release: (resource) => pool.release(resource) }, resources)
    },
  },
  {
    name: 'pg-pool',
    kind: 'pool',
    async open(resources, timeoutMs) {
      const Client = FakeClient as unknown as typeof pg.Client
      const options = { max: resources, ...(timeoutMs === undefined ? {} : { connectionTimeoutMillis: timeoutMs }) }
      const pool = new pg.Pool({ Client, ...options } as pg.PoolConfig)
      return opened({ acquire: () => pool.connect(), release: (client) => client.release() }, resources)
    },
  },
  {
    name: 'async-sema',
    kind: 'semaphore',
    async open(resources) {
      const sema = new Sema(resources)
      return opened({ acquire: () => sema.acquire(), release: () => sema.release() }, resources)
    },
  },
  adaptivePool(AGAIN),
  ...(DIST_BEFORE === undefined ? [] : [adaptivePool(BEFORE, DIST_BEFORE)]),
]

/** Opens every resource before anything is measured. */
async function opened<L>(pool: OpenPool<L>, resources: number): Promise<OpenPool> {
  const leases = await Promise.all(Array.from({ length: resources }, () => pool.acquire()))
  for (const lease of leases) pool.release(lease)
  return pool as OpenPool
}
