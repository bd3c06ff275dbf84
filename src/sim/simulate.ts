import type { Clock } from '../base/clock.ts'
import { readOptions, show } from '../base/options.ts'
import { type Random, seededRandom } from '../base/random.ts'
import { AdaptivePool, type CreatePoolOptions, resolveCreatePoolOptions } from '../create-pool.ts'
import { CONTROL_DEFAULTS } from '../handle.ts'
import { TimeAverage } from '../measure/average.ts'
import type { PoolStats } from '../measure/sampler.ts'
import type { AcquireOptions, Asker, GateLease } from '../pool/contract.ts'
import { AcquireTimeoutError, ShedError } from '../pool/pool-errors.ts'
import { POOL_DEFAULTS } from '../pool/pool-options.ts'
import type { Backend, Connection, RunningBackend } from './backend.ts'
import { ProcessClock } from './process-clock.ts'
import type { Job, RequestKind } from './request.ts'
import { SimulationResult } from './result.ts'
import { type ResolvedRetries, type RetryOptions, readRetries, retryDelayMs } from './retries.ts'
import { RunLog } from './run-log.ts'
import { type Loss, Tally } from './tally.ts'
import { realTurn, settled, VirtualClock, type VirtualTimer } from './virtual-clock.ts'
import { type Arrivals, readWorkload, type Workload } from './workload.ts'

/** A resource of a simulated pool: a number, and a connection to the backend. */
export interface SimulatedResource {
  readonly id: number
  readonly connection: Connection
}

/** Options of the pool under simulation: those of createPool(), without what the simulation brings. */
export type SimulatedPoolOptions = Omit<CreatePoolOptions<SimulatedResource>, (typeof OURS)[number]>

/** Options of createPool() that would be taken and not used. */
const OURS = ['create', 'destroy', 'validate', 'validateAfterIdleMs', 'validateTimeoutMs', 'clock', 'random'] as const

/** Options of {@link simulate}. */
export interface SimulateOptions {
  /** Of all chance in the run. Integer. @defaultValue 1 */
  readonly seed?: number
  /** How long requests arrive, in ms, > 0, up to 24 days. */
  readonly durationMs: number
  readonly workload: Workload
  readonly backend: Backend
  /** `warmUp` resources are open when the run begins, at no cost. */
  readonly pool: SimulatedPoolOptions
  /**
   * How many processes share the backend, each with such a pool. Each request comes to one of them by chance.
   * Rows and warnings are those of the first, all else is of all together. Integer, 1..1000. @defaultValue 1
   */
  readonly processes?: number
  /** A request counts as good if it is completed this soon after it arrived, in ms, > 0. @defaultValue 500 */
  readonly sloMs?: number
  /** How often a request that got no lease, or whose connection died, asks again; or how. @defaultValue 0 */
  readonly retries?: number | RetryOptions
  /**
   * From when `summary.recoveryMs` is counted, in ms: the onset of a disturbance, or its end.
   * @defaultValue the end of the backend's last disturbance
   */
  readonly recoverFromMs?: number
}

export const SIMULATE_DEFAULTS: Required<Pick<SimulateOptions, 'seed' | 'processes' | 'sloMs' | 'retries'>> = {
  seed: 1,
  processes: 1, // most services have more; but whose traffic is given is more often that of one of them
  sloMs: 500, // what a page that makes a handful of such requests can bear
  retries: 0, // a retry storm is a scenario of its own
}

/**
 * Runs the production engine against a model of a backend, under virtual time: minutes pass in a second or so. The
 * result depends on the options alone, so that two pools can be compared on the very same requests.
 *
 * @throws TypeError | RangeError for wrong options
 */
export async function simulate(options: SimulateOptions): Promise<SimulationResult> {
  return new Simulation(resolveSimulateOptions(options)).run()
}

