import { deferred } from '../base/deferred.ts'
import { ignore } from '../base/ignore.ts'
import type { LiveCounts } from '../pool/contract.ts'
import { Covered } from './covered.ts'
import { asGenericPoolError } from './generic-pool-errors.ts'
import { ownMembers, patchLasting, patchMembers } from './patch.ts'
import type { Doors, PoolFace } from './pool-face.ts'

interface GenericPoolFactory {
  create(): Promise<unknown>
  destroy(resource: unknown): unknown
  validate?(resource: unknown): Promise<unknown>
}

/** Private: generic-pool's record of an acquire. */
interface ResourceRequest {
  readonly promise: Promise<unknown>
  resolve(resource: unknown): void
  reject(reason: unknown): void
}

/** The part of generic-pool's Pool 3.x that we touch, and no more. */
export interface GenericPoolLike {
  readonly size: number
  readonly available: number
  readonly borrowed: number
  readonly pending: number
  acquire(priority?: number): Promise<unknown>
  start(): void
  release(resource: unknown): Promise<void>
  destroy(resource: unknown): Promise<void>
  use(fn: (resource: unknown) => unknown, priority?: number): Promise<unknown>
  drain(): Promise<void>
  clear(): Promise<void>
  on(event: string, listener: () => void): unknown
  removeListener(event: string, listener: () => void): unknown
  /** Private: its options, read live. */
  readonly _config: {
    max: number
    min: number
    fifo: boolean
    priorityRange: number
    acquireTimeoutMillis?: number
    maxWaitingClients?: number
  }
  readonly _draining: boolean
  /** Private: the promises that its maker wants. */
  readonly _Promise: PromiseConstructor
  /** Private: what its maker gave. */
  _factory: GenericPoolFactory
  /** Private: idle ones, in the order of lending. */
  _availableObjects: { readonly length: number; shift(): PooledResource | undefined; pop(): PooledResource | undefined }
  /** Private: lent or idle. */
  readonly _allObjects: ReadonlySet<PooledResource>
  _waitingClientsQueue: {
    readonly length: number
    enqueue(request: ResourceRequest, priority?: number): void
    /** By priority, the lowest last, where ours are. */
    readonly _slots: readonly { readonly _list: RequestList }[]
  }
  readonly _testOnBorrowResources: ReadonlySet<unknown>
  readonly _factoryCreateOperations: ReadonlySet<Promise<unknown>>
  readonly _factoryDestroyOperations: ReadonlySet<Promise<unknown>>
  /** Private: closes one that is in no list any more. */
  _destroy(resource: PooledResource): void
  /** Private: serves whoever waits, from what is idle, or has as many created as `max` allows. */
  _dispense(): void
}

interface RequestList {
  readonly head: RequestNode | null
  remove(node: RequestNode): void
}

interface RequestNode {
  readonly data: ResourceRequest
  readonly next: RequestNode | null
}

interface PooledResource {
  readonly obj: unknown
}

const METHODS = ['acquire', 'start', 'release', 'destroy', 'use', 'drain', 'clear', '_destroy', '_dispense'] as const
const COUNTS = ['size', 'available', 'borrowed', 'pending'] as const

/** Is it a Pool of generic-pool, of whatever copy? Not our drop-in for it, which is adaptive by itself. */
export function isGenericPool(candidate: unknown): candidate is GenericPoolLike {
  if (typeof candidate !== 'object' || candidate === null) return false
  const pool = candidate as Record<string, unknown>
  return (
    METHODS.every((name) => typeof pool[name] === 'function') &&
    COUNTS.every((name) => typeof pool[name] === 'number') &&
    typeof pool._config === 'object' &&
    typeof pool._factory === 'object'
  )
}

const NONE_AVAILABLE: GenericPoolLike['_availableObjects'] = { length: 0, shift: ignore, pop: ignore }

/**
 * generic-pool's traps: a raise of `max` serves nobody until the next acquire; whoever releases serves the queue,
 * and has as many created as `max` allows, hence `max` is the limit of the moment; a create that fails is tried
 * again at once and for ever, and nobody who waits hears of it; one that throws, throws in whoever asked, and leaves
 * his request behind; a validate that rejects, or a destroy that throws, leaves a waiter waiting for ever and the
 * resource lost; who times out is taken out of the queue a turn later, and a second time if he was answered in it,
 * which empties the queue of everybody; `min` is refilled behind whoever closes one, whatever the limit; destroy()
 * does not wait for the end of what it begins; and clear() leaves what it has destroyed among the idle.
 */
export class GenericPoolFace implements PoolFace<unknown> {
  readonly kind = 'generic-pool'
  readonly keeps = {
    idleTimeoutMs: 'idleTimeoutMillis and evictionRunIntervalMillis',
    validate: 'testOnBorrow',
  } as const
  readonly #pool: GenericPoolLike
  readonly #own: Pick<GenericPoolLike, 'acquire' | 'release' | 'destroy' | 'drain' | '_dispense'>
  readonly #max: number
  readonly liveMin: number
  readonly #waitersMax: number
  readonly #queue: GenericPoolLike['_waitingClientsQueue']
  readonly #acquireOf: Covered<GenericPoolLike['acquire']>
  /** Our requests, in its queue or just answered. */
  readonly #requests = new Set<ResourceRequest>()
  #isGated = false
  #isOpening = false

