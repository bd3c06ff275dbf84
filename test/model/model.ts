import type { AdaptivePool } from '../../src/create-pool.ts'
import type { PoolEvents } from '../../src/pool/contract.ts'
import { PoolError } from '../../src/pool/pool-errors.ts'
import type { VirtualClock } from '../../src/sim/virtual-clock.ts'
import type { FakeFactory, FakeResource } from '../support/fake-factory.ts'
import { checkInvariants } from '../support/invariants.ts'
import type { Setting } from './command.ts'

export type QueueName = 'fifo' | 'codel' | 'adaptiveLifo'

/** One acquire, tryAcquire or use of a program, as its caller knows it. Its tag tells the model's events apart. */
export interface Ask {
  /** In order of arrival. */
  readonly id: number
  readonly tag: string
  readonly sinceMs: number
  readonly deadlineAtMs: number
  readonly priority: number
  readonly signal: AbortSignal | undefined
  /** As many were waiting already as may, beside those for whom something was ready, or about to be. */
  readonly isFull: boolean
  readonly isAfterDrain: boolean
  /** left: timed out or shed, says an event; refused: says its promise, or that it never waited. */
  state: 'waiting' | 'trying' | 'granted' | 'ended' | 'left' | 'refused'
  grantedAtMs: number
  resource: FakeResource | undefined
  /** Its holder has ended the lease, or is about to. */
  isHandedBack: boolean
}

/** What one resource has been through in the hands of callers. */
interface Service {
  uses: number
  releasedAtMs: number
  /** Its holder has said so. */
  isBroken: boolean
}

/**
 * What callers may expect of a pool, and nothing of how it keeps its word: who waits, who has what, what was paused,
 * drained, scripted. It hears every event, judges each grant and each refusal as it happens, and compares its books
 * with the pool's and the backend's whenever nothing can happen without time passing.
 *
 *     asked ── 'acquired' ──▶ granted ── 'released' ──▶ ended
 *       ├───── 'timedOut', 'shed' ──▶ left ──┐
 *       └──────────────── rejection ─────────┴──▶ refused, for a reason that holds
 */
export class Model {
  readonly asks: Ask[] = []
  isPaused = false
  isDraining = false
  isDrained = false
  /** Leases that the drain has cut, and waiters that it has refused, when its patience was over. */
  cut = 0
  drainRefused = 0

  /** What each warm-up under way has asked for. */
  readonly warmUps = new Set<{ readonly liveWanted: number }>()

  readonly #waiting = new Set<Ask>()
  readonly #out = new Set<Ask>()
  readonly #byTag = new Map<string, Ask>()
  readonly #services = new Map<FakeResource, Service>()
  readonly #pool: AdaptivePool<FakeResource>
  readonly #factory: FakeFactory
  readonly #clock: VirtualClock
  readonly #setting: Setting
  readonly #queue: QueueName
  #retryAtMs = Number.NEGATIVE_INFINITY
  #failures = 0
  #latestFailure: string | undefined
  /** Resources that had been made when creation last failed. */
  #madeBeforeFailure = -1
  #evictions = 0
  readonly #faults: string[] = []
  readonly #refusals = new Map<string, number>()