interface ResolvedSimulateOptions extends Required<Omit<SimulateOptions, 'recoverFromMs' | 'retries'>> {
  readonly retries: ResolvedRetries
  readonly recoverFromMs: number | undefined
}

function resolveSimulateOptions(given: SimulateOptions): ResolvedSimulateOptions {
  requireNoScenario(given)
  const others = ['durationMs', 'workload', 'backend', 'pool', 'recoverFromMs'] as const
  const read = readOptions<SimulateOptions>('simulate', given, SIMULATE_DEFAULTS, others)
  return {
    seed: read.count('seed', { min: Number.MIN_SAFE_INTEGER }),
    durationMs: read.durationMs('durationMs', { min: 1, max: 2e9 }),
    workload: readWorkload(read),
    backend: read.object<Backend>('backend', ['start'], 'uslBackend(…), curveBackend(…) or an object'),
    pool: readPool(read.value('pool') as SimulatedPoolOptions),
    processes: read.count('processes', { min: 1, max: 1_000 }),
    sloMs: read.durationMs('sloMs', { min: Number.MIN_VALUE, max: 2e9 }),
    retries: readRetries('simulate', read.value('retries')),
    recoverFromMs: read.has('recoverFromMs') ? read.durationMs('recoverFromMs') : lastEndMs(given),
  }
}

/** Of what does not last to the end of the run. A leap of the clock is over when it begins. */
function lastEndMs({ backend, durationMs }: SimulateOptions): number | undefined {
  const ends = (backend.disturbances ?? []).map((it) => ('leapMs' in it ? it.fromMs : it.toMs))
  const last = Math.max(...ends.filter((atMs) => atMs < durationMs))
  return Number.isFinite(last) ? last : undefined
}

/** The rest is read where the pool is made; but what that may be given, a simulation's may not. */
function readPool(pool: SimulatedPoolOptions): SimulatedPoolOptions {
  const owner = 'simulate: pool'
  for (const key of OURS) {
    const given = (pool as Record<string, unknown> | undefined)?.[key]
    if (given === undefined) continue
    throw new TypeError(`${owner}: ${key} is the simulation's own: leave it out, got ${show(given)}`)
  }
  if (pool === undefined) throw new TypeError(`${owner} must be an object of options, got undefined`)
  const { clock: _, random: __, ...defaults } = { ...POOL_DEFAULTS, ...CONTROL_DEFAULTS }
  readOptions<SimulatedPoolOptions>(owner, pool, defaults, ['name', 'destroyOnError']) // names what is allowed here
  return pool
}

/** Whoever hands over a whole scenario means its options. */
function requireNoScenario(given: object): void {
  const { name, options } = Object(given) as { readonly name?: unknown; readonly options?: unknown }
  if (options === undefined) return
  const which = typeof name === 'string' ? `scenarios['${name}'].options` : 'its options'
  throw new TypeError(`simulate: expected an object of options, got a scenario: give ${which}`)
}

/** One request of the world outside, with all its tries. */
interface Visit {
  readonly pool: SimulatedPool
  readonly job: Job
  readonly arrivedAtMs: number
  readonly kind: RequestKind | undefined
  retriesMade: number
}

/** The production pool, asked by callback: a promise per request would cost as much as all the rest. */
class SimulatedPool extends AdaptivePool<SimulatedResource> {
  ask(options: AcquireOptions, asker: Asker<SimulatedResource>): void {
    this.engine.request(options, asker)
  }

  /** A statement begins, and ends: as an adapter tells of its driver's queries. */
  asked(lease: GateLease<SimulatedResource>, text: string): void {
    this.engine.work?.queryBegan(lease, text)
  }

  answered(lease: GateLease<SimulatedResource>): void {
    if (!lease.hasEnded) this.engine.work?.queriesEnded(lease)
  }
}

/**
 * Whoever is refused in the instant of asking, and need not think, comes again so long after, in ms: in no time at all,
 * as often as you like, and time would stand still. A real process takes that long to fail, and to try again.
 */
