import { EventEmitter } from 'node:events'
import { asGenericPoolError, DRAINING } from '../adapters/generic-pool-errors.ts'
import { captureAsyncScope, clockInScope } from '../base/async-scope.ts'
import { isThenable } from '../base/at-once.ts'
import { type Clock, TIMER_DELAY_MS_MAX, type Timer, wallClockMs } from '../base/clock.ts'
import { deferred } from '../base/deferred.ts'
import { nameDoors } from '../base/door.ts'
import { ignore } from '../base/ignore.ts'
import { show } from '../base/options.ts'
import { type Engine, PoolHandle } from '../handle.ts'
import type { ResolvedAcquire } from '../pool/acquire-options.ts'
import type { Asker, Lease, LeaseInfo } from '../pool/contract.ts'
import type { DrainResult } from '../pool/pool.ts'
import { Deque } from './deque.ts'
import { DefaultEvictor, type Evictor, type PooledResource } from './evictor.ts'
import { type Factory, type Options, type ResolvedOptions, resolveOptions } from './pool-options.ts'
import { PriorityQueue } from './priority-queue.ts'
import { type Slot, Slots } from './slot.ts'
import { SlotSource } from './slot-source.ts'

/**
 * A pool with the surface of generic-pool 3.9, on the engine of this library.
 *
 * ```ts
 * import { createPool } from 'adaptive-pool/generic-pool'
 * const pool = createPool({ create, destroy }, { max: 10, adaptive: { limitMax: 50 } })
 * ```
 *
 * @throws TypeError | RangeError for a factory that is none, and for options that cannot be meant
 */
export function createPool<T>(factory: Factory<T>, opts?: Options): Pool<T> {
  return new Pool<T>(DefaultEvictor, Deque, PriorityQueue, factory, opts)
}

/**
 * generic-pool's Pool: resources instead of leases, its member names, events and error texts. Emits
 * `factoryCreateError` and `factoryDestroyError` with what the factory failed with.
 */
export class Pool<T> extends EventEmitter {
  /** The same handle that adapt() gives: counts(), stats(), diagnose(), resize(), on('warning'), … */
  readonly control: PoolHandle<unknown>
  readonly #handle: EngineHandle<T>
  readonly #engine: Engine<Slot<T>>
  readonly #options: ResolvedOptions
  readonly #source: SlotSource<T>
  readonly #slots = new Slots<T>()
  readonly #clock: Clock
  readonly #evictor: Evictor<T>
  readonly #Promise: PromiseConstructor
  readonly #done: Promise<void>
  /** What the engine is asked for, by generic-pool's priority. */
  readonly #wanted: readonly ResolvedAcquire[]
  readonly #lowest: ResolvedAcquire
  #isStarted = false
  #whenQuiet: (() => void)[] = []
  #evictionTimer: Timer | undefined
  #round = 1

