import { assert } from '../base/assert.ts'
import { type AsyncScope, clockInScope } from '../base/async-scope.ts'
import { atOnce } from '../base/at-once.ts'
import { type Clock, TIMER_DELAY_MS_MAX, type Timer } from '../base/clock.ts'
import { type Deferred, deferred } from '../base/deferred.ts'
import { nameUse } from '../base/door.ts'
import type { Emitter } from '../base/emitter.ts'
import { show } from '../base/options.ts'
import type { Random } from '../base/random.ts'
import { type ResolvedAcquire, resolveAcquireOptions, resolveTryAcquireOptions } from './acquire-options.ts'
import type {
  AcquireOptions,
  Asker,
  Caller,
  ControlSignals,
  CreateFailureClass,
  DestroyReason,
  Gate,
  Holder,
  Lease,
  LeaseInfo,
  LeaseWitness,
  LiveCounts,
  PoolCounts,
  PoolEvents,
  PoolObserver,
  RefusalKind,
  Source,
  WaiterInfo,
  WorkObserver,
} from './contract.ts'
import { createDueAtMs, isHopeless, leaseWeight, refusesWaiters } from './creation-pace.ts'
import { type CreateFailure, Creator } from './creator.ts'
import { Deadlines } from './deadlines.ts'
import { Destroyer } from './destroyer.ts'
import { evictAtMs, evictionReason, expiryMs } from './eviction.ts'
import { IdleSet } from './idle-set.ts'
import { type Lender, PoolLease } from './lease.ts'
import { type Entry, Ledger } from './ledger.ts'
import { type Manner, OWN_MANNER } from './manner.ts'
import { type Move, nextMove } from './next-move.ts'
import {
  AcquireAbortedError,
  AcquireTimeoutError,
  CreateFailedError,
  DrainingError,
  LeaseEndedError,
  type PoolError,
  type PoolErrorInfo,
  QueueFullError,
  ShedError,
  withoutFrames,
} from './pool-errors.ts'
import type { ResolvedPoolOptions } from './pool-options.ts'
import { PoolView } from './pool-view.ts'
import { type QueueDecider, startQueue } from './queue-policy.ts'
import { smooth } from './smooth.ts'
import { Sweeper } from './sweeper.ts'
import { Waiter, WaiterQueue } from './waiter-queue.ts'

/** What did not end by itself when a pool was drained. All 0 and empty: everything did. */
export interface DrainResult {
  /** Leases whose resource was destroyed under their holders, because drain()'s timeoutMs had passed. */
  readonly leasesCut: number
  /** Who held them. */
  readonly holders: readonly Holder[]
  /** Acquires refused for the same reason. */
  readonly waitersRefused: number
  /** Other resources still being created or destroyed by then; they are closed as they come. */
  readonly unfinished: number
}

/** Who is told of everything. */
export interface Instruments {
  readonly observer: PoolObserver
  readonly control: ControlSignals
  /** Sees who asks; undefined: nobody wants to know. */
  readonly witness?: LeaseWitness | undefined
  /** Is told of the queries on leased resources. */
  readonly work?: WorkObserver | undefined
}

/** What the engine works with. */
export interface PoolParts<T> {
  readonly name: string
  readonly source: Source<T>
  readonly options: ResolvedPoolOptions
  readonly clock: Clock
  readonly random: Random
  /** In which the source's functions and the housekeeping run. */
  readonly scope: AsyncScope
  readonly events: Emitter<PoolEvents>
  /** Makes those that are told of everything; they read the counts themselves. */
  readonly instruments: (counts: LiveCounts) => Instruments
  readonly holders: (leases: Iterable<LeaseInfo>, nowMs: number) => readonly Holder[]
  /** @defaultValue OWN_MANNER */
  readonly manner?: Manner
}

/**
 * The engine: resources in, leases out. Every event ends in one pulse, which asks `nextMove` what to do until it
 * answers rest; whatever an event made possible is found there and nowhere else.
 */
export class Pool<T> implements Gate<T>, Lender<T> {
  readonly #parts: PoolParts<T>
  readonly #options: ResolvedPoolOptions
  /** What an acquire without options of its own wants. */
  readonly #wantedAsUsual: ResolvedAcquire
  readonly #source: Source<T>
  readonly #clock: Clock
  readonly #housekeeping: Clock
  readonly #events: Emitter<PoolEvents>
  readonly #observer: PoolObserver
  readonly #control: ControlSignals
  readonly #manner: Manner
  readonly #witness: LeaseWitness | undefined
  readonly work: WorkObserver | undefined
  readonly #ledger: Ledger<T>
  readonly #idle: IdleSet<T>
  readonly #queue: WaiterQueue<T>
  readonly #deadlines: Deadlines<T>
  readonly #policy: QueueDecider
  readonly #view: PoolView<T>
  readonly #creator: Creator<T>
  readonly #destroyer: Destroyer<T>
  readonly #sweeper: Sweeper

  #nowMs: number
  #isPulsing = false
  /** Smoothed; NaN before the first has ended. (As undefined it would be a new object at each release.) */
  #leaseMs = Number.NaN
  /** Leases that have ended since somebody waits. */
  #leasesEnded = 0
  /** Smoothed time of these alone. */
  #endedMs = 0
  /** When a lease last ended, or began where there was none. */
  #leasesQuietSinceMs = Number.NEGATIVE_INFINITY
  /** Most resources that have been open since somebody waits. */
  #openMaxWhileWaiting = 0
  /** Who asked last and could not be served at once: he may be about to wait, and is not looked at twice. */
  #unserved: Caller | undefined
  /** When that was. */
  #unservedAtMs = 0
  #createTimer: Timer | undefined
  #createTimerAtMs = 0
  #isCreateUrgent = false
  /** Somebody was refused because nobody may wait; until the next rest. */
  #isNextWanted = false
  /** Live resources kept open ahead of any waiter: see keepLive(). */
  #liveMin = 0
  /** The same, as the controller foresees it: see openAhead(). */
  #liveAhead = 0
  #warmUp: WarmUp | undefined
  #drain: Drain | undefined
  #isAbandoned = false
  /** Leases that began outside the gate of an adopted pool. */
  readonly #outside: Lease<T>[] = []
  /** Who had leases when the latest acquire timed out. */
  #held: { readonly atMs: number; readonly inUse: number; readonly holders: readonly Holder[] } | undefined
  /** Why idle resources are missing at a driver, as long as the ledger learns of it. */
  #sourceCause: unknown