const REFUSED_PAUSE_MS = 1

/** Timers fired in a row before the real event loop gets a turn. */
const TIMERS_PER_TURN = 50_000

const NO_OPTIONS: AcquireOptions = {}

class Simulation {
  readonly #options: ResolvedSimulateOptions
  readonly #clock = new VirtualClock()
  readonly #backend: RunningBackend
  readonly #resources: ResourceMeter
  readonly #pools: readonly SimulatedPool[]
  /** What arrives, and when. The pool's own chance is apart: whatever it does, the same requests come. */
  readonly #demand: Random
  readonly #retryDelays: Random
  readonly #processes: Random
  readonly #arrivals: Arrivals
  readonly #arrivalTimer: VirtualTimer
  readonly #acquireOptions = new Map<RequestKind, AcquireOptions>()
  readonly #tally: Tally
  readonly #log = new RunLog()
  /** Of the next arrival. */
  #nextAtMs = Number.POSITIVE_INFINITY
  #nextKind: RequestKind | undefined

  constructor(options: ResolvedSimulateOptions) {
    const { seed, durationMs, workload, backend, processes } = options
    this.#options = options
    this.#demand = seededRandom(seed)
    this.#retryDelays = seededRandom(~seed)
    this.#processes = seededRandom(seed ^ 0x77777777)
    this.#tally = new Tally(options)
    this.#arrivals = workload.start(this.#demand, durationMs)
    this.#arrivalTimer = this.#clock.movableTimer(this.#onArrival)
    this.#backend = backend.start(this.#clock, seededRandom(seed ^ 0x33333333))
    this.#resources = new ResourceMeter(this.#backend, this.#clock)
    const clock = this.#processClock()
    this.#pools = Array.from({ length: processes }, (_, at) => this.#newPool(clock, (seed ^ 0x55555555) + at))
  }

