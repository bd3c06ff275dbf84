import { ignore } from '../base/ignore.ts'
import type { AdapterGroup, GroupMembers } from '../pool/contract.ts'
import { ownMembers, patchLasting, patchMembers } from './patch.ts'
import { type Doors, FOREVER_MS, type PoolFace } from './pool-face.ts'
import { refusalCode } from './refusal-code.ts'
import { socketClosed } from './socket-closed.ts'
import { type TimeoutMaker, timeoutErrorOf } from './timeout-error.ts'

interface SequelizePoolFactory {
  create(): Promise<object>
  validate(resource: object): boolean
  readonly max: number
  readonly min: number
}

/** The part of sequelize-pool's Pool (7 in Sequelize 6, and 8) that we touch, and no more. */
export interface SequelizePoolLike {
  readonly size: number
  readonly available: number
  readonly using: number
  readonly waiting: number
  readonly maxSize: number
  acquireTimeoutMillis: number
  acquire(): Promise<object>
  release(resource: object): void
  destroy(resource: object): Promise<void>
  drain(): Promise<void>
  destroyAllNow(): Promise<void>
  /** Private: the object that its maker gave, max and min in it. */
  _factory: SequelizePoolFactory
  readonly _draining: boolean
  /** Private: idle ones, oldest first. */
  _availableObjects: readonly { readonly resource: object }[]
  /** Private: those that are lent. */
  readonly _inUseObjects: readonly { readonly resource: object }[]
  /** Private: gives an idle one, or a new one, to whoever waits. */
  _dispense(): void
}

/** The part of a Sequelize instance that we touch. */
interface SequelizeLike {
  /** Of Sequelize 6; in 7 it throws. */
  readonly connectionManager: { readonly pool?: object }
  /** Of the alphas of Sequelize 7. */
  readonly pool?: { readonly read: SequelizePoolLike | null; readonly write: SequelizePoolLike }
}

/** A primary's pool and that of its replicas. */
interface ReplicatedPools {
  readonly read: SequelizePoolLike
  readonly write: SequelizePoolLike
}

const METHODS = ['acquire', 'release', 'destroy', 'drain', 'destroyAllNow', '_dispense'] as const
const COUNTS = ['size', 'available', 'using', 'waiting', 'maxSize', 'acquireTimeoutMillis'] as const

export function isSequelizePool(candidate: unknown): candidate is SequelizePoolLike {
  if (typeof candidate !== 'object' || candidate === null) return false
  const pool = candidate as Record<string, unknown>
  return (
    METHODS.every((name) => typeof pool[name] === 'function') &&
    COUNTS.every((name) => typeof pool[name] === 'number') &&
    Array.isArray(pool._availableObjects)
  )
}

/** The pool of a Sequelize instance; undefined: it is none. With replication it is a pair. */
export function sequelizePoolOf(candidate: unknown): object | undefined {
  const sequelize = candidate as Partial<SequelizeLike> | null | undefined
  const pair = sequelize?.pool
  if (isSequelizePool(pair?.write)) return pair.read === null ? pair.write : pair
  const manager = sequelize?.connectionManager
  return typeof manager === 'object' && manager !== null ? manager.pool : undefined
}

export function areReplicatedPools(candidate: object): candidate is ReplicatedPools {
  const { read, write } = candidate as Partial<ReplicatedPools>
  return isSequelizePool(read) && isSequelizePool(write)
}

const KEEPS = { idleTimeoutMs: 'pool.idle', usesMax: 'pool.maxUses', validate: 'pool.validate' } as const

/** Of a replicated Sequelize: an engine each, since each has a backend of its own. */
export class ReplicatedGroup implements AdapterGroup {
  readonly kind = 'sequelize'
  readonly keeps = KEEPS
  readonly #pools: ReplicatedPools

  constructor(pools: ReplicatedPools) {
    this.#pools = pools
  }

  get isClosed(): boolean {
    return this.#pools.read._draining
  }