  /**
   * @param Evictor decides which idle resources are destroyed
   * @param Queue generic-pool's Deque or ours: idle resources are kept by the engine
   * @param Priorities generic-pool's PriorityQueue or ours: waiters are kept by the engine
   */
  constructor(
    Evictor: new () => Evictor<T>,
    Queue: (new () => unknown) | undefined,
    Priorities: (new (size: number) => unknown) | undefined,
    factory: Factory<T>,
    options?: Options,
  ) {
    super()
    nameDoors(Pool.prototype, 'acquire', 'use')
    requireStandard('Deque', Queue, Deque)
    requireStandard('PriorityQueue', Priorities, PriorityQueue)
    requireFactory(factory)
    const resolved = resolveOptions(options)
    if (resolved.testOnBorrow && factory.validate === undefined) {
      throw new TypeError('factory.validate must be a function, since testOnBorrow is true')
    }
    const { priorityRange, pool, control, manner, testOnBorrow, destroyTimeoutMs } = resolved
    this.#options = resolved
    this.#evictor = new Evictor()
    this.#Promise = resolved.Promise
    this.#done = this.#Promise.resolve()
    this.#clock = clockInScope(control.clock, captureAsyncScope('AdaptivePool'))
    this.#source = new SlotSource({
      factory,
      slots: this.#slots,
      clock: control.clock,
      testOnBorrow,
      destroyTimeoutMs,
      isAwaited: () => this.pending > 0,
      onDestroyError: (error) => this.#tell('factoryDestroyError', error),
    })
    const handle = new EngineHandle<T>({ pool, control }, () => this.#source, manner)
    handle.on('createFailed', ({ error }) => this.#tell('factoryCreateError', error))
    this.#handle = handle
    this.control = handle as unknown as PoolHandle<unknown> // whose resources are nobody's business
    this.#engine = handle.inside
    this.#wanted = Array.from({ length: priorityRange }, (_, priority) => ({
      timeoutMs: pool.acquireTimeoutMs,
      signal: undefined,
      priority: priorityRange - 1 - priority, // to the engine, more is higher
      tag: undefined,
    }))
    this.#lowest = this.#wanted.at(-1) as ResolvedAcquire
    if (resolved.autostart) this.start()
  }

  /** How many more resources could be created now. What is still being destroyed holds its place. */
  get spareResourceCapacity(): number {
    const { limit, size } = this.#engine.counts()
    return Math.max(0, limit - size)
  }

  /** Resources there are, being created included, being destroyed not. */
  get size(): number {
    return this.#engine.counts().live
  }

  /** Idle resources. */
  get available(): number {
    return this.#engine.counts().idle
  }

  /** Resources out. */
  get borrowed(): number {
    return this.#engine.counts().inUse
  }

  /** Acquires that wait. */
  get pending(): number {
    return this.#engine.counts().waiters
  }

  /** Most resources allowed now; it moves in an adaptive pool. */
  get max(): number {
    return this.#engine.counts().limit
  }

  get min(): number {
    return this.#options.min
  }

  /** Begins to create `min` resources and to look after idle ones. Once; autostart does it by itself. */
  start(): void {
    if (this.#handle.isDraining || this.#isStarted) return
    this.#isStarted = true
    this.#evictLater()
    if (this.#options.min > 0) this.#engine.keepLive(this.#options.min)
    this.#handle.begin()
  }

  /**
   * A resource, as soon as there is one.
   *
   * @param priority 0 is the highest; out of range, or absent: the lowest
   * @throws Error `ResourceRequest timed out`, named TimeoutError | `max waitingClients count exceeded` |
   *   `pool is draining and cannot accept work` | what factory.create failed with, when it fails again and again and
   *   no resource is left to wait for | ShedError, of an adaptive pool. All of them as rejections.
   */
  acquire(priority?: number): Promise<T> {
    if (!this.#isStarted) this.start()
    if (this.#handle.isDraining) return this.#Promise.reject(new Error(DRAINING))
    const wanted = priority === undefined ? this.#lowest : this.#wantedAt(priority)
    const lease = this.#engine.lendNow(wanted)
    return lease === undefined ? this.#promised(wanted) : this.#Promise.resolve(lend(lease))
  }

  /**
   * Gives a resource back.
   *
   * @throws Error (as rejection) `Resource not currently part of this pool`: it is not out
   */
  release(resource: T): Promise<void> {
    return this.#end(resource, 'release') ? this.#done : this.#Promise.reject(new Error(NOT_OURS))
  }

  /**
   * Gives a resource back that is broken: it is destroyed.
   *
   * @throws Error (as rejection) `Resource not currently part of this pool`: it is not out
   */
  destroy(resource: T): Promise<void> {
    return this.#end(resource, 'destroy') ? this.#done : this.#Promise.reject(new Error(NOT_OURS))
  }

  /** Runs `fn` with a resource; releases it when that succeeds, and destroys it when it fails. */
  use<U>(fn: (resource: T) => U | Promise<U>, priority?: number): Promise<U> {
    return this.acquire(priority).then((resource) => {
      const failed = (error: unknown): never => {
        unheard(this.destroy(resource))
        throw error
      }
      let answer: U | Promise<U>
      try {
        answer = fn(resource)
      } catch (error) {
        return failed(error)
      }
      const succeeded = (result: U): U => {
        unheard(this.release(resource))
        return result
      }
      return isThenable(answer) ? (answer as Promise<U>).then(succeeded, failed) : succeeded(answer)
    })
  }

  /** Is it out? */
  isBorrowedResource(resource: T): boolean {
    return this.#slots.held(resource) !== undefined
  }

  /** Refuses new acquires, and resolves when nobody waits and nothing is out. What is idle stays until clear(). */
  drain(): Promise<void> {
    this.#handle.isDraining = true
    this.#handle.drains.resolve()
    this.#engine.keepLive(0)
    this.#engine.resume() // nobody would, and who waits is to be served
    return new this.#Promise<void>((resolve) => {
      this.#whenQuiet.push(resolve)
      this.#quietly()
    })
  }

  /** Waits for creates that are under way, then destroys what is idle; after drain(), what comes back later too. */
  clear(): Promise<void> {
    return this.#Promise.resolve(this.#clear())
  }

  /** Resolves once `min` resources have been created, or none will be any more. */
  ready(): Promise<void> {
    return new this.#Promise<void>((resolve) => {
      const isReady = (): boolean => {
        const { live, creating } = this.#engine.counts()
        return live - creating >= this.min
      }
      const done = (): void => {
        this.control.off('created', look)
        resolve()
      }
      const look = (): void => (isReady() ? done() : undefined)
      if (isReady()) return resolve()
      this.control.on('created', look)
      this.#handle.drains.promise.then(done)
    })
  }

  #wantedAt(priority: number): ResolvedAcquire {
    return this.#wanted[Math.trunc(Number(priority))] ?? this.#lowest
  }

  /** Apart from acquire(), where its closures would cost those, too, who are served at once. */
  #promised(wanted: ResolvedAcquire): Promise<T> {
    return new this.#Promise<T>((resolve, reject) => {
      this.#engine.wait(new Borrower(resolve, reject, this.#refused), wanted)
    })
  }

  readonly #refused = (): void => {
    if (this.#handle.isDraining) this.#quietly()
  }

  #end(resource: T, end: 'release' | 'destroy'): boolean {
    const slot = this.#slots.held(resource)
    const lease = slot?.lease
    if (slot === undefined || lease === undefined) return false
    slot.lease = undefined
    if (end === 'release') lease.release()
    else lease.destroy()
    if (this.#handle.isDraining) this.#quietly()
    return true
  }

  #quietly(): void {
    if (this.pending + this.borrowed > 0) return
    this.#evictionTimer?.cancel()
    this.#handle.rest()
    for (const resolve of this.#whenQuiet.splice(0)) resolve()
  }

  async #clear(): Promise<void> {
    await this.#source.created()
    this.#engine.evictWhere(() => true)
    if (this.#handle.isDraining) void this.control.drain()
    await this.#source.destroyed()
  }

  #evictLater(): void {
    const { everyMs } = this.#options.eviction
    if (everyMs === Number.POSITIVE_INFINITY) return
    const run = (): void => {
      this.#evict()
      this.#evictLater()
    }
    this.#evictionTimer = this.#clock.startTimer(Math.min(everyMs, TIMER_DELAY_MS_MAX), run, true)
  }

  /** Looks at some of the idle resources, the longest idle first, and at those it has not looked at for longest. */
  #evict(): void {
    const { config, testsMax } = this.#options.eviction
    let left = Math.min(testsMax, this.available)
    const judge = (slot: Slot<T>, idleMs: number): boolean => {
      if (left === 0 || slot.testedIn === this.#round) return false
      left -= 1
      slot.testedIn = this.#round
      return this.#evictor.evict(config, this.#asPooledResource(slot, idleMs), this.available) === true
    }
    this.#engine.evictWhere(judge)
    if (left === 0) return
    this.#round += 1 // all have had their turn: the next round begins
    this.#engine.evictWhere(judge)
  }

  #asPooledResource({ resource, createdAtMs, lentAtMs }: Slot<T>, idleMs: number): PooledResource<T> {
    const lastIdleTime = wallClockMs() - idleMs
    const wasLent = !Number.isNaN(lentAtMs)
    return {
      obj: resource,
      state: 'IDLE',
      creationTime: createdAtMs,
      lastBorrowTime: wasLent ? wallClockMs() - (this.#clock.nowMs() - lentAtMs) : null,
      lastReturnTime: wasLent ? lastIdleTime : null,
      lastIdleTime,
      idleMs,
    }
  }

  /** A listener that throws is its owner's uncaught exception; it must not unwind the engine. */
  #tell(event: 'factoryCreateError' | 'factoryDestroyError', error: unknown): void {
    try {
      this.emit(event, error)
    } catch (thrown) {
      process.nextTick(() => {
        throw thrown
      })
    }
  }
}