  #newPool(clock: Clock, seed: number): SimulatedPool {
    const parts = resolveCreatePoolOptions<SimulatedResource>('simulate: pool', {
      name: 'simulated', // a pool without a name is numbered, and the number would be in the result
      ...this.#options.pool,
      create: ({ signal }) => this.#resources.create(signal),
      destroy: (resource) => this.#resources.destroy(resource),
      clock,
      random: seededRandom(seed),
    })
    return new SimulatedPool(...parts)
  }

  async run(): Promise<SimulationResult> {
    const { durationMs, sloMs } = this.#options
    await this.#clock.advance(0) // warm-up, which takes no time
    this.#resources.begin()
    this.#record()
    this.#awaitArrival()
    await this.#runUntil(durationMs)
    const live = this.#resources.summary()
    await this.#runUntil(durationMs + sloMs)
    const summary = {
      ...this.#tally.summary(),
      ...totalOf(this.#pools.map((pool) => pool.stats())),
      ...live,
      ...this.#log.moves(),
      lateMsMax: 0,
    }
    const { rows, warnings } = this.#log
    return new SimulationResult({ summary, rows, warnings, ...this.#tally.told() })
  }

  /** Fires timer by timer. Only while the pool opens or closes something are there promises to be waited for. */
  async #runUntil(untilMs: number): Promise<void> {
    for (let fired = 1; ; fired++) {
      if (this.#resources.takePromises() || this.#resources.isOpening) {
        do await settled()
        while (this.#resources.takePromises())
      }
      if (!this.#clock.fireNext(untilMs)) break
      if (fired % TIMERS_PER_TURN === 0) await realTurn()
    }
    await this.#clock.advanceTo(untilMs)
  }

  /** The process in front of the backend has disturbances of its own. */
  #processClock(): Clock {
    const { backend, durationMs, sloMs } = this.#options
    const endMs = durationMs + sloMs
    let leaping: ProcessClock | undefined
    for (const disturbance of backend.disturbances ?? []) {
      const { fromMs, toMs } = disturbance
      if (fromMs >= endMs) continue
      if ('stall' in disturbance) {
        // Until the end of the run at most; and of two that overlap, the later end counts.
        const restMs = (): number => Math.max(0, Math.min(toMs, endMs) - this.#clock.nowMs())
        this.#clock.startTimer(fromMs, () => this.#clock.leap(restMs()))
      }
      if (!('leapMs' in disturbance)) continue
      leaping ??= new ProcessClock(this.#clock)
      const clock = leaping
      this.#clock.startTimer(fromMs, () => clock.leap(disturbance.leapMs))
    }
    return leaping ?? this.#clock
  }

  /** What the pool decides and says until the last arrival; the rest of the run only lets requests end. */
  #record(): void {
    const { durationMs } = this.#options
    const [pool] = this.#pools as [SimulatedPool]
    pool.on('decided', (record) => {
      const atMs = this.#clock.nowMs()
      if (atMs <= durationMs) this.#log.decided(atMs, record)
    })
    pool.on('warning', (warning) => {
      const atMs = this.#clock.nowMs()
      if (atMs <= durationMs) this.#log.warned(atMs, warning)
    })
    pool.on('warningEnded', (ended) => {
      if (this.#clock.nowMs() <= durationMs) this.#log.warningEnded(ended)
    })
  }

  #awaitArrival(): void {
    const atMs = this.#arrivals.nextAtMs()
    this.#nextAtMs = atMs
    if (atMs === Number.POSITIVE_INFINITY) return
    this.#nextKind = this.#arrivals.kind
    this.#arrivalTimer.moveTo(Math.max(atMs, this.#clock.nowMs()))
  }

  readonly #onArrival = (): void => {
    this.#arrive(this.#nextAtMs, this.#nextKind)
    this.#awaitArrival()
  }

  /** @param arrivedAtMs when it was due: a process that was stalled hears of it later, and its caller has waited */
  #arrive(arrivedAtMs: number, kind: RequestKind | undefined): void {
    const job = this.#backend.drawJob(this.#demand, kind)
    this.#tally.arrived(arrivedAtMs)
    this.#ask({ pool: this.#drawPool(), job, arrivedAtMs, kind, retriesMade: 0 })
  }

  #drawPool(): SimulatedPool {
    return this.#pools[Math.floor(this.#processes.next() * this.#pools.length)] as SimulatedPool
  }

  #ask(visit: Visit): void {
    visit.pool.ask(this.#acquireOptionsOf(visit.kind), {
      granted: (lease) => this.#serve(visit, lease),
      refused: (error) => this.#failed(visit, lossOf(error), error),
    })
  }

  #acquireOptionsOf(kind: RequestKind | undefined): AcquireOptions {
    if (kind === undefined) return NO_OPTIONS
    let options = this.#acquireOptions.get(kind)
    if (options === undefined) {
      const { tag, priority = 0 } = kind
      options = tag === undefined ? { priority } : { tag, priority }
      this.#acquireOptions.set(kind, options)
    }
    return options
  }

  #serve(visit: Visit, lease: GateLease<SimulatedResource>): void {
    const { pool, job, kind } = visit
    const { connection } = lease.resource
    pool.asked(lease, kind?.tag ?? 'statement')
    this.#backend.serve(
      connection,
      job,
      (error) => this.#served(visit, lease, error),
      job.holdMs > 0 ? () => pool.answered(lease) : undefined,
    )
  }

  #served(visit: Visit, lease: GateLease<SimulatedResource>, error: Error | undefined): void {
    if (error !== undefined) {
      lease.destroy(error)
      this.#failed(visit, 'failed', error)
      return
    }
    if (visit.job.isLeaked !== true) lease.release()
    else visit.pool.answered(lease)
    this.#tally.completed(visit.arrivedAtMs, this.#clock.nowMs())
    this.#answer(visit)
  }

  #failed(visit: Visit, loss: Loss, error: Error): void {
    const { retries } = this.#options
    if (visit.retriesMade >= retries.count) {
      this.#tally.lost(loss, error)
      this.#answer(visit)
      return
    }
    const delayMs = retryDelayMs(retries, visit.retriesMade, this.#retryDelays.next())
    visit.retriesMade += 1
    this.#clock.startTimer(delayMs, () => this.#ask(visit))
  }

  /** A caller who waits for answers comes again. */
  #answer({ arrivedAtMs, kind }: Visit): void {
    if (this.#arrivals.answered === undefined) return
    const nowMs = this.#clock.nowMs()
    const pauseMs = arrivedAtMs === nowMs ? REFUSED_PAUSE_MS : 0
    const atMs = Math.max(this.#arrivals.answered(nowMs, kind), nowMs + pauseMs)
    if (atMs < this.#options.durationMs) this.#clock.startTimer(atMs - nowMs, () => this.#arrive(atMs, kind))
  }
}

function totalOf(stats: readonly PoolStats[]) {
  const sum = { acquires: 0, waitMsMean: 0, waitMsP99: 0, created: 0, createFailed: 0 }
  let acquired = 0
  for (const it of stats) {
    sum.acquires += it.acquired + it.timedOut + it.shed + it.createRefused + it.queueFull
    acquired += it.acquired
    sum.waitMsMean += it.waitMs.mean * it.acquired
    sum.waitMsP99 = Math.max(sum.waitMsP99, it.waitMs.p99)
    sum.created += it.created
    sum.createFailed += it.createFailed
  }
  return { ...sum, waitMsMean: acquired > 0 ? sum.waitMsMean / acquired : 0 }
}

function lossOf(error: Error): Loss {
  if (error instanceof ShedError) return 'shed'
  return error instanceof AcquireTimeoutError ? 'timedOut' : 'failed'
}

/** Opens and closes resources, and measures how many there are. */
class ResourceMeter {
  readonly #backend: RunningBackend
  readonly #clock: Clock
  readonly #average = new TimeAverage()
  #hasBegun = false
  #hasPromises = true
  #opening = 0
  #lastId = 0
  #live = 0
  #liveMax = 0
  #seenAtMs = 0

  constructor(backend: RunningBackend, clock: Clock) {
    this.#backend = backend
    this.#clock = clock
  }

  /** From now on opening takes its time. */
  begin(): void {
    this.#hasBegun = true
  }

  /** May there be promises that settle now? Asked again once they have. */
  takePromises(): boolean {
    const hadPromises = this.#hasPromises
    this.#hasPromises = false
    return hadPromises
  }

  /** While it does, any timer may be the one that lets a connection in. */
  get isOpening(): boolean {
    return this.#opening > 0
  }

  async create(signal: AbortSignal): Promise<SimulatedResource> {
    this.#count(1)
    this.#hasPromises = true
    const connection = this.#hasBegun ? await this.#open(signal) : this.#backend.connectAtOnce()
    this.#lastId += 1
    return { id: this.#lastId, connection }
  }

  destroy({ connection }: SimulatedResource): void {
    this.#hasPromises = true
    this.#count(-1)
    this.#backend.disconnect(connection)
  }

  summary(): { liveMean: number; liveMax: number } {
    this.#count(0)
    return { liveMean: this.#average.mean, liveMax: this.#liveMax }
  }

  async #open(signal: AbortSignal): Promise<Connection> {
    this.#opening += 1
    try {
      return await this.#backend.connect(signal)
    } catch (error) {
      this.#count(-1)
      throw error
    } finally {
      this.#opening -= 1
    }
  }

  #count(change: number): void {
    const nowMs = this.#clock.nowMs()
    if (nowMs > this.#seenAtMs) this.#average.add(this.#live, nowMs - this.#seenAtMs)
    this.#seenAtMs = nowMs
    this.#live += change
    this.#liveMax = Math.max(this.#liveMax, this.#live)
  }
}