  constructor(
    pool: AdaptivePool<FakeResource>,
    factory: FakeFactory,
    clock: VirtualClock,
    setting: Setting,
    queue: QueueName,
  ) {
    this.#pool = pool
    this.#factory = factory
    this.#clock = clock
    this.#setting = setting
    this.#queue = queue
    factory.onCreate = () => this.#createBegins()
    factory.onValidate = () => this.#validateBegins()
    pool.on('acquired', ({ tag }) => this.#granted(this.#known(tag)))
    pool.on('released', ({ tag }) => this.#ended(this.#known(tag)))
    pool.on('timedOut', ({ tag }) => this.#timedOut(this.#known(tag)))
    pool.on('shed', ({ tag }) => this.#shed(this.#known(tag)))
    pool.on('created', () => this.#created())
    pool.on('createFailed', (event) => this.#createFailed(event))
    pool.on('evicted', ({ reason }) => this.#evicted(reason))
    pool.on('drained', ({ leasesCut }) => this.#drained(leasesCut))
    pool.on('listenerFailed', ({ event, error }) => this.fault(`within ${event}: ${String(error)}`))
  }

  get waiting(): number {
    return this.#waiting.size
  }

  get leasesOut(): number {
    return this.#out.size
  }

  fault(text: string): void {
    this.#faults.push(text)
  }

  // ------------------------------------------------------------------------------------------- what callers do

  ask(wanted: Partial<Pick<Ask, 'deadlineAtMs' | 'priority' | 'signal'>>, state: 'waiting' | 'trying'): Ask {
    const { idle, validating } = this.#pool.counts()
    const served = this.isPaused ? 0 : idle + validating
    const ask: Ask = {
      id: this.asks.length,
      tag: `ask-${this.asks.length}`,
      sinceMs: this.#clock.nowMs(),
      deadlineAtMs: wanted.deadlineAtMs ?? Number.POSITIVE_INFINITY,
      priority: wanted.priority ?? 0,
      signal: wanted.signal,
      isFull: this.#waiting.size >= this.#setting.waitersMax + served,
      isAfterDrain: this.isDraining,
      state,
      grantedAtMs: 0,
      resource: undefined,
      isHandedBack: false,
    }
    this.asks.push(ask)
    this.#byTag.set(ask.tag, ask)
    if (state === 'waiting') this.#waiting.add(ask)
    return ask
  }

  /** The caller has its resource. */
  received(ask: Ask, resource: FakeResource): void {
    const { validates, validateAfterIdleMs, lifetimeMs, usesMax } = this.#setting
    if (ask.state !== 'granted') this.fault(`${ask.tag} has a lease while ${ask.state}`)
    if (resource.state !== 'open') this.fault(`${ask.tag} has a resource that is ${resource.state}`)
    for (const other of this.#out) {
      if (other.resource === resource) this.fault(`resource ${resource.id} is lent twice: ${other.tag}, ${ask.tag}`)
    }
    ask.resource = resource
    const service = this.#service(resource)
    service.uses += 1
    if (service.isBroken) this.fault(`resource ${resource.id} is lent although it is broken`)
    if (service.uses > usesMax) this.fault(`resource ${resource.id} is lent more than usesMax times`)
    if (ask.grantedAtMs - resource.createdAtMs >= lifetimeMs) this.fault(`resource ${resource.id} outlives its time`)
    const unprovenMs = ask.grantedAtMs - Math.max(resource.validatedAtMs, service.releasedAtMs)
    if (validates && unprovenMs > 0 && unprovenMs >= validateAfterIdleMs) {
      this.fault(`resource ${resource.id} is lent unvalidated after ${unprovenMs} ms`)
    }
  }

  /** Its holder destroys it. */
  broke(resource: FakeResource): void {
    this.#service(resource).isBroken = true
  }

  #service(resource: FakeResource): Service {
    const known = this.#services.get(resource)
    if (known !== undefined) return known
    const service: Service = { uses: 0, releasedAtMs: Number.NEGATIVE_INFINITY, isBroken: false }
    this.#services.set(resource, service)
    return service
  }

  /** tryAcquire() answered that there is nothing. */
  notLent(ask: Ask): void {
    ask.state = 'refused'
    const { idle, inUse, validating, limit } = this.#pool.counts()
    const { validates, lifetimeMs } = this.#setting
    const isOpen = !this.isPaused && !this.isDraining && this.#waiting.size === 0
    const isReady = idle > 0 && inUse + validating < limit && !validates && lifetimeMs === Number.POSITIVE_INFINITY
    if (isOpen && isReady) this.fault(`${ask.tag}: tryAcquire answered nothing beside an idle resource`)
  }

  /** The caller's promise was rejected. */
  rejected(ask: Ask, error: unknown): void {
    const objection = error instanceof PoolError ? this.#objection(ask, error) : `unknown error ${String(error)}`
    if (objection !== undefined) this.fault(`${ask.tag}: ${objection}`)
    this.#waiting.delete(ask)
    ask.state = 'refused'
    const { code } = error as PoolError
    this.#refusals.set(code, (this.#refusals.get(code) ?? 0) + 1)
  }

  /** Why this refusal is wrong, if it is. */
  #objection(ask: Ask, error: PoolError): string | undefined {
    const { code, counts } = error
    if (code === 'ERR_POOL_ACQUIRE_TIMEOUT' || code === 'ERR_POOL_SHED') {
      return ask.state === 'left' ? undefined : `${code} while ${ask.state}`
    }
    if (ask.state !== 'waiting') return `${code} while ${ask.state}`
    if (code === 'ERR_POOL_ABORTED') return ask.signal?.aborted ? undefined : 'aborted by nobody'
    if (code === 'ERR_POOL_QUEUE_FULL') {
      return ask.isFull ? undefined : 'refused a place in a queue that had one'
    }
    if (code === 'ERR_POOL_DRAINING') {
      if (!ask.isAfterDrain) this.drainRefused += 1
      return ask.isAfterDrain || this.isDrained ? undefined : 'refused by a drain that had asked it to wait'
    }
    if (code === 'ERR_POOL_CREATE_FAILED') {
      const isHopeless = this.#latestFailure === 'denied' || this.#failures >= this.#setting.refuseAfter
      return isHopeless && counts.live === 0 ? undefined : `given up after ${this.#failures} failures`
    }
    return `unknown code ${code}`
  }

  // --------------------------------------------------------------------------------------------- what is heard

  #known(tag: string | undefined): Ask {
    const ask = this.#byTag.get(tag ?? '')
    if (ask === undefined) throw new Error(`an event for nobody: ${tag}`)
    return ask
  }

  #granted(ask: Ask): void {
    const { inUse, limit } = this.#pool.counts()
    if (inUse > limit) this.fault(`${ask.tag} granted beyond the limit: ${inUse} of ${limit}`)
    if (this.isPaused) this.fault(`${ask.tag} granted by a paused pool`)
    if (ask.isAfterDrain) this.fault(`${ask.tag} granted by a draining pool`)
    if (ask.state !== 'waiting' && ask.state !== 'trying') this.fault(`${ask.tag} granted while ${ask.state}`)
    this.#checkTurn(ask)
    this.#waiting.delete(ask)
    this.#out.add(ask)
    ask.state = 'granted'
    ask.grantedAtMs = this.#clock.nowMs()
  }

  /** Nobody of a higher priority waits, and of its own priority nobody came before it (adaptive LIFO: or after). */
  #checkTurn(ask: Ask): void {
    const others = [...this.#waiting].filter((other) => other !== ask && !this.#isRefusedAtOnce(other))
    if (ask.state === 'trying' && others.length > 0) this.fault(`${ask.tag} jumps the queue`)
    if (others.some(({ priority }) => priority > ask.priority))
      this.fault(`${ask.tag} granted before a higher priority`)
    const equals = others.filter(({ priority }) => priority === ask.priority)
    const isOldest = equals.every(({ id }) => id > ask.id)
    const isNewest = equals.every(({ id }) => id < ask.id)
    if (!isOldest && !(isNewest && this.#queue === 'adaptiveLifo')) this.fault(`${ask.tag} granted out of turn`)
  }

  /** It is, or it will be told so as soon as its promise can. */
  #isRefusedAtOnce({ signal, isAfterDrain, isFull }: Ask): boolean {
    return isAfterDrain || signal?.aborted === true || isFull
  }

  #ended(ask: Ask): void {
    if (!this.#out.delete(ask)) this.fault(`${ask.tag} ended while ${ask.state}`)
    ask.state = 'ended'
    if (!ask.isHandedBack) this.cut += 1
    if (ask.resource === undefined) return
    this.#service(ask.resource).releasedAtMs = this.#clock.nowMs()
  }

  #timedOut(ask: Ask): void {
    if (ask.state !== 'waiting') this.fault(`${ask.tag} timed out while ${ask.state}`)
    if (this.#clock.nowMs() < ask.deadlineAtMs) this.fault(`${ask.tag} timed out too early`)
    this.#leave(ask)
  }

  #shed(ask: Ask): void {
    const waitMs = this.#clock.nowMs() - ask.sinceMs
    if (this.#queue !== 'codel' || waitMs <= this.#setting.acquireTimeoutMs / 10) {
      this.fault(`${ask.tag} shed after ${waitMs} ms`)
    }
    this.#leave(ask)
  }

  #leave(ask: Ask): void {
    this.#waiting.delete(ask)
    ask.state = 'left'
  }

  /** I1, creatingMax, the pause after a failure, the single prober, and that somebody wants it. */
  #createBegins(): void {
    const counts = this.#pool.counts()
    const { size, limit, creating, validating, waiters, live } = counts
    const say = (text: string): void => this.fault(`a create begins ${text}: ${JSON.stringify(counts)}`)
    if (size > limit) say('without room (I1)')
    if (creating > this.#setting.creatingMax) say('beyond creatingMax')
    const isFailing = this.#factory.resources.length === this.#madeBeforeFailure
    if (isFailing && this.#clock.nowMs() < this.#retryAtMs) say('during the pause after a failure')
    if (isFailing && creating > 1) say('beside the prober')
    // Where nobody may wait, who is refused has one opened for the next.
    const isForTheNext = this.#setting.waitersMax === 0 && creating === 1 && counts.idle + validating === 0
    if (creating + validating > waiters && live > this.#liveWanted() && !isForTheNext) say('for nobody')
    if (this.isDrained) say('in a closed pool')
  }

  #liveWanted(): number {
    let most = this.#setting.warmUp // nobody hears when that one ends
    for (const { liveWanted } of this.warmUps) most = Math.max(most, liveWanted)
    return most
  }

  /** Nothing is readied that could not be lent. */
  #validateBegins(): void {
    const counts = this.#pool.counts()
    const { inUse, validating, limit } = counts
    if (inUse + validating > limit) this.fault(`a validation without headroom: ${JSON.stringify(counts)}`)
  }

  #created(): void {
    this.#retryAtMs = Number.NEGATIVE_INFINITY
    this.#madeBeforeFailure = -1 // a listener may have let it be made before we heard of the failure
    this.#failures = 0
    this.#latestFailure = undefined
  }

  #createFailed({ failure, failures, retryInMs }: PoolEvents['createFailed']): void {
    this.#retryAtMs = this.#clock.nowMs() + retryInMs
    this.#failures = failures
    this.#latestFailure = failure
    this.#madeBeforeFailure = this.#factory.resources.length
  }

  #evicted(reason: string): void {
    this.#evictions += 1
    const { live, limit } = this.#pool.counts()
    if (reason === 'idle' && live < this.#setting.limitMin) this.fault(`evicted down to ${live}`)
    if (reason === 'excess' && live < limit) this.fault(`evicted for nothing: ${live} are left of ${limit}`)
  }

  #drained(leasesCut: number): void {
    if (this.isDrained) this.fault('drained twice')
    if (this.cut !== leasesCut) this.fault(`${leasesCut} leases cut, ${this.cut} were ended by nobody else`)
    if (this.#out.size > 0) this.fault(`${this.#out.size} leases are out after the drain`)
    this.isDrained = true
  }

  // -------------------------------------------------------------------------------------------------- at rest

  /**
   * Nothing can happen now without time passing: is all as it must be?
   *
   * @param timersOfOthers timers on the clock that are not the pool's
   * @throws Error with what was wrong first
   */
  check(timersOfOthers: number): void {
    const [fault] = this.#faults
    if (fault !== undefined) throw new Error(fault)
    const nowMs = this.#clock.nowMs()
    // After a leap, what has fallen due has yet to be told: nothing is late before it could be known.
    const isOverdue = (this.#clock.nextTimerAtMs ?? Number.POSITIVE_INFINITY) <= nowMs
    checkInvariants(this.#pool, this.#factory, {
      isPaused: this.isPaused,
      isBackingOff: isOverdue || nowMs < this.#retryAtMs,
      waitersMax: this.#setting.waitersMax + this.#setting.limitMax, // for whom something was readied, come on top
    })
    const { waiters, inUse, size } = this.#pool.counts()
    if (waiters !== this.#waiting.size) throw new Error(`${waiters} waiters in the pool, ${this.#waiting.size} callers`)
    if (inUse !== this.#out.size) throw new Error(`${inUse} in use, ${this.#out.size} leases out`)
    const timers = this.#clock.timerCount - timersOfOthers
    if (this.isDrained && size === 0 && timers > 0) throw new Error(`I8: ${timers} timers after the drain`)
    if (isOverdue) return
    this.#checkTimeouts()
    for (const ask of this.#waiting) {
      if (ask.deadlineAtMs <= nowMs) throw new Error(`${ask.tag} waits past its deadline`)
      if (ask.signal?.aborted) throw new Error(`${ask.tag} waits past its abort`)
    }
    if (this.isDraining && size === 0 && waiters === 0 && !this.isDrained) throw new Error('a drain that does not end')
  }

  /** What the backend has not ended in time, or before the drain was over, is not counted any more; all else is. */
  #checkTimeouts(): void {
    const { createTimeoutMs, validateTimeoutMs, destroyTimeoutMs } = this.#setting
    const counts = this.#pool.counts()
    const creating = this.isDrained ? 0 : this.#factory.underWay('create', createTimeoutMs)
    const validating = this.#factory.underWay('validate', validateTimeoutMs)
    const destroying = this.#factory.underWay('destroy', destroyTimeoutMs)
    if (counts.creating !== creating) throw new Error(`${counts.creating} creating, expected ${creating}`)
    if (counts.validating !== validating) throw new Error(`${counts.validating} validating, expected ${validating}`)
    if (counts.destroying !== destroying) throw new Error(`${counts.destroying} destroying, expected ${destroying}`)
  }

  /** Every ask has come to its end, and the pool has counted each once. */
  checkTally(): void {
    const seen = new Map<string, number>()
    for (const { state } of this.asks) seen.set(state, (seen.get(state) ?? 0) + 1)
    for (const state of ['waiting', 'trying', 'granted', 'left'] as const) {
      if (seen.has(state)) throw new Error(`${seen.get(state)} asks are still ${state}`)
    }
    const stats = this.#pool.stats()
    const leases = seen.get('ended') ?? 0
    const made = this.#factory.resources.length
    const expected = {
      acquired: leases,
      released: leases,
      created: made,
      destroyed: made,
      evicted: this.#evictions,
      timedOut: this.#refusals.get('ERR_POOL_ACQUIRE_TIMEOUT') ?? 0,
      shed: this.#refusals.get('ERR_POOL_SHED') ?? 0,
      aborted: this.#refusals.get('ERR_POOL_ABORTED') ?? 0,
      queueFull: this.#refusals.get('ERR_POOL_QUEUE_FULL') ?? 0,
      createRefused: this.#refusals.get('ERR_POOL_CREATE_FAILED') ?? 0,
      drainRefused: this.#refusals.get('ERR_POOL_DRAINING') ?? 0,
    }
    for (const [key, count] of Object.entries(expected)) {
      const counted = stats[key as keyof typeof expected]
      if (counted !== count) throw new Error(`stats() says ${counted} ${key}, ${count} were seen`)
    }
  }
}