  constructor(parts: PoolParts<T>) {
    const { options, source, clock, scope, manner = OWN_MANNER } = parts
    this.#parts = parts
    nameUse(this.use, parts.name)
    this.#manner = manner
    this.#idle = new IdleSet<T>(manner.lends)
    this.#queue = new WaiterQueue<T>()
    this.#view = new PoolView<T>(this.#queue, options.limitInitial, {
      liveWanted: () => this.#liveWanted(),
      creatingMax: () => this.#creatingMax(),
      isCreateDue: () => this.#nowMs >= this.#createDueAtMs(),
    })
    this.#ledger = new Ledger<T>(this.#view)
    this.#options = options
    this.#wantedAsUsual = resolveAcquireOptions(undefined, options.acquireTimeoutMs)
    this.#source = source
    this.#events = parts.events
    this.#clock = clock
    this.#housekeeping = clockInScope(clock, scope)
    this.#nowMs = clock.nowMs()
    this.#creator = new Creator({ ...options, source, clock, scope, random: parts.random })
    this.#deadlines = new Deadlines(this.#housekeeping, options.acquireTimeoutMs, (waiter, atMs) =>
      this.#timeOut(waiter, atMs),
    )
    this.#destroyer = new Destroyer({ ...options, source, clock: this.#housekeeping, scope })
    this.#sweeper = new Sweeper(this.#housekeeping, () => this.#sweep())
    const policy = options.queue.name
    this.#policy = startQueue(options.queue, options, (error) => this.#events.emit('queueFailed', { policy, error }))
    const { observer, control, witness, work } = parts.instruments(this.#view)
    this.#observer = observer
    this.#control = control
    this.#witness = witness
    this.work = work
  }

  // ---------------------------------------------------------------------------------------------- acquiring

  /** @see PoolHandle.acquire */
  acquire(options?: AcquireOptions): Promise<Lease<T>> {
    try {
      const wanted = options === undefined ? this.#wantedAsUsual : this.#resolve(options)
      const lease = this.lendNow(wanted)
      if (lease !== undefined) return Promise.resolve(lease)
      return new Promise((granted, refused) => this.wait({ granted, refused }, wanted))
    } catch (error) {
      return Promise.reject(error)
    }
  }

  /** As acquire(), for callers that have callbacks instead of a promise. Wrong options throw. */
  request(options: AcquireOptions, asker: Asker<T>): void {
    const wanted = this.#resolve(options)
    const lease = this.lendNow(wanted)
    if (lease !== undefined) asker.granted(lease)
    else this.wait(asker, wanted)
  }

  /** @see PoolHandle.tryAcquire */
  tryAcquire(options?: Pick<AcquireOptions, 'tag'>): Lease<T> | undefined {
    const lease = this.lendNow(resolveTryAcquireOptions(options))
    if (lease === undefined) this.#witness?.refused(this.#unserved)
    return lease
  }

  /** @see PoolHandle.use; each pool has one of its own, for the sake of its name. */
  readonly use = async <R>(
    fn: (resource: T, lease: Lease<T>) => R | Promise<R>,
    options?: AcquireOptions,
  ): Promise<R> => {
    if (typeof fn !== 'function') throw new TypeError(`use: fn must be a function, got ${show(fn)}`)
    const lease = (await this.acquire(options)) as PoolLease<T>
    let result: R
    try {
      result = await fn(lease.resource, lease)
    } catch (error) {
      // What `fn` has ended itself ends once, and its error is the caller's all the same.
      if (!lease.hasEnded && this.#isBroken(error)) lease.destroy(error)
      else lease[Symbol.dispose]()
      throw error
    }
    lease[Symbol.dispose]()
    return result
  }

  /** @see Gate.setAside */
  setAside(): PoolLease<T> | undefined {
    const nowMs = this.#arrive()
    const caller = this.#witness?.asked(nowMs)
    const entry = this.#lendable(undefined, nowMs)
    if (entry === undefined) return this.#notServed(caller, nowMs)
    this.#idle.remove(entry)
    return this.#lease(entry, 0, undefined, caller, nowMs)
  }

  handedOut(lease: PoolLease<T>, resource: T): void {
    lease.deliver(resource)
    this.#tellAcquired(0, undefined)
  }

  /**
   * As tryAcquire(), with options that were resolved before; if there is none to be had, `wait`, with the same. It is
   * the short way where nobody waits and one is idle: does what a pulse would, without its detours.
   */
  lendNow(wanted: ResolvedAcquire): PoolLease<T> | undefined {
    const nowMs = this.#arrive()
    const caller = this.#witness?.asked(nowMs)
    const entry = this.#lendable(wanted.signal, nowMs)
    if (entry === undefined) return this.#notServed(caller, nowMs)
    const idleMs = nowMs - entry.sinceMs
    if (this.#source.isReady?.(idleMs) === true) this.#idle.remove(entry)
    else if (this.#prepare(entry, idleMs, nowMs) !== 'ready') return this.#notServed(caller, nowMs)
    const lease = this.#lease(entry, 0, wanted.tag, caller, nowMs)
    this.#tellAcquired(0, wanted.tag)
    return lease
  }

  /** @see Gate.wait; `wanted`: as lendNow() was asked */
  wait(asker: Asker<T>, wanted: ResolvedAcquire = this.#wantedAsUsual): void {
    const caller = this.#unserved
    this.#unserved = undefined
    this.#queueUp(wanted, caller, this.#unservedAtMs, asker)
  }

  #notServed(caller: Caller | undefined, nowMs: number): undefined {
    this.#unserved = caller
    this.#unservedAtMs = nowMs
  }

  #resolve(options: AcquireOptions): ResolvedAcquire {
    return resolveAcquireOptions(options, this.#options.acquireTimeoutMs)
  }

  #isBroken(error: unknown): boolean {
    try {
      return atOnce('destroyOnError', this.#options.destroyOnError?.(error)) ?? false
    } catch (thrown) {
      this.#events.report(thrown, 'destroyOnError') // the caller gets the first error
      return true // whoever cannot say so does not know the resource to be good
    }
  }

  #arrive(): number {
    const nowMs = this.#clock.nowMs()
    if (this.#control.isResting) this.#control.wake(nowMs)
    this.#observer.arrived(nowMs)
    return nowMs
  }

  /** The idle entry that somebody who asks now may have before anybody else, if there is one. */
  #lendable(signal: AbortSignal | undefined, nowMs: number): Entry<T> | undefined {
    const view = this.#view
    if (view.waiters > 0 || view.isPaused || this.#drain !== undefined || signal?.aborted) return undefined
    if (view.inUse + view.validating >= view.limit) return undefined
    const entry = this.#idle.next
    return entry === undefined || nowMs >= entry.expiresAtMs ? undefined : entry
  }

  #queueUp(wanted: ResolvedAcquire, caller: Caller | undefined, nowMs: number, asker: Asker<T>): void {
    const refusal = this.#refusal(wanted.signal)
    if (refusal !== undefined) {
      this.#observer.refused(nowMs, refusal.kind, 0)
      this.#witness?.refused(caller)
      asker.refused(refusal.error)
      if (this.#options.waitersMax > 0 || refusal.kind !== 'queueFull') return
      // Where nobody may wait, no waiter would ever have anything created. So who is refused for it has one opened for
      // whoever comes next, one at a time: a pool that turns people away grows with its demand, as any other.
      this.#isNextWanted = true
      this.#pulse(nowMs)
      return
    }
    const { signal, timeoutMs, priority, tag } = wanted
    const waiter = new Waiter<T>(nowMs, priority, tag, asker, caller)
    if (signal !== undefined) waiter.heed(signal, () => this.#abort(waiter, signal)) // first: a polyfill may throw
    waiter.join(this.#queue, nowMs)
    if (this.#queue.length === 1) this.#leasesEnded = 0
    this.#deadlines.add(waiter, timeoutMs)
    if (this.#mayMove()) this.#pulse(nowMs)
    if (this.#queue.length > 0) this.#control.waiterQueued(nowMs)
  }

  /** Why an acquire that cannot be served at once may not even wait, if so. */
  #refusal(signal: AbortSignal | undefined): { readonly kind: RefusalKind; readonly error: Error } | undefined {
    const { waitersMax } = this.#options
    if (this.#drain !== undefined) return { kind: 'drainRefused', error: this.#drainingError() }
    if (signal?.aborted) {
      return { kind: 'aborted', error: new AcquireAbortedError(0, this.#errorInfo(signal.reason)) }
    }
    const { waiters, validating, idle, isPaused } = this.#view
    // So many have what is idle, or about to be lent: they take nobody's place.
    const served = isPaused ? 0 : validating + idle
    const isFull = this.#manner.isFull?.(this.#view) ?? waiters >= waitersMax + served
    if (!isFull) return undefined
    return { kind: 'queueFull', error: new QueueFullError(waitersMax, this.#errorInfo()) }
  }

  /** Asked when it comes to creating: a listener may have given one back meanwhile. */
  #liveForNext(): number {
    const { live, inUse } = this.#view
    return this.#isNextWanted && live === inUse ? live + 1 : 0 // else one is idle, or on its way
  }

  #timeOut(waiter: Waiter<T>, nowMs: number): void {
    const waitMs = nowMs - waiter.sinceMs
    const info = this.#errorInfo(this.#creator.latestFailure)
    this.#refuse(waiter, 'timedOut', nowMs, () => new AcquireTimeoutError(waitMs, this.#holdersAt(nowMs), info))
    this.#events.emit('timedOut', { waitMs, tag: waiter.tag, counts: this.counts() })
    this.#pulse(nowMs)
  }

  #abort(waiter: Waiter<T>, signal: AbortSignal): void {
    const nowMs = this.#clock.nowMs()
    const info = this.#errorInfo(signal.reason)
    this.#refuse(waiter, 'aborted', nowMs, () => new AcquireAbortedError(nowMs - waiter.sinceMs, info))
    this.#pulse(nowMs)
  }

  #shed(waiter: Waiter<T>, nowMs: number): void {
    const waitMs = nowMs - waiter.sinceMs
    const info = this.#errorInfo()
    this.#refuse(waiter, 'shed', nowMs, () => new ShedError(waitMs, info))
    this.#events.emit('shed', { waitMs, tag: waiter.tag, counts: this.counts() })
  }

  /** The one way out of the queue without a lease. */
  #refuse(waiter: Waiter<T>, kind: RefusalKind, nowMs: number, why: () => PoolError): void {
    const error = withoutFrames(waiter.caller, why)
    this.#observer.refused(nowMs, kind, nowMs - waiter.sinceMs)
    this.#witness?.refused(waiter.caller)
    waiter.refuse(error)
    if (this.#queue.length === 0) this.#queueEmptied()
  }

  // ---------------------------------------------------------------------------------------------- lending

  /** Readies an idle entry; what takes time goes on by itself and ends in #serve. */
  #prepare(entry: Entry<T>, idleMs: number, nowMs: number): 'ready' | 'later' {
    const { resource } = entry
    this.#idle.remove(entry)
    this.#ledger.move(entry, 'validating', nowMs)
    const idleBefore = this.#source.idleCount?.() ?? 0
    const answer = this.#callPrepare(resource, idleMs)
    if (answer === undefined) return 'ready'
    answer.then(
      (prepared) => {
        if (entry.state !== 'validating') return
        entry.resource = prepared
        const doneAtMs = this.#clock.nowMs()
        if (doneAtMs >= entry.expiresAtMs) this.#destroy(entry, 'lifetime', doneAtMs)
        else this.#serve(entry, doneAtMs)
        this.#pulse(doneAtMs)
      },
      (error: unknown) => {
        if (entry.state !== 'validating') return
        const doneAtMs = this.#clock.nowMs()
        this.#destroy(entry, 'invalid', doneAtMs, error)
        // A driver that has kept what it was to lend would fail at it again, at once, for ever.
        if (idleBefore > 0 && (this.#source.idleCount?.() ?? 0) >= idleBefore)
          this.#refuseWaiters('createRefused', doneAtMs, () => new CreateFailedError(1, this.#errorInfo(error)), 1)
        this.#pulse(doneAtMs)
      },
    )
    return 'later'
  }

  #callPrepare(resource: T | undefined, idleMs: number): Promise<T> | undefined {
    try {
      return this.#source.prepare(resource, idleMs)
    } catch (error) {
      return Promise.reject(error)
    }
  }

  /** A resource is ready: for whoever is next, or to rest. */
  #serve(entry: Entry<T>, nowMs: number): void {
    const waiter = this.#nextWaiter(nowMs)
    if (waiter === undefined) this.#rest(entry, nowMs)
    else this.#grant(waiter, entry, nowMs)
  }

  /** Who is to be served now; sheds those whom the queue policy will not have served any more. */
  #nextWaiter(nowMs: number): Waiter<T> | undefined {
    for (;;) {
      // Asked anew after each that is shed: a listener told of it may have paused the pool, made it smaller, or lent.
      if (this.#view.isPaused || this.#view.inUse >= this.#view.limit) return undefined
      const { waitingSinceMs } = this.#queue
      if (waitingSinceMs === undefined) return undefined
      const waiter = this.#queue.next(this.#policy.order(nowMs - waitingSinceMs))
      const newestMs = this.#queue.next('newest')?.sinceMs ?? nowMs
      const answer =
        waiter &&
        this.#policy.admit(nowMs - waiter.sinceMs, nowMs, this.#queue.length, nowMs - newestMs, waiter.timeoutMs)
      // A policy that failed was told of, and whoever listens may have come back to us, and settled him.
      if (!waiter?.isQueued) continue
      if (answer === 'grant') return waiter
      this.#shed(waiter, nowMs)
    }
  }

  #grant(waiter: Waiter<T>, entry: Entry<T>, nowMs: number): void {
    const waitMs = nowMs - waiter.sinceMs
    waiter.grant(this.#lease(entry, waitMs, waiter.tag, waiter.caller, nowMs))
    if (this.#queue.length === 0) this.#queueEmptied()
    this.#tellAcquired(waitMs, waiter.tag) // not before: a listener that releases would serve the same waiter again
  }

  #tellAcquired(waitMs: number, tag: string | undefined): void {
    if (this.#events.heard.acquired) this.#events.emit('acquired', { waitMs, tag })
  }

  #lease(
    entry: Entry<T>,
    waitMs: number,
    tag: string | undefined,
    caller: Caller | undefined,
    nowMs: number,
  ): PoolLease<T> {
    this.#observer.granted(nowMs, waitMs)
    // The wait for the first resources of a cold pool says nothing of how long leases take.
    if (this.#view.inUse === 0) this.#leasesQuietSinceMs = nowMs
    this.#ledger.move(entry, 'inUse', nowMs)
    entry.uses += 1
    const lease = new PoolLease(this, entry, nowMs, tag, caller)
    entry.lease = lease
    return lease
  }

  /** Nobody wants it now. */
  #rest(entry: Entry<T>, nowMs: number): void {
    const resource = entry.resource as T
    if (this.#source.idleCount !== undefined) entry.resource = undefined // a driver keeps its idle resources itself
    this.#ledger.move(entry, 'idle', nowMs)
    this.#idle.add(entry)
    const isKept = this.#source.giveBack(resource)
    // A driver's release runs listeners of its users, who may have come back to us: the entry may be gone already.
    if (entry.state !== 'idle') return
    if (isKept) return this.#sweeper.by(evictAtMs(entry, this.#options.idleTimeoutMs))
    this.#idle.remove(entry)
    this.#gone(entry, 'source', nowMs)
  }

  endLease(entry: Entry<T>, lease: LeaseInfo, end: 'release' | 'destroy', cause: unknown): void {
    const nowMs = this.#clock.nowMs()
    const leaseMs = nowMs - entry.sinceMs
    this.#observer.ended(nowMs, leaseMs)
    this.#leaseMs = Number.isNaN(this.#leaseMs) ? leaseMs : smooth(this.#leaseMs, leaseMs)
    if (this.#queue.length > 0) {
      this.#leasesEnded += 1
      this.#endedMs = smooth(this.#endedMs, leaseMs, leaseWeight(this.#leasesEnded))
    }
    this.#leasesQuietSinceMs = nowMs
    entry.lease = undefined
    this.#witness?.ended(lease, nowMs)
    const retired = end === 'destroy' ? 'broken' : this.#retirement(entry, nowMs)
    const isPassedOn = retired === undefined && this.#isPassedOn(entry)
    try {
      if (isPassedOn) {
        // Told before it is granted: a listener that comes back to us finds it being readied, for whoever is next.
        this.#ledger.move(entry, 'validating', nowMs)
        this.#tellReleased(leaseMs, lease.tag)
        this.#serve(entry, nowMs)
      } else if (entry.isAdopted) this.#endAdopted(entry, nowMs)
      else if (retired !== undefined) this.#destroy(entry, retired, nowMs, cause)
      else this.#rest(entry, nowMs)
    } finally {
      // What a driver's release throws is for its holder to hear. Whoever waits is served all the same.
      if (!isPassedOn) this.#tellReleased(leaseMs, lease.tag)
      if (retired !== undefined || this.#mayMove()) this.#pulse(nowMs)
    }
  }

  /** The short way: a pulse would do nothing else than lend it to a waiter, after it has rested for no time at all. */
  #isPassedOn(entry: Entry<T>): boolean {
    const { waiters, validating, isPaused } = this.#view
    if (waiters === 0 || isPaused || this.#isPulsing) return false
    // Past what is being validated, too: that may hang.
    if (this.#source.isReady?.(0) === true) return true
    // What a driver readies is as good as lent.
    return waiters > validating && !entry.isAdopted && this.#source.mayPassOn?.(entry.resource as T) === true
  }

  #tellReleased(leaseMs: number, tag: string | undefined): void {
    if (this.#events.heard.released) this.#events.emit('released', { leaseMs, tag })
  }

  /** Why a good resource is not kept at the end of its lease, if so. */
  #retirement(entry: Entry<T>, nowMs: number): DestroyReason | undefined {
    if (nowMs >= entry.expiresAtMs) return 'lifetime'
    if (entry.uses >= this.#options.usesMax) return 'uses'
    return this.#view.live > this.#view.limit ? 'excess' : undefined
  }

  /**
   * Takes a resource back from a holder who does not give it back: it is destroyed, and the holder's next look at it
   * fails. False: the lease has ended already, or began outside the gate.
   */
  reclaim(lease: LeaseInfo): boolean {
    const nowMs = this.#clock.nowMs()
    const error = new LeaseEndedError(this.#errorInfo(), nowMs - lease.sinceMs)
    for (const entry of this.#ledger.entries()) {
      if (entry.lease !== lease || entry.isAdopted) continue
      const leaseOut = entry.lease as PoolLease<T>
      leaseOut.reclaimError = error
      this.#leasesQuietSinceMs = nowMs
      const { leaseMs, tag } = this.#cutLease(entry, nowMs)
      this.#destroy(entry, 'reclaimed', nowMs, error)
      this.#tellReleased(leaseMs, tag)
      this.#pulse(nowMs)
      return true
    }
    return false
  }

  leaseEndedError(): Error {
    return new LeaseEndedError(this.#errorInfo())
  }

  // ---------------------------------------------------------------------------------------------- creating

  #create(nowMs: number): void {
    this.#observer.creating(nowMs)
    const entry = this.#ledger.add('creating', nowMs)
    this.#creator.start(nowMs, {
      created: (resource, doneAtMs, createMs) => this.#created(entry, resource, doneAtMs, createMs),
      failed: (failure, doneAtMs) => this.#createFailed(entry, failure, doneAtMs),
      late: (resource) => this.#destroyLate(resource),
    })
  }

  #created(entry: Entry<T>, resource: T, nowMs: number, createMs: number): void {
    const { lifetimeMs, lifetimeJitter } = this.#options
    this.#observer.created(nowMs, createMs)
    entry.resource = resource
    entry.expiresAtMs = expiryMs(nowMs, lifetimeMs, lifetimeJitter, this.#parts.random.next())
    if (this.#queue.length > 0) this.#noteGrowth(nowMs)
    // Told before whatever it leads to. A listener that comes back to us finds it being readied, for whoever is next.
    this.#ledger.move(entry, 'validating', nowMs)
    this.#events.emit('created', { createMs, counts: this.counts() })
    this.#serve(entry, nowMs)
    if (entry.state === 'gone' && entry.uses === 0 && this.#drain === undefined) this.#notKept(nowMs)
    this.#pulse(nowMs)
  }

  /** A driver that closes what nobody has used would be asked for another at once, for ever. */
  #notKept(nowMs: number): void {
    const error = new Error('the driver has closed a new resource at once, instead of keeping it idle')
    this.#creator.wasInVain(error, nowMs)
    this.#observer.createFailed(nowMs, 'unreachable')
    this.#heedFailure(error, 'unreachable', nowMs)
  }

  #noteGrowth(nowMs: number): void {
    const open = this.#view.live - this.#view.creating + 1 // the new one counts as being created until it is served
    if (open <= this.#openMaxWhileWaiting) return
    this.#openMaxWhileWaiting = open
    this.#policy.grown?.(nowMs)
  }

  #queueEmptied(): void {
    this.#openMaxWhileWaiting = 0
    this.#policy.emptied()
  }

  #createFailed(entry: Entry<T>, { error, failure, wasAborted }: CreateFailure, nowMs: number): void {
    this.#observer.createFailed(nowMs, failure)
    this.#ledger.move(entry, 'gone', nowMs)
    if (!wasAborted) this.#heedFailure(error, failure, nowMs)
    this.#pulse(nowMs)
  }

  #heedFailure(error: unknown, failure: CreateFailureClass, nowMs: number): void {
    const { failures, retryAtMs } = this.#creator.pace
    if (failure === 'refusing') this.#control.backendRefused(nowMs)
    const { createBackoff } = this.#options
    const info = this.#errorInfo(error)
    const why = () => new CreateFailedError(failures, info)
    if (isHopeless(failure, failures, createBackoff)) this.#endWarmUp(why)
    if (refusesWaiters(failure, failures, info.counts.live, createBackoff)) {
      this.#refuseWaiters('createRefused', nowMs, why)
    }
    const retryInMs = Math.max(0, retryAtMs - nowMs)
    this.#events.emit('createFailed', { error, failure, failures, retryInMs, counts: this.counts() })
  }

  /** So many and no more: a callback that asks again as soon as it is refused would keep this going for ever. */
  #refuseWaiters(kind: RefusalKind, nowMs: number, why: () => PoolError, most = this.#queue.length): number {
    const waiting = this.#queue.length
    for (let left = most; left > 0; left--) {
      const waiter = this.#queue.next('oldest')
      if (waiter !== undefined) this.#refuse(waiter, kind, nowMs, why)
    }
    return waiting
  }

  #destroyLate(resource: T): void {
    const nowMs = this.#clock.nowMs()
    this.#observer.destroyed(nowMs, 'late', false)
    const entry = this.#ledger.add('destroying', nowMs)
    entry.resource = resource
    this.#close(entry, 'late', undefined)
    this.#pulse(nowMs)
  }

  // ---------------------------------------------------------------------------------------------- destroying

  #destroy(entry: Entry<T>, reason: DestroyReason, nowMs: number, cause?: unknown): void {
    const wasIdle = entry.state === 'idle'
    const isEvicted = wasIdle && reason !== 'drain' // which is no choice of the pool's
    const idleMs = nowMs - entry.sinceMs
    if (wasIdle) this.#idle.remove(entry)
    this.#observer.destroyed(nowMs, reason, isEvicted)
    this.#ledger.move(entry, 'destroying', nowMs)
    if (isEvicted) this.#events.emit('evicted', { reason, idleMs })
    this.#close(entry, reason, cause)
  }

  /** Closes what is `destroying`; its slot comes free when that is done, or has taken too long. */
  #close(entry: Entry<T>, reason: DestroyReason, cause: unknown): void {
    const done = (error?: unknown): void => {
      const nowMs = this.#clock.nowMs()
      this.#gone(entry, reason, nowMs, cause, error)
      this.#pulse(nowMs)
    }
    const closed = this.#destroyer.destroy(entry.resource, reason, cause)
    if (closed === undefined) this.#gone(entry, reason, this.#clock.nowMs(), cause)
    else closed.then(() => done(), done)
  }

  #gone(entry: Entry<T>, reason: DestroyReason, nowMs: number, cause?: unknown, error?: unknown): void {
    if (entry.state !== 'destroying') this.#observer.destroyed(nowMs, reason, false) // else it has been told
    this.#tellGone(entry, reason, nowMs, cause, error)
  }

  #tellGone(entry: Entry<T>, reason: DestroyReason, nowMs: number, cause?: unknown, error?: unknown): void {
    this.#ledger.move(entry, 'gone', nowMs)
    entry.resource = undefined
    this.#events.emit('destroyed', {
      reason,
      ...(cause === undefined ? {} : { cause }),
      ...(error === undefined ? {} : { error }),
    })
  }

  #sweep(): void {
    const nowMs = this.#clock.nowMs()
    const { idleTimeoutMs } = this.#options
    const limitMin = Math.max(this.#options.limitMin, this.#liveAhead) // else it would be opened again at once
    let nextAtMs = Number.POSITIVE_INFINITY
    // Of a copy, and judged one by one: a listener told of the one before may have lent or destroyed others.
    for (const entry of this.#idle.entries()) {
      if (entry.state !== 'idle') continue
      const reason = evictionReason(entry, nowMs, { idleTimeoutMs, live: this.#view.live, limitMin })
      const dueAtMs = evictAtMs(entry, idleTimeoutMs)
      if (reason !== undefined) this.#destroy(entry, reason, nowMs)
      // Overdue and kept: it is among the last limitMin, and only its lifetime can still end it.
      else nextAtMs = Math.min(nextAtMs, dueAtMs > nowMs ? dueAtMs : entry.expiresAtMs)
    }
    this.#sweeper.by(nextAtMs)
    this.#pulse(nowMs)
  }

  // ---------------------------------------------------------------------------------------------- the pulse

  /** Moves on, as far as it goes. Called at the end of every event; from within a move it is left to the outer one. */
  #pulse(nowMs: number): void {
    if (this.#isPulsing || this.#isAbandoned) return
    this.#isPulsing = true
    this.#nowMs = nowMs
    try {
      for (let move = this.#look(); move !== 'rest'; move = this.#look()) {
        if (move === 'lend') this.#lend(nowMs)
        else if (move === 'evict') this.#destroy(this.#idle.oldest as Entry<T>, 'excess', nowMs)
        else this.#create(nowMs)
      }
    } finally {
      this.#isPulsing = false
      this.#isNextWanted = false
    }
    this.#createLater(nowMs)
    if (this.#warmUp !== undefined) this.#continueWarmUp()
    if (this.#drain !== undefined) this.#continueDrain(this.#drain, nowMs)
  }

  /**
   * May there be something to do, now that a good resource is back, or somebody waits? Every other event has its pulse,
   * and what that left is told here; but to find nothing in one costs a tenth of a lease.
   */
  #mayMove(): boolean {
    const view = this.#view
    if (this.#drain ?? this.#createTimer ?? this.#source.idleCount) return true
    return view.waiters > 0 && (view.idle > 0 || view.size < view.limit)
  }

  #look(): Move {
    if (this.#source.idleCount !== undefined) this.#followDriver()
    return nextMove(this.#view)
  }

  #lend(nowMs: number): void {
    const entry = this.#idle.next as Entry<T>
    if (nowMs >= entry.expiresAtMs) this.#destroy(entry, 'lifetime', nowMs)
    else if (this.#prepare(entry, nowMs - entry.sinceMs, nowMs) === 'ready') this.#serve(entry, nowMs)
  }

  /** A driver opens and closes idle resources on its own: the ledger follows. Which ones it is does not matter. */
  #followDriver(): void {
    // Looked at anew after each: a listener told of it may have taken others, or given them back.
    for (let more = this.#idleUnseen(); more !== 0; more = this.#idleUnseen()) {
      if (more < 0) this.#evictedByDriver(this.#idle.oldest as Entry<T>)
      // Counted twice until the adapter looks, one that is back has a full pool close others and open them again.
      else if (this.#outside.length > (this.#source.strangersOut?.() ?? Number.POSITIVE_INFINITY)) {
        this.#outside.pop()?.release()
      } else this.#idle.add(this.#ledger.add('idle', this.#nowMs))
    }
  }

  #idleUnseen(): number {
    return (this.#source.idleCount?.() ?? 0) - this.#view.idle
  }

  #evictedByDriver(entry: Entry<T>): void {
    const idleMs = this.#nowMs - entry.sinceMs
    this.#idle.remove(entry)
    this.#observer.destroyed(this.#nowMs, 'source', true)
    this.#events.emit('evicted', { reason: 'source', idleMs })
    this.#tellGone(entry, 'source', this.#nowMs, this.#sourceCause)
  }

  reconcile(outside: number, cause?: unknown): void {
    if (outside === this.#outside.length && this.#view.idle === this.#source.idleCount?.()) return
    const nowMs = this.#clock.nowMs()
    const wasPulsing = this.#isPulsing
    this.#isPulsing = true // halfway, the counts are wrong
    while (this.#outside.length > outside) this.#outside.pop()?.release()
    while (this.#outside.length < outside) this.#outside.push(this.#adoptLease())
    this.#isPulsing = wasPulsing
    this.#sourceCause = cause
    this.#pulse(nowMs)
    this.#sourceCause = undefined
  }

  /** The next create may have to wait for its time, and nothing else may come to remind us. */
  #createLater(nowMs: number): void {
    const dueAtMs = this.#creatingDueAtMs(nowMs)
    if (nowMs >= dueAtMs) return this.#createNoLater()
    const isUrgent = this.#queue.length > 0 || this.#warmUp?.done !== undefined
    if (!isUrgent && this.#view.live >= this.#view.liveWanted) return this.#createNoLater()
    if (this.#createTimer !== undefined && this.#createTimerAtMs <= dueAtMs && (this.#isCreateUrgent || !isUrgent))
      return
    this.#createNoLater()
    this.#isCreateUrgent = isUrgent
    this.#createTimerAtMs = dueAtMs
    const delayMs = Math.min(dueAtMs - nowMs, TIMER_DELAY_MS_MAX)
    const moveOn = () => {
      this.#createTimer = undefined
      this.#pulse(this.#clock.nowMs())
    }
    // What is not urgent keeps no process alive: nobody's promise depends on it.
    this.#createTimer = this.#housekeeping.startTimer(delayMs, moveOn, !isUrgent)
  }

  /** After a failure, when it may be tried again; with waiters and room, when one more create is justified. */
  #creatingDueAtMs(nowMs: number): number {
    const { retryAtMs } = this.#creator.pace
    if (nowMs < retryAtMs) return retryAtMs
    const { waiters, validating, creating, size, limit, isPaused } = this.#view
    const isHeldUp = waiters > validating + creating && size < limit && !isPaused
    return isHeldUp ? this.#createDueAtMs() : Number.NEGATIVE_INFINITY
  }

  /** Left running, it would keep the process alive for nobody, and stand in for that of a later, shorter pause. */
  #createNoLater(): void {
    this.#createTimer?.cancel()
    this.#createTimer = undefined
  }

  // ---------------------------------------------------------------------------------------------- by hand

  /** Moves the limit; leased resources over it go when they come back. */
  resize(limit: number, reason: string): void {
    const from = this.#view.limit
    if (limit === from) return
    const { pinMin, limitMax } = this.#options
    assert(Number.isInteger(limit) && limit >= pinMin && limit <= limitMax, () => `limit ${limit}`)
    this.#view.limit = limit
    this.#source.limitMoved?.()
    this.#events.emit('limitChanged', { from, to: limit, reason })
    this.#pulse(this.#clock.nowMs())
  }

  /** Grants nothing until resume(); acquires queue. */
  pause(): void {
    if (this.#drain === undefined) this.#view.isPaused = true
  }

  resume(): void {
    this.#view.isPaused = false
    this.#pulse(this.#clock.nowMs())
  }

  /** @see PoolHandle.warmUp */
  warmUp(liveWanted: number): Promise<void> {
    if (this.#drain !== undefined) return Promise.reject(this.#drainingError())
    // Two wishes at once are one, the larger: each is told when it has come true.
    const done = this.#warmUp?.done ?? deferred<void>()
    this.#warmUp = { liveWanted: Math.max(liveWanted, this.#warmUp?.liveWanted ?? 0), done }
    this.#pulse(this.#clock.nowMs())
    return done.promise
  }

  /** The option `warmUp`: as the method, but nobody awaits it, and it keeps no process alive. */
  openFirst(liveWanted: number): void {
    this.#warmUp = { liveWanted, done: undefined }
    this.#pulse(this.#clock.nowMs())
  }

  /**
   * Keeps so many live, opened ahead of any waiter and replaced when they go, as far as the limit allows; until it is
   * told otherwise, or drained.
   */
  keepLive(liveMin: number): void {
    this.#liveMin = liveMin
    this.#pulse(this.#clock.nowMs())
  }

  /** As keepLive(), beside it: what the controller foresees. */
  openAhead(liveAhead: number): void {
    this.#liveAhead = liveAhead
    this.#sweep() // what was kept for a higher one may be overdue, and has no timer
  }

  /** Destroys each idle resource that `judge` condemns, asked once about each, the longest idle first. */
  evictWhere(judge: (resource: T, idleMs: number) => boolean): void {
    const nowMs = this.#clock.nowMs()
    for (const entry of this.#idle.entries()) {
      if (entry.state !== 'idle') continue // a listener told of the one before may have lent or destroyed it
      if (judge(entry.resource as T, nowMs - entry.sinceMs)) this.#destroy(entry, 'idle', nowMs)
    }
    this.#pulse(nowMs)
  }

  #continueWarmUp(): void {
    const { liveWanted, done } = this.#warmUp as WarmUp
    if (this.#view.live - this.#view.creating < Math.min(liveWanted, this.#view.limit)) return
    this.#warmUp = undefined
    done?.resolve()
  }

  #endWarmUp(why: () => PoolError): void {
    this.#warmUp?.done?.reject(why())
    this.#warmUp = undefined
  }

  #adoptLease(): Lease<T> {
    const nowMs = this.#arrive()
    this.#observer.granted(nowMs, 0)
    const entry = this.#takeMissing(nowMs) ?? this.#ledger.add('inUse', nowMs)
    entry.isAdopted = true
    const lease = new PoolLease(this, entry, nowMs, 'outside the gate')
    entry.lease = lease
    return lease
  }

  /** An idle resource that the driver has lent by itself: no longer idle there, and not closed either. */
  #takeMissing(nowMs: number): Entry<T> | undefined {
    const entry = this.#idle.oldest
    if (entry === undefined || this.#view.idle <= (this.#source.idleCount?.() ?? 0)) return undefined
    this.#idle.remove(entry)
    this.#ledger.move(entry, 'inUse', nowMs)
    return entry
  }

  /** The driver has it back, or has closed it. */
  #endAdopted(entry: Entry<T>, nowMs: number): void {
    if (this.#view.idle >= (this.#source.idleCount?.() ?? 0)) return this.#gone(entry, 'source', nowMs)
    entry.isAdopted = false
    this.#ledger.move(entry, 'idle', nowMs)
    this.#idle.add(entry)
  }

  // ---------------------------------------------------------------------------------------------- the end

  /** @see PoolHandle.drain */
  drain(timeoutMs: number): Promise<DrainResult> {
    const nowMs = this.#clock.nowMs()
    const drain = this.#drain ?? this.#startDrain()
    const cutAtMs = nowMs + timeoutMs
    if (!drain.isOver && cutAtMs < drain.cutAtMs) {
      drain.timer?.cancel()
      drain.cutAtMs = cutAtMs
      drain.timer = this.#clock.startTimer(Math.min(timeoutMs, TIMER_DELAY_MS_MAX), () => this.#cutDrainShort(drain))
    }
    this.#pulse(nowMs)
    return drain.done.promise
  }

  #startDrain(): Drain {
    const drain: Drain = { done: deferred(), cutAtMs: Number.POSITIVE_INFINITY, timer: undefined, isOver: false }
    this.#drain = drain
    this.#view.isPaused = false // nobody would resume a pool that is closing, and its waiters are to be served
    this.#endWarmUp(this.#drainingError)
    return drain
  }

  /** Waiters are served; then nothing is kept, and nothing more is created. */
  #continueDrain(drain: Drain, nowMs: number): void {
    if (this.#queue.length > 0) return
    if (this.#view.creating > 0) this.#creator.abortAll(this.#drainingError())
    for (let entry = this.#idle.newest; entry !== undefined; entry = this.#idle.newest) {
      this.#destroy(entry, 'drain', nowMs)
    }
    if (this.#view.size === 0) this.#restForGood(drain, 0)
  }

  /** Out of patience: what has not ended is ended, and what cannot be is named. */
  #cutDrainShort(drain: Drain): void {
    const nowMs = this.#clock.nowMs()
    const holders = this.holders()
    const waitersRefused = this.#refuseWaiters('drainRefused', nowMs, this.#drainingError)
    const held = this.#ledger.entries().filter(({ lease }) => lease !== undefined)
    const unfinished = this.#view.size - held.length
    this.#isPulsing = true // a listener to the last of them must not find the drain over before it is told how
    // All are cut before the first is told of: a listener who ends another's lease comes too late, and harms nothing.
    const cut = held.map((entry) => this.#cutLease(entry, nowMs))
    for (const { entry, leaseMs, tag } of cut) {
      // One that began outside the gate has a resource that we do not know: it stays where it is.
      if (entry.isAdopted) this.#gone(entry, 'drain', nowMs)
      else this.#destroy(entry, 'drain', nowMs)
      this.#tellReleased(leaseMs, tag)
    }
    this.#isPulsing = false
    this.#endDrain(drain, { leasesCut: held.length, holders, waitersRefused, unfinished })
    this.#creator.giveUpAll(this.#drainingError())
    this.#pulse(nowMs)
  }

  #cutLease(entry: Entry<T>, nowMs: number) {
    const lease = entry.lease as LeaseInfo
    const leaseMs = nowMs - lease.sinceMs
    this.#observer.ended(nowMs, leaseMs)
    entry.lease = undefined
    this.#witness?.ended(lease, nowMs)
    return { entry, leaseMs, tag: lease.tag }
  }

  #endDrain(drain: Drain, result: DrainResult): void {
    if (drain.isOver) return
    drain.isOver = true
    drain.timer?.cancel()
    drain.done.resolve(result)
    if (!this.#isAbandoned) this.#events.emit('drained', { leasesCut: result.leasesCut })
  }

  /**
   * Lets go of a driver's pool: refuses whoever waits, touches no resource, and does nothing any more. What the driver
   * still delivers goes back to it.
   */
  abandon(): void {
    if (this.#isAbandoned) return
    this.#isAbandoned = true
    const drain = this.#drain ?? this.#startDrain()
    this.#restForGood(drain, this.#refuseWaiters('drainRefused', this.#clock.nowMs(), this.#drainingError))
  }

  #restForGood(drain: Drain, waitersRefused: number): void {
    this.#sweeper.stop()
    this.#createNoLater()
    this.#endDrain(drain, { leasesCut: 0, holders: [], waitersRefused, unfinished: this.#view.size })
  }

  // ---------------------------------------------------------------------------------------------- looking

  counts(): PoolCounts {
    const { limit, size, live, creating, idle, validating, inUse, destroying, waiters } = this.#view
    return { limit, size, live, creating, idle, validating, inUse, destroying, waiters }
  }

  /** By pause(), until resume() or a drain. */
  get isPaused(): boolean {
    return this.#view.isPaused
  }

  /** Since when somebody has been waiting without a break, in ms on the pool's clock. */
  get waitingSinceMs(): number | undefined {
    return this.#queue.waitingSinceMs
  }

  /** Who has leases now. Walks all entries: for errors and warnings, not for every acquire. */
  holders(): readonly Holder[] {
    return this.#parts.holders(this.leases(), this.#clock.nowMs())
  }

  /** Walked once, though ten thousand may time out at one moment. */
  #holdersAt(nowMs: number): readonly Holder[] {
    const { inUse } = this.#view
    if (this.#held?.atMs !== nowMs || this.#held.inUse !== inUse) {
      this.#held = { atMs: nowMs, inUse, holders: this.holders() }
    }
    return this.#held.holders
  }

  /** All who wait. Walks the queue. */
  waiters(): Iterable<WaiterInfo> {
    return this.#queue.waiters()
  }

  /** The leases that have not ended. */
  *leases(): Iterable<LeaseInfo> {
    for (const entry of this.#ledger.entries()) if (entry.lease !== undefined) yield entry.lease
  }

  #errorInfo(cause?: unknown): PoolErrorInfo {
    return { pool: this.#parts.name, counts: this.counts(), cause, isPaused: this.#view.isPaused }
  }

  readonly #drainingError = (): DrainingError => new DrainingError(this.#errorInfo())

  #liveWanted(): number {
    if (this.#drain !== undefined) return 0
    return Math.max(this.#liveMin, this.#liveAhead, this.#liveForNext(), this.#warmUp?.liveWanted ?? 0)
  }

  #creatingMax(): number {
    const { allowed, retryAtMs } = this.#creator.pace
    return this.#nowMs >= retryAtMs ? allowed : 0
  }

  #createDueAtMs(): number {
    if (this.#manner.creates === 'perWaiter') return Number.NEGATIVE_INFINITY
    // What is being readied (a driver hands out on its next tick) is as good as lent, to as many of the waiters.
    const { waiters, inUse, validating, creating } = this.#view
    const waitingSinceMs = this.#queue.waitingSinceMs ?? this.#nowMs
    return createDueAtMs({
      waiters: waiters - validating,
      creating,
      inUse: inUse + validating,
      leaseMs: this.#leaseMs,
      leasesEnded: this.#leasesEnded,
      endedMs: this.#endedMs,
      quietSinceMs: Math.max(this.#leasesQuietSinceMs, waitingSinceMs),
      waitingSinceMs,
      createMs: this.#creator.createMs,
    })
  }
}

interface WarmUp {
  readonly liveWanted: number
  /** Undefined: nobody awaits it. */
  readonly done: Deferred<void> | undefined
}

interface Drain {
  readonly done: Deferred<DrainResult>
  /** When patience ends, on the pool's clock. */
  cutAtMs: number
  timer: Timer | undefined
  /** Resolved. Where it was cut short, the rest is still being closed. */
  isOver: boolean
}
