import { getEventListeners } from 'node:events'
import { seededRandom } from '../../src/base/random.ts'
import { fixed } from '../../src/control/fixed.ts'
import { type AdaptivePool, createPool } from '../../src/create-pool.ts'
import type { Lease } from '../../src/pool/contract.ts'
import type { DrainResult } from '../../src/pool/pool.ts'
import { PoolError } from '../../src/pool/pool-errors.ts'
import { adaptiveLifo, codel } from '../../src/pool/queue-policy.ts'
import { settled, VirtualClock } from '../../src/sim/virtual-clock.ts'
import { FakeFactory, type FakeResource } from '../support/fake-factory.ts'
import { type AtOnce, type Command, type Deed, type Program, type Setting, SIGNALS } from './command.ts'
import { type Ask, Model, type QueueName } from './model.ts'

const POLICIES = { fifo: 'fifo', codel: codel(), adaptiveLifo: adaptiveLifo() } as const

/** Rejections that nobody has handled, in whatever program. */
const unhandled: unknown[] = []
process.on('unhandledRejection', (reason) => unhandled.push(reason))

/**
 * Runs a program against a pool, checks the pool against the model after each command, then lets everything end well:
 * whoever waits is served, the pool drains, and nothing is left anywhere.
 *
 * @throws Error with what was wrong first, and after which command
 */
export async function runProgram({ setting, commands }: Program, queue: QueueName): Promise<void> {
  const run = new Run(setting, queue)
  let step = 'its construction'
  try {
    await run.check()
    for (let index = 0; index < commands.length; index++) {
      step = `command ${index}`
      await run.command(commands[index] as Command)
      await run.check()
    }
    step = 'the calm afterwards'
    await run.calmDown()
    await run.check()
    step = 'the end'
    await run.end()
    await run.check()
  } catch (error) {
    throw new Error(`after ${step}: ${error instanceof Error ? error.message : String(error)}`, { cause: error })
  }
}

/** The caller whose resource a function of use() breaks. */
class Broken extends Error {}

class Run {
  readonly #setting: Setting
  readonly #clock = new VirtualClock()
  readonly #factory = new FakeFactory(this.#clock)
  readonly #pool: AdaptivePool<FakeResource>
  readonly #model: Model
  readonly #signals: AbortController[] = []
  readonly #allSignals: AbortSignal[] = []
  #leases: Lease<FakeResource>[] = []
  readonly #ended: Lease<FakeResource>[] = []
  readonly #askOf = new WeakMap<Lease<FakeResource>, Ask>()
  /** Timers of holders inside use(). */
  #holds = 0
  #drainResult: DrainResult | undefined
  #isCalm = false