  attach(members: GroupMembers): void {
    members.added('read', this.#pools.read)
    members.added('write', this.#pools.write)
  }

  detach(): void {}
}

/**
 * sequelize-pool tells nobody of anything, so that its own `release` and `destroy` are listened at, which its reaping
 * passes too. Its traps: a raise of `max` serves nobody; a failed create rejects the head of the queue, whoever asked
 * for it; at every occasion it has one more created while anybody waits, hence ours does not; a
 * create that throws instead of rejecting costs a slot for good; `min` is refilled behind whoever closes an idle one,
 * whatever the limit; and Sequelize knows a timeout by the class alone.
 */
export class SequelizePoolFace implements PoolFace<object> {
  readonly kind = 'sequelize-pool'
  readonly keeps = KEEPS
  readonly #pool: SequelizePoolLike
  readonly #own: Pick<SequelizePoolLike, 'acquire' | 'release' | 'destroy' | 'drain' | '_dispense'>
  readonly #readWaiting: () => number
  #isOpening = false
  #destroyTimeoutMs = Number.POSITIVE_INFINITY
  /** Those at rest that it does not see for the moment. */
  #hidden = 0

  constructor(pool: SequelizePoolLike) {
    this.#pool = pool
    this.#own = ownMembers(pool, 'acquire', 'release', 'destroy', 'drain', '_dispense')
    this.#readWaiting = getterOf(pool, 'waiting')
  }

  get isClosed(): boolean {
    return this.#pool._draining
  }

  get liveMin(): number {
    return this.#pool._factory.min
  }

  get inherited() {
    const { maxSize, acquireTimeoutMillis } = this.#pool
    return {
      limitMax: maxSize,
      acquireTimeoutMs: acquireTimeoutMillis > 0 ? acquireTimeoutMillis : Number.POSITIVE_INFINITY,
      createTimeoutMs: Number.POSITIVE_INFINITY, // it has none
    }
  }

  open(): Promise<object> {
    const pool = this.#pool
    const atRest = pool._availableObjects
    // With one at rest it would lend that, and warming up would pass it from each create to the next for ever.
    pool._availableObjects = []
    this.#hidden = atRest.length
    this.#isOpening = true
    try {
      return this.take()
    } finally {
      this.#isOpening = false
      this.#hidden = 0
      pool._availableObjects = atRest
    }
  }

  take(): Promise<object> {
    return this.#own.acquire()
  }

  giveBack(resource: object): boolean {
    const pool = this.#pool
    const before = pool.size
    this.#own.release(resource)
    return pool.size >= before // less: it had been used maxUses times
  }

  close(resource: object): Promise<void> {
    return socketClosed(resource, () => this.#own.destroy(resource), this.#destroyTimeoutMs)
  }

  closeIdle(): Promise<void> | undefined {
    const oldest = this.#pool._availableObjects[0]
    return oldest && this.close(oldest.resource)
  }

  total(): number {
    return this.#pool.size
  }

  idle(): number {
    return this.#pool.available
  }

  queued(): number {
    return this.#readWaiting()
  }

  coming(): number {
    const { size, available, using } = this.#pool
    return size - available - this.#hidden - using
  }

  resources(): Iterable<object> {
    return [...this.#pool._inUseObjects, ...this.#pool._availableObjects].map(({ resource }) => resource)
  }

  kick(count: number): void {
    for (let left = count; left > 0; left--) this.#own._dispense()
  }

  attach(doors: Doors<object>) {
    const pool = this.#pool
    this.#destroyTimeoutMs = doors.settings.destroyTimeoutMs
    const factory = pool._factory
    const timeout = timeoutErrorOf(pool, { _pendingAcquires: [], _dispense: ignore, acquireTimeoutMillis: 0 })
    const translate = (error: Error): unknown | Promise<unknown> => asSequelizePoolError(error, timeout)
    const acquireTimeoutMillis = pool.acquireTimeoutMillis
    const own = Object.getOwnPropertyDescriptors(factory)
    const gated: SequelizePoolFactory = Object.create(Object.getPrototypeOf(factory), {
      ...own,
      // It tells nobody of what it creates for nobody, nor of whom it refuses since he waits from before adoption.
      create: { value: () => (async () => factory.create())().finally(() => doors.lookSoon()), enumerable: true },
      validate: { value: (resource: object) => isFit(factory, resource), enumerable: true },
      max: {
        get: () => (this.#isOpening ? doors.settings.limitMax : doors.limit()),
        enumerable: true,
      },
    })
    pool._factory = gated
    pool.acquireTimeoutMillis = FOREVER_MS
    const patch = patchMembers(pool, {
      acquire: () => doors.ask({}, translate),
      destroy: (resource: object) => Promise.resolve(doors.destroy(resource, () => this.#own.destroy(resource))),
      drain: async () => {
        await doors.drain()
        await this.#own.drain()
      },
      _ensureMinimum: ignore,
      _dispense: () => {
        // Else it would have one more created for whoever waits for what is being created already; or give him an idle
        // one, and what is created would be nobody's.
        if (this.#readWaiting() > this.coming()) this.#own._dispense()
      },
      waiting: { get: doors.waiters },
    })
    const release = patchLasting(pool, {
      release: (resource: object) => {
        if (!doors.end(resource, 'release')) this.#own.release(resource)
      },
    })
    return {
      release,
      undo: () => {
        patch.undo()
        if (pool._factory === gated) pool._factory = factory
        if (pool.acquireTimeoutMillis === FOREVER_MS) pool.acquireTimeoutMillis = acquireTimeoutMillis
      },
    }
  }
}

/** A validate that throws, throws in whoever asks or gives back, and leaves his request behind. */
function isFit(factory: SequelizePoolFactory, resource: object): boolean {
  try {
    return factory.validate(resource)
  } catch {
    return false
  }
}

const DRAINING = 'pool is draining and cannot accept work'

/** What its callers know how to catch, with ours as its cause. */
function asSequelizePoolError(error: Error, timeout: Promise<TimeoutMaker>): unknown | Promise<unknown> {
  const code = refusalCode(error)
  if (code === 'ERR_POOL_ACQUIRE_TIMEOUT') return timeout.then((make) => make(error))
  if (code === 'ERR_POOL_DRAINING') return new Error(DRAINING, { cause: error })
  return code === 'ERR_POOL_CREATE_FAILED' ? (error.cause ?? error) : error
}

/** A getter of an object's class, wherever up the chain it is. */
function getterOf(object: object, name: string): () => number {
  for (let owner: object | null = object; owner !== null; owner = Object.getPrototypeOf(owner)) {
    const { get } = Object.getOwnPropertyDescriptor(owner, name) ?? {}
    if (get !== undefined) return get.bind(object)
  }
  return () => Reflect.get(object, name) as number
}