  constructor(pool: GenericPoolLike) {
    this.#pool = pool
    this.#max = pool._config.max
    this.liveMin = pool._config.min
    this.#waitersMax = pool._config.maxWaitingClients ?? Number.POSITIVE_INFINITY // NaN is none either
    this.#own = ownMembers(pool, 'acquire', 'release', 'destroy', 'drain', '_dispense')
    this.#queue = pool._waitingClientsQueue
    this.#acquireOf = new Covered(pool, 'acquire', OWN_ACQUIRE)
  }

  get isClosed(): boolean {
    return this.#pool._draining
  }

  get inherited() {
    const { max, acquireTimeoutMillis = 0 } = this.#pool._config
    return {
      limitMax: max,
      acquireTimeoutMs: acquireTimeoutMillis > 0 ? acquireTimeoutMillis : Number.POSITIVE_INFINITY,
      createTimeoutMs: Number.POSITIVE_INFINITY, // it has none
    }
  }

  /** Whom generic-pool alone would have served, waits until the limit has come back. */
  isFull({ inUse, waiters, limit }: LiveCounts): boolean {
    return inUse + waiters - Math.max(limit, this.#max) >= this.#waitersMax
  }

  open(): Promise<unknown> {
    const pool = this.#pool
    const atRest = pool._availableObjects
    // With one at rest it would lend that, and warming up would pass it from each create to the next for ever.
    pool._availableObjects = NONE_AVAILABLE
    this.#isOpening = true
    try {
      return this.take()
    } finally {
      this.#isOpening = false
      pool._availableObjects = atRest
    }
  }

  /**
   * At the very end of its queue, behind whoever waits there since before adoption. Not by its acquire: tracing counts
   * who calls that as a caller.
   */
  async take(): Promise<unknown> {
    const pool = this.#pool
    const priority = pool._config.priorityRange - 1
    if (!this.#isGated) return this.#own.acquire(priority)
    const request = { state: 'PENDING', ...deferred<unknown>() }
    this.#requests.add(request)
    pool.start()
    this.#queue.enqueue(request, priority)
    pool._dispense()
    try {
      return await request.promise
    } catch (error) {
      throw error instanceof Withdrawn ? error.cause : error
    } finally {
      this.#requests.delete(request)
    }
  }

  giveBack(resource: unknown): boolean {
    void this.#own.release(resource).catch(ignore)
    return true
  }

  close(resource: unknown): Promise<void> {
    return this.#closed(() => void this.#own.destroy(resource).catch(ignore))
  }

  closeIdle(): Promise<void> | undefined {
    const { _availableObjects, _config } = this.#pool
    const oldest = _config.fifo ? _availableObjects.shift() : _availableObjects.pop()
    return oldest && this.#closed(() => this.#pool._destroy(oldest))
  }

  total(): number {
    return this.#pool.size
  }

  idle(): number {
    return this.#pool.available
  }

  queued(): number {
    return this.#queue.length
  }

  coming(): number {
    return this.#pool._factoryCreateOperations.size + this.#pool._testOnBorrowResources.size
  }

  resources(): Iterable<unknown> {
    return Array.from(this.#pool._allObjects, ({ obj }) => obj)
  }

  kick(): void {
    this.#pool._dispense() // all that the limit allows
  }

  /** Whoever waits for what is being created is not given an idle one: what is created would be nobody's. */
  #serveOwed(): void {
    const pool = this.#pool
    let owed = this.queued() - this.coming()
    if (owed <= 0) return
    const atRest = pool._availableObjects
    pool._availableObjects = Object.create(atRest, {
      length: { get: () => Math.min(owed, atRest.length) },
      shift: { value: () => (owed-- > 0 ? atRest.shift() : undefined) },
    })
    try {
      this.#own._dispense()
    } finally {
      pool._availableObjects = atRest
    }
  }

  attach(doors: Doors<unknown>) {
    const pool = this.#pool
    const { _config: config, _factory: factory } = pool
    const { min, priorityRange } = config
    const theirs = <V>(promise?: Promise<V>): Promise<V | undefined> => pool._Promise.resolve(promise)
    const ask = (priority?: number) => doors.ask({ priority: asOurs(priority, priorityRange) }, asGenericPoolError)
    this.#isGated = true
    let isDraining = false
    const look = (): void => doors.lookSoon()
    const gated: GenericPoolFactory = Object.create(factory, {
      create: { value: () => this.#create(factory).finally(look) },
      destroy: { value: async (resource: unknown) => factory.destroy(resource) },
      ...(factory.validate === undefined ? {} : { validate: { value: async (r: unknown) => isFit(factory, r) } }),
    })
    pool._factory = gated
    pool.on('factoryDestroyError', look)
    for (const opening of pool._factoryCreateOperations) opening.then(look, look) // of a success it tells nobody
    const optionsPatch = patchMembers(config, {
      max: { get: () => (this.#isOpening ? doors.settings.limitMax : doors.limit()) },
      // Draining, none is kept: who waits for ready() has waited for long enough.
      min: { get: () => (isDraining ? 0 : Math.min(min, doors.limit())) },
      acquireTimeoutMillis: { get: ignore },
      maxWaitingClients: { get: ignore },
    })
    const patch = patchMembers(pool, {
      acquire: (priority?: number) => this.#acquire(ask, priority) ?? theirs(ask(priority)),
      _dispense: () => this.#serveOwed(),
      _ensureMinimum: look, // after whatever it has closed by itself
      destroy: (resource: unknown) => (doors.end(resource, 'destroy') ? theirs() : this.#own.destroy(resource)),
      drain: () => {
        isDraining = true
        return theirs(doors.drain().then(() => this.#own.drain()))
      },
      clear: () => theirs(this.#clear(doors)),
      pending: { get: doors.waiters },
    })
    const release = patchLasting(pool, {
      release: (resource: unknown) => (doors.end(resource, 'release') ? theirs() : this.#own.release(resource)),
    })
    return {
      release,
      undo: () => {
        this.#isGated = false
        pool.removeListener('factoryDestroyError', look)
        patch.undo()
        optionsPatch.undo()
        if (pool._factory === gated) pool._factory = factory
      },
    }
  }

  /**
   * Where somebody has put his own acquire over generic-pool's, or into it, as tracing does: it is called for each
   * caller, as it is without us, and his request goes to the gate.
   */
  #acquire(ask: (priority?: number) => Promise<unknown>, priority?: number): Promise<unknown> | undefined {
    const pool = this.#pool
    const { own, onTop } = this.#acquireOf
    if (!this.#isGated || onTop === own) return undefined
    const show = (): void => {
      pool._waitingClientsQueue = this.#queue
    }
    pool._waitingClientsQueue = Object.create(this.#queue, {
      enqueue: {
        value: (request: ResourceRequest, itsPriority?: number) => {
          show()
          const { resolve, reject } = request
          ask(itsPriority).then(resolve.bind(request), reject.bind(request))
        },
      },
    })
    try {
      return onTop.call(pool, priority)
    } finally {
      show()
    }
  }

  async #clear(doors: Doors<unknown>): Promise<void> {
    const pool = this.#pool
    await Promise.allSettled(pool._factoryCreateOperations)
    for (let left = pool.available; left > 0; left--) void this.closeIdle()?.catch(ignore)
    doors.lookSoon()
    await Promise.allSettled(pool._factoryDestroyOperations)
  }

  /** A create that fails fails whoever of ours waits for it, and takes him out of the queue: else it is never over. */
  async #create(factory: GenericPoolFactory): Promise<unknown> {
    try {
      return await factory.create()
    } catch (error) {
      this.#withdrawOldest(error)
      throw error
    }
  }

  /** At once, and not by a timeout, for which it takes a turn, and a second time who has been taken out meanwhile. */
  #withdrawOldest(cause: unknown): void {
    const list = this.#queue._slots.at(-1)?._list
    for (let node = list?.head; node; node = node.next) {
      if (!this.#requests.has(node.data)) continue
      list?.remove(node)
      return node.data.reject(new Withdrawn(cause))
    }
  }

  /** Resolves when the destroy that `begin` begins has ended; generic-pool's own promise does not wait for that. */
  #closed(begin: () => void): Promise<void> {
    const before = new Set(this.#pool._factoryDestroyOperations)
    try {
      begin()
    } catch (error) {
      return Promise.reject(error) // a destroy that throws, once detached: the resource is in no list any more
    }
    const begun = [...this.#pool._factoryDestroyOperations].find((operation) => !before.has(operation))
    return begun === undefined ? Promise.resolve() : begun.then(ignore)
  }
}

const OWN_ACQUIRE = /^acquire\s*\(\w+\)\s*\{\s*if\s*\(this\._started\b[\s\S]*\.enqueue\(/

/** In place of a create's error, which generic-pool may take for a timeout of its own, by its name. */
class Withdrawn extends Error {
  constructor(cause: unknown) {
    super('withdrawn by the gate', { cause })
  }
}

/** To generic-pool 0 is the highest, and none means 0; to us more is higher. */
function asOurs(priority: unknown, priorityRange: number): number {
  const wanted = Math.trunc(Number(priority)) || 0
  const slot = wanted >= 0 && wanted < priorityRange ? wanted : priorityRange - 1
  return Math.max(PRIORITY_MIN, -slot)
}

/** The engine's lowest. */
const PRIORITY_MIN = -100

async function isFit(factory: GenericPoolFactory, resource: unknown): Promise<unknown> {
  try {
    return await factory.validate?.(resource)
  } catch {
    return false
  }
}