  constructor(setting: Setting, queue: QueueName) {
    this.#setting = setting
    const { refuseAfter, validates, validateAfterIdleMs, validateTimeoutMs, ...options } = setting
    const { create, destroy, validate } = this.#factory.functions
    this.#pool = createPool<FakeResource>({
      ...options,
      ...(validates ? { validate, validateAfterIdleMs, validateTimeoutMs } : {}),
      create,
      destroy,
      destroyOnError: (error) => error instanceof Broken,
      createBackoff: { initialMs: 50, maxMs: 100, refuseAfter },
      queue: POLICIES[queue],
      controller: fixed(),
      windowMs: 10_000,
      watch: false,
      clock: this.#clock,
      random: seededRandom(1),
    })
    this.#model = new Model(this.#pool, this.#factory, this.#clock, setting, queue)
  }

  async check(): Promise<void> {
    await settled()
    this.#model.check(this.#factory.timerCount + this.#holds)
  }

  command(command: Command): void | Promise<void> {
    if (command.do === 'advance') return this.#clock.advance(command.ms)
    this.#atOnce(command)
  }

  #atOnce(command: AtOnce): void {
    if (command.do === 'leap') this.#clock.leap(command.ms)
    else if (command.do === 'meddle') this.#pool.once(command.on, () => this.#meddle(command.deed))
    else this.#deed(command)
  }

  #meddle(deed: Deed): void {
    if (!this.#isCalm) this.#deed(deed)
  }

  #deed(deed: Deed): void {
    if (deed.do === 'acquire') this.#acquire(deed)
    else if (deed.do === 'tryAcquire') this.#tryAcquire()
    else if (deed.do === 'use') this.#use(deed)
    else if (deed.do === 'endTwice') this.#endTwice(deed.which)
    else if (deed.do === 'release' || deed.do === 'destroy') this.#endLease(deed.do, deed.which)
    else if (deed.do === 'abort') this.#abort(deed.signal)
    else if (deed.do === 'resize') this.#resize(deed.limit)
    else if (deed.do === 'pause') this.#pause()
    else if (deed.do === 'resume') this.#resume()
    else if (deed.do === 'warmUp') this.#warmUp(deed.count % (this.#setting.limitMax + 1))
    else if (deed.do === 'script') this.#script(deed)
    else if (deed.do === 'drain') this.#drain(deed.timeoutMs)
    else this.#factory[deed.do]()
  }

  #script({ operation, behaviour, isDeaf }: Extract<Deed, { do: 'script' }>): void {
    this.#factory.behaviour[operation] = behaviour
    this.#factory.isDeaf = isDeaf
  }

  // ------------------------------------------------------------------------------------------------- the callers

  #acquire({ timeoutMs, priority, signal: slot }: Extract<Deed, { do: 'acquire' }>): void {
    const signal = slot === undefined ? undefined : this.#signal(slot)
    const ask = this.#ask({ timeoutMs, priority, signal })
    const options = { tag: ask.tag, priority, ...(timeoutMs && { timeoutMs }), ...(signal && { signal }) }
    this.#pool.acquire(options).then(
      (lease) => this.#deliver(ask, lease),
      (error: unknown) => this.#model.rejected(ask, error),
    )
  }

  #deliver(ask: Ask, lease: Lease<FakeResource>): void {
    this.#model.received(ask, lease.resource)
    this.#leases.push(lease)
    this.#askOf.set(lease, ask)
  }

  #ask(wanted: { timeoutMs?: number | undefined; priority?: number; signal?: AbortSignal | undefined }): Ask {
    const { timeoutMs = this.#setting.acquireTimeoutMs, priority = 0, signal } = wanted
    return this.#model.ask({ deadlineAtMs: this.#clock.nowMs() + timeoutMs, priority, signal }, 'waiting')
  }

  #tryAcquire(): void {
    const ask = this.#model.ask({}, 'trying')
    const lease = this.#pool.tryAcquire({ tag: ask.tag })
    if (lease === undefined) this.#model.notLent(ask)
    else this.#deliver(ask, lease)
  }

  #use({ holdMs, ends }: Extract<Deed, { do: 'use' }>): void {
    const ask = this.#ask({})
    const work = async (resource: FakeResource): Promise<string> => {
      this.#model.received(ask, resource)
      if (holdMs > 0) await this.#hold(holdMs)
      ask.isHandedBack = ask.state === 'granted' // else the drain has cut it
      if (ends === 'well') return ask.tag
      if (ends === 'broken') this.#model.broke(resource)
      throw ends === 'broken' ? new Broken(ask.tag) : new Error(ask.tag)
    }
    this.#pool.use(work, { tag: ask.tag }).then(
      (answer) => {
        if (answer !== ask.tag || ends !== 'well') this.#model.fault(`use() of ${ask.tag} answers ${answer}`)
      },
      (error: unknown) => {
        if (error instanceof PoolError) this.#model.rejected(ask, error)
        else if ((error as Error).message !== ask.tag) this.#model.fault(`use() of ${ask.tag} threw ${String(error)}`)
      },
    )
  }

  #hold(ms: number): Promise<void> {
    this.#holds += 1
    return new Promise((resolve) => {
      this.#clock.startTimer(ms, () => {
        this.#holds -= 1
        resolve()
      })
    })
  }

  #endLease(end: 'release' | 'destroy', which: number): void {
    const [lease] = this.#leases.splice(which % Math.max(1, this.#leases.length), 1)
    if (lease === undefined) return
    this.#ended.push(lease)
    if (end === 'destroy') this.#model.broke(lease.resource)
    this.#handBack(lease, end)
  }

  #handBack(lease: Lease<FakeResource>, end: 'release' | 'destroy'): void {
    const ask = this.#askOf.get(lease) as Ask
    ask.isHandedBack = true
    lease[end]()
    if (ask.state === 'granted') ask.isHandedBack = false // not told at once: the drain had cut it, and is about to say so
  }

  /** I5 */
  #endTwice(which: number): void {
    const lease = this.#ended[which % Math.max(1, this.#ended.length)]
    if (lease === undefined) return
    for (const end of ['release', 'destroy'] as const) {
      let code: unknown
      try {
        lease[end]()
      } catch (error) {
        code = (error as PoolError).code
      }
      if (code !== 'ERR_POOL_LEASE_ENDED') this.#model.fault(`a lease is ended twice, by ${end}`)
    }
    lease[Symbol.dispose]()
  }

  #signal(slot: number): AbortSignal {
    const controller = this.#signals[slot % SIGNALS] ?? this.#newSignal(slot)
    return controller.signal
  }

  #newSignal(slot: number): AbortController {
    const controller = new AbortController()
    this.#signals[slot % SIGNALS] = controller
    this.#allSignals.push(controller.signal)
    return controller
  }

  /** The first abort of a slot aborts its signal; the second puts a fresh one there. */
  #abort(slot: number): void {
    const controller = this.#signals[slot % SIGNALS]
    if (controller === undefined || controller.signal.aborted) this.#newSignal(slot)
    else controller.abort()
  }

  #resize(limit: number): void {
    const { limitMin, limitMax } = this.#setting
    this.#pool.resize(limitMin + (limit % (limitMax - limitMin + 1)))
  }

  #pause(): void {
    this.#model.isPaused = !this.#model.isDraining
    this.#pool.pause()
  }

  #resume(): void {
    this.#model.isPaused = false
    this.#pool.resume()
  }

  #warmUp(count: number): void {
    const warmUp = { liveWanted: count }
    this.#model.warmUps.add(warmUp)
    this.#pool.warmUp(count).then(
      () => {
        this.#model.warmUps.delete(warmUp)
      },
      (error: unknown) => {
        this.#model.warmUps.delete(warmUp)
        if (!(error instanceof PoolError)) this.#model.fault(`warmUp: ${String(error)}`)
      },
    )
  }

  #drain(timeoutMs: number): void {
    this.#model.isDraining = true
    this.#model.isPaused = false
    this.#pool.drain({ timeoutMs }).then((result) => {
      this.#drainResult = result
    })
  }

  // ----------------------------------------------------------------------------------------------------- the end

  /** From now on all goes well: whoever waits is served, and what nobody needs is evicted. */
  async calmDown(): Promise<void> {
    this.#isCalm = true
    this.#factory.heal()
    this.#resume()
    const { limitMin, idleTimeoutMs } = this.#setting
    for (let round = 0; round < 1_000 && !this.#isIdle(); round++) {
      for (const lease of this.#leases.splice(0)) this.#handBack(lease, 'release')
      await this.#clock.advance(1)
    }
    if (!this.#isIdle()) throw new Error(`stuck: ${this.#model.waiting} wait, ${this.#model.leasesOut} have leases`)
    await this.#clock.advance(500)
    if (idleTimeoutMs === Number.POSITIVE_INFINITY) return
    const { live } = this.#pool.counts()
    if (live > limitMin) throw new Error(`${live} live after all have been idle for longer than idleTimeoutMs`)
  }

  #isIdle(): boolean {
    return this.#model.waiting === 0 && this.#model.leasesOut === 0 && this.#holds === 0
  }

  /** I8 */
  async end(): Promise<void> {
    const isFirst = !this.#model.isDraining
    this.#drain(50)
    await this.#clock.advance(500)
    const { size, waiters } = this.#pool.counts()
    if (size + waiters > 0) throw new Error(`drained with ${size} entries and ${waiters} waiters`)
    if (this.#model.warmUps.size > 0) throw new Error(`${this.#model.warmUps.size} warm-ups unsettled`)
    this.#checkDrain(isFirst)
    for (const { id, state } of this.#factory.resources) if (state !== 'closed') throw new Error(`leaked ${id}`)
    for (const signal of this.#allSignals) {
      if (getEventListeners(signal, 'abort').length > 0) throw new Error('a listener is left on a signal')
    }
    this.#model.checkTally()
    await new Promise((resolve) => setImmediate(resolve)) // when node tells of unhandled rejections
    const [rejection] = unhandled.splice(0)
    if (rejection !== undefined) throw new Error(`unhandled rejection: ${String(rejection)}`, { cause: rejection })
  }

  #checkDrain(isFirst: boolean): void {
    const result = this.#drainResult
    if (result === undefined) throw new Error('drain() is not settled')
    const { leasesCut, waitersRefused, unfinished, holders } = result
    if (leasesCut !== this.#model.cut) throw new Error(`drain() says ${leasesCut} leases cut`)
    if (waitersRefused !== this.#model.drainRefused) throw new Error(`drain() says ${waitersRefused} waiters refused`)
    const held = holders.reduce((sum, { count }) => sum + count, 0)
    if (held !== leasesCut) throw new Error(`drain() says ${held} holders`)
    if (isFirst && leasesCut + waitersRefused + unfinished > 0) throw new Error('a drain in a calm was cut short')
  }
}