/** Somebody who waits: an object, where a literal would have a closure for each of its functions. */
class Borrower<T> implements Asker<Slot<T>> {
  readonly #resolve: (resource: T) => void
  readonly #reject: (error: unknown) => void
  readonly #left: () => void

  constructor(resolve: (resource: T) => void, reject: (error: unknown) => void, left: () => void) {
    this.#resolve = resolve
    this.#reject = reject
    this.#left = left
  }

  granted(lease: Lease<Slot<T>> & LeaseInfo): void {
    this.#resolve(lend(lease))
  }

  refused(error: Error): void {
    this.#reject(asGenericPoolError(error))
    this.#left()
  }
}

function lend<T>(lease: Lease<Slot<T>> & LeaseInfo): T {
  const slot = lease.resource
  slot.lease = lease
  slot.lentAtMs = lease.sinceMs
  return slot.resource
}

/** The handle, with the engine for its owner. */
class EngineHandle<T> extends PoolHandle<Slot<T>> {
  isDraining = false
  /** Resolved by either drain(). */
  readonly drains = deferred<void>()

  get inside(): Engine<Slot<T>> {
    return this.engine
  }

  override async warmUp(count: number): Promise<void> {
    if (this.isDraining) throw new Error(DRAINING)
    await super.warmUp(count)
  }

