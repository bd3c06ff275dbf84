import { inspect } from 'node:util'
import { type AsyncScope, captureAsyncScope, clockInScope } from './base/async-scope.ts'
import { type Clock, systemClock, type Timer } from './base/clock.ts'
import { Emitter, type Labelled, type Observable } from './base/emitter.ts'
import { ignore } from './base/ignore.ts'
import { type OptionsReader, readOptions, requireInteger, show } from './base/options.ts'
import { harmlessRandom, type Random, systemRandom } from './base/random.ts'
import { ControlLoop } from './control/control-loop.ts'
import type { Controller, DecisionRecord } from './control/controller.ts'
import { requireController } from './control/guards.ts'
import { hybrid } from './control/hybrid.ts'
import { type PoolStats, Sampler } from './measure/sampler.ts'
import type { LiveCounts, PoolCounts, PoolEvents, Source } from './pool/contract.ts'
import type { Manner } from './pool/manner.ts'
import { type DrainResult, Pool } from './pool/pool.ts'
import type { ResolvedPoolOptions } from './pool/pool-options.ts'
import { holdersOf } from './watch/holders.ts'
import { type Profile, Profiler } from './watch/profile.ts'
import type { Diagnosis, WatchEvents } from './watch/warning.ts'
import { Watch } from './watch/watch.ts'
import { type ResolvedWatchOptions, resolveWatchOptions, type WatchOptions } from './watch/watch-options.ts'
import { Witness } from './watch/witness.ts'

interface HandleEvents extends PoolEvents, WatchEvents {
  /** A window closed, and the controller decided. Comes every window, whether or not the limit moved. */
  decided: DecisionRecord
}

/** What a pool of either kind tells: the engine's events, the watch's, every decision; each with its name. */
export type PoolHandleEvents = Labelled<HandleEvents>

/** How a pool of either kind is measured, controlled and watched. */
export interface ControlOptions {
  /** Labels every metric, event and error. Not empty. @defaultValue 'pool-1', 'pool-2', … */
  readonly name?: string
  /** Decides what the limit should be. @defaultValue hybrid() */
  readonly controller?: Controller
  /** Length of a measuring window, in ms, 10..60_000; under pressure it is closed early. @defaultValue 250 */
  readonly windowMs?: number
  /** When the watch speaks; `false`: never. @defaultValue see WATCH_DEFAULTS */
  readonly watch?: WatchOptions | false
  /** Time, for tests and simulations; tried once, then trusted. @defaultValue the process's monotonic clock */
  readonly clock?: Clock
  /** Chance, for tests and simulations; what throws, or is no number from 0 to 1, is 0.5. @defaultValue Math.random */
  readonly random?: Random
}

export const CONTROL_DEFAULTS = {
  controller: hybrid() as Controller, // the only one that tells a small pool from a saturated backend
  windowMs: 250, // tens of completions in a busy pool; four decisions a second
  watch: {} as WatchOptions | false,
  clock: systemClock as Clock,
  random: systemRandom as Random,
} as const satisfies Omit<Required<ControlOptions>, 'name'>

/** The options of ControlOptions, complete. */
export interface ResolvedControlOptions {
  readonly name: string
  readonly controller: Controller
  readonly windowMs: number
  readonly watch: ResolvedWatchOptions
  readonly clock: Clock
  readonly random: Random
}

let namelessPools = 0

/**
 * Reads the options that both kinds of pool share.
 *
 * @throws TypeError | RangeError naming the option, the value and what is allowed
 */
export function resolveControlOptions(owner: string, read: OptionsReader<ControlOptions>): ResolvedControlOptions {
  const clock = read.object<Clock>('clock', ['nowMs', 'startTimer'])
  // Tried once: where a time is no number nothing is ever due, and where a timer cannot be cancelled whoever is to be
  // served hangs. Not watched later, which every acquire would pay for.
  const nowMs: unknown = clock.nowMs()
  if (!Number.isFinite(nowMs)) throw refusal(owner, 'nowMs() must give a finite number', nowMs)
  const timer: unknown = clock.startTimer(0, ignore, true)
  if (typeof (timer as Timer | undefined)?.cancel !== 'function') {
    throw refusal(owner, 'startTimer() must give an object with cancel()', timer)
  }
  ;(timer as Timer).cancel()
  return {
    name: read.has('name') ? read.text('name') : `pool-${++namelessPools}`,
    controller: readController(owner, read),
    windowMs: read.durationMs('windowMs', { min: 10, max: 60_000 }),
    watch: resolveWatchOptions(owner, read.value('watch'), clock === systemClock),
    clock,
    random: harmlessRandom(read.object<Random>('random', ['next'])),
  }
}

function refusal(owner: string, says: string, given: unknown): TypeError {
  return new TypeError(`${owner}: clock.${says}, got ${show(given)}`)
}

function readController(owner: string, read: OptionsReader<ControlOptions>): Controller {
  const controller: unknown = read.value('controller')
  requireController(owner, controller)
  return controller
}

/** The engine as handles see it. It only hands resources out: a pool of dogs is a pool of animals. */
export type Engine<out T> = Omit<Pool<T>, 'endLease' | 'leaseEndedError'>

/**
 * The handle of a pool of either kind: engine, control loop and watch behind one surface. A native pool adds acquire
 * to it, an adopted one detach.
 */
export class PoolHandle<T> implements Observable<PoolHandleEvents>, AsyncDisposable {
  readonly name: string
  protected readonly engine: Engine<T>
  readonly #events: Emitter<HandleEvents>
  readonly #limits: ResolvedPoolOptions
  readonly #watch: Watch
  // Made while the engine is made, which hands them its live counts.
  #sampler!: Sampler
  #loop!: ControlLoop
  readonly #profiler: Profiler
  #witness: Witness | undefined
  #isPinned = false
  readonly #warnedOf = new Set<string>()

  constructor(
    options: { readonly pool: ResolvedPoolOptions; readonly control: ResolvedControlOptions },
    sourceIn: (scope: AsyncScope) => Source<T>,
    manner?: Manner,
  ) {
    const { pool, control } = options
    const { name, clock, random } = control
    const scope = captureAsyncScope('AdaptivePool')
    this.name = name
    this.#limits = pool
    this.#profiler = new Profiler(clock, control.watch.callSitesPerSecond > 0, (lease) => this.#witness?.rested(lease))
    this.#events = new Emitter<HandleEvents>(name, (error, event) => this.#reportListener(error, event))
    this.engine = new Pool<T>({
      name,
      source: sourceIn(scope),
      options: pool,
      clock,
      random,
      scope,
      events: this.#events,
      holders: holdersOf,
      ...(manner === undefined ? {} : { manner }),
      instruments: (counts) => this.#instruments(counts, scope, control),
    })
    this.#watch = new Watch({
      poolName: name,
      options: control.watch,
      acquireTimeoutMs: pool.acquireTimeoutMs,
      clock: clockInScope(clock, scope),
      events: this.#events,
      counts: () => this.counts(),
      isPaused: () => this.engine.isPaused,
      waitingSinceMs: () => this.engine.waitingSinceMs,
      leases: () => this.engine.leases(),
      waiters: () => this.engine.waiters(),
      profiler: control.watch.isOn ? this.#profiler : undefined,
      reclaim: (lease) => void this.engine.reclaim(lease),
    })
    this.#events.on('created', () => this.#watch.created())
    this.#events.on('createFailed', (event) => this.#watch.createFailed(event))
  }

  #instruments(counts: LiveCounts, scope: AsyncScope, control: ResolvedControlOptions) {
    const { limitMin, limitMax } = this.#limits
    this.#sampler = new Sampler(counts, control.clock.nowMs(), control.watch.waitSloMs)
    this.#loop = new ControlLoop({
      controller: control.controller,
      sampler: this.#sampler,
      clock: clockInScope(control.clock, scope),
      windowMs: control.windowMs,
      limitMin,
      limitMax,
      counts,
      resize: (limit, reason) => this.engine.resize(limit, reason),
      openAhead: (liveMin) => this.engine.openAhead(liveMin),
      onDecision: (sample, wanted, record) => {
        this.#watch.observe(sample, wanted, {
          waitingSinceMs: counts.waitingSinceMs,
          ceiling: this.#isPinned || control.controller.isManual ? counts.limit : limitMax,
        })
        if (sample.arrivals + sample.inUse + sample.waiters === 0) this.#witness?.rest()
        this.#events.emit('decided', record)
      },
      onWaiterQueued: (nowMs) => this.#watch.waiterQueued(nowMs),
      onControllerFailure: (error) => this.#watch.controllerFailed(error),
      mayRest: () => this.#watch.isQuiet,
    })
    return { observer: this.#sampler, control: this.#loop, ...this.#watchers(counts, control) }
  }

  /** Those that only a watch needs. */
  #watchers(counts: LiveCounts, { watch }: ResolvedControlOptions) {
    if (!watch.isOn) return {}
    this.#witness = new Witness({
      counts,
      sitesPerMs: watch.callSitesPerSecond / 1_000,
      ended: (lease, nowMs, weight) => {
        try {
          this.#profiler.leaseEnded(lease, nowMs, weight)
        } catch (error) {
          this.#events.report(error, 'profile') // in the middle of somebody's release: a resource would be lost
        }
      },
    })
    return { witness: this.#witness, work: this.#profiler }
  }

  /** All counts of this moment. */
  counts(): PoolCounts {
    return this.engine.counts()
  }

  /** What has happened since the pool was made; times in ms. */
  stats(): PoolStats {
    return this.#sampler.stats()
  }

  /** What is wrong with the pool now, if anything; on what evidence; and what to do. */
  diagnose(): Diagnosis {
    return this.#watch.diagnose()
  }

  /**
   * Where the time of leases goes, by tag or call site: in queries, and held without one. Everyone who ends a lease is
   * in it up to a hundred and fifty a second, and a sample of a busier pool; with `watch: false`, nobody.
   */
  profile(): Profile {
    return this.#profiler.profile()
  }

  /**
   * What the controller has learnt: plain data, to be saved and given to the next process's controller. That of
   * `hybrid()` goes back in as a whole: `hybrid({ learnt: JSON.parse(saved) })`.
   */
  controllerState(): unknown {
    return this.#loop.controllerState
  }

  /**
   * The last decisions of the controller, oldest first.
   *
   * @param count at most so many; integer >= 0. @defaultValue all that are remembered (256)
   * @throws TypeError | RangeError for any other
   */
  decisions(count?: number): readonly DecisionRecord[] {
    if (count !== undefined) requireInteger('decisions: count', count, 0, Number.MAX_SAFE_INTEGER, '>= 0')
    return this.#loop.decisions(count)
  }

  /**
   * Sets the limit by hand; the controller does not move it until `resume()`. Leased resources over the limit go when
   * they come back.
   *
   * @param limit integer within limitMin..limitMax; from 1 where limitMin was not given
   * @throws TypeError | RangeError for any other
   */
  resize(limit: number): void {
    const { pinMin, limitMax } = this.#limits
    requireInteger('resize: limit', limit, pinMin, limitMax, `up to limitMax (${pinMin}..${limitMax})`)
    this.#isPinned = true
    this.#loop.pin()
    this.engine.resize(limit, 'manual')
  }

  /** Grants nothing until `resume()`: acquires queue, under their deadlines. For a fail-over by hand. */
  pause(): void {
    this.engine.pause()
  }

  /** Takes back `pause()` and `resize()`: grants go on, and the controller has the limit again. */
  resume(): void {
    this.#isPinned = false
    this.#loop.unpin()
    this.engine.resume()
  }

  /**
   * Opens resources ahead of any acquire, until `count` are live (or as many as the limit allows).
   *
   * @param count integer within 0..limitMax
   * @throws TypeError | RangeError for any other
   * @throws CreateFailedError (as rejection) when creating is denied, or has failed createBackoff.refuseAfter times
   */
  async warmUp(count: number): Promise<void> {
    const { limitMax } = this.#limits
    requireInteger('warmUp: count', count, 0, limitMax, `within 0..limitMax (${limitMax})`)
    await this.engine.warmUp(count)
  }

  /**
   * Closes the pool: refuses new acquires, serves those who wait, waits for leases to end, destroys everything.
   * A second call has the result of the first; if its patience ends sooner, that counts.
   *
   * @param options.timeoutMs patience in ms, >= 0: after it, waiters are refused and leased resources destroyed under
   *   their holders. @defaultValue Infinity
   * @returns what did not end by itself
   * @throws TypeError | RangeError (as rejection) for wrong options
   */
  async drain(options: { readonly timeoutMs?: number } = {}): Promise<DrainResult> {
    const read = readOptions('drain', options, { timeoutMs: Number.POSITIVE_INFINITY })
    const timeoutMs = read.durationMs('timeoutMs') // a shutdown that has used up its time may have 0 left
    const result = await this.engine.drain(timeoutMs)
    this.stop()
    return result
  }

  /** The source is in place: what is wanted before anybody comes is opened. */
  protected start(): void {
    const { warmUp } = this.#limits
    this.#loop.start()
    // What fails is an event, and is tried again for the first acquire.
    if (warmUp > 0) this.engine.openFirst(warmUp)
  }

  /** Nothing is left to decide, or to watch. */
  protected stop(): void {
    this.#loop.stop()
    this.#witness?.rest()
    this.#watch.stop()
  }

  /** Drains. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.drain()
  }

  on<K extends keyof PoolHandleEvents>(event: K, listener: (payload: PoolHandleEvents[K]) => void): this {
    this.#events.on(event, listener)
    return this
  }

  once<K extends keyof PoolHandleEvents>(event: K, listener: (payload: PoolHandleEvents[K]) => void): this {
    this.#events.once(event, listener)
    return this
  }

  off<K extends keyof PoolHandleEvents>(event: K, listener: (payload: PoolHandleEvents[K]) => void): this {
    this.#events.off(event, listener)
    return this
  }

  /**
   * A listener that throws harms nothing, but nobody would know: an event says so, else the process's warnings; these
   * once for each event, since some come at every acquire.
   */
  #reportListener(error: unknown, event: string): void {
    if (event !== 'listenerFailed' && this.#events.has('listenerFailed')) {
      this.#events.emit('listenerFailed', { event, error })
    } else if (!this.#warnedOf.has(event)) {
      this.#warnedOf.add(event)
      // inspect, not String: what was thrown may be no error, and may have no string.
      process.emitWarning(`A listener for '${event}' of pool '${this.name}' failed: ${inspect(error)}`, {
        code: 'ADAPTIVE_POOL_LISTENER',
      })
    }
  }
}