  override drain(options?: { readonly timeoutMs?: number }): Promise<DrainResult> {
    this.drains.resolve()
    return super.drain(options)
  }

  /** What its controller foresees is opened, though nobody has asked yet. */
  begin(): void {
    this.start()
  }

  /** Nothing is opened ahead any more. */
  rest(): void {
    this.stop()
    this.engine.openAhead(0)
  }
}

/** Work that has released by itself has been heard already. */
function unheard(answer: Promise<void>): void {
  if (isThenable(answer)) answer.then(undefined, ignore)
}

const NOT_OURS = 'Resource not currently part of this pool'

function requireFactory(factory: Factory<unknown>): void {
  for (const name of ['create', 'destroy'] as const) {
    if (typeof factory[name] !== 'function') throw new TypeError(`factory.${name} must be a function`)
  }
  if (factory.validate !== undefined && typeof factory.validate !== 'function') {
    throw new TypeError('factory.validate must be a function')
  }
}

/** A class of somebody's own would never be asked. In a minified bundle, `ours` goes by another name. */
function requireStandard(name: 'Deque' | 'PriorityQueue', given: unknown, ours: unknown): void {
  if (given === undefined || given === ours || (typeof given === 'function' && given.name === name)) return
  throw new TypeError(`Pool: ${name} must be generic-pool's or ours, since the engine has its own, got ${show(given)}`)
}
