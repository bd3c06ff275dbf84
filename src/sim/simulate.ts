import type { Clock } from '../base/clock.ts'
import { readOptions } from '../base/options.ts'
import { type Random, seededRandom } from '../base/random.ts'
import type { DecisionRecord } from '../control/controller.ts'
import { type AdaptivePool, type CreatePoolOptions, createPool } from '../create-pool.ts'
import { TimeAverage } from '../measure/average.ts'
import type { Lease } from '../pool/contract.ts'
import { AcquireTimeoutError, ShedError } from '../pool/pool-errors.ts'
import type { Backend, Job, RunningBackend } from './backend.ts'
import { countMoves, type Loss, SimulationResult, type SimulationRow, type SimulationWarning, Tally } from './result.ts'
import { VirtualClock } from './virtual-clock.ts'
import type { Arrivals, Workload } from './workload.ts'

/** A resource of a simulated pool: nothing but a number. */
export interface SimulatedResource {
  readonly id: number
}

/** Options of the pool under simulation: those of createPool(), without what the simulation brings. */
export type SimulatedPoolOptions = Omit<
  CreatePoolOptions<SimulatedResource>,
  'create' | 'destroy' | 'validate' | 'clock' | 'random'
>

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
  /** A request counts as good if it is completed this soon after it arrived, in ms, > 0. @defaultValue 500 */
  readonly sloMs?: number
  /** How often a request that got no lease asks again. Integer >= 0. @defaultValue 0 */
  readonly retries?: number
  /** From when `summary.recoveryMs` is counted, in ms: the onset or the end of a disturbance. @defaultValue never */
  readonly recoverFromMs?: number
}

export const SIMULATE_DEFAULTS: Required<Pick<SimulateOptions, 'seed' | 'sloMs' | 'retries'>> = {
  seed: 1,
  sloMs: 500, // what a page that makes a handful of such requests can bear
  retries: 0, // a retry storm is a scenario of its own
}

/** A refused request asks again after so many ms, chosen evenly: what simple clients do. */
const RETRY_DELAY_MS_MIN = 100
const RETRY_DELAY_MS_MAX = 300

/**
 * Runs the production engine against a model of a backend, under virtual time: minutes pass in a second or so. The
 * result depends on the options alone, so that two pools can be compared on the very same requests.
 *
 * @throws TypeError | RangeError for wrong options
 */
export async function simulate(options: SimulateOptions): Promise<SimulationResult> {
  return new Simulation(resolveSimulateOptions(options)).run()
}

interface ResolvedSimulateOptions extends Required<Omit<SimulateOptions, 'recoverFromMs'>> {
  readonly recoverFromMs: number | undefined
}

function resolveSimulateOptions(given: SimulateOptions): ResolvedSimulateOptions {
  const others = ['durationMs', 'workload', 'backend', 'pool', 'recoverFromMs'] as const
  const read = readOptions<SimulateOptions>('simulate', given, SIMULATE_DEFAULTS, others)
  return {
    seed: read.count('seed', { min: Number.MIN_SAFE_INTEGER }),
    durationMs: read.durationMs('durationMs', { min: 1, max: 2e9 }),
    workload: read.object<Workload>('workload', ['start']),
    backend: read.object<Backend>('backend', ['start']),
    pool: read.object<SimulatedPoolOptions>('pool', []),
    sloMs: read.durationMs('sloMs', { min: Number.MIN_VALUE, max: 2e9 }),
    retries: read.count('retries'),
    recoverFromMs: read.has('recoverFromMs') ? read.durationMs('recoverFromMs') : undefined,
  }
}

/** One request of the world outside, with all its tries. */
interface Visit {
  readonly job: Job
  readonly arrivedAtMs: number
  retriesLeft: number
}

class Simulation {
  readonly #options: ResolvedSimulateOptions
  readonly #clock = new VirtualClock()
  readonly #backend: RunningBackend
  readonly #resources: ResourceMeter
  readonly #pool: AdaptivePool<SimulatedResource>
  /** What arrives, and when. The pool's own chance is apart: whatever it does, the same requests come. */
  readonly #demand: Random
  readonly #retryDelays: Random
  readonly #arrivals: Arrivals
  readonly #tally: Tally
  readonly #records: DecisionRecord[] = []
  readonly #warnings: SimulationWarning[] = []

  constructor(options: ResolvedSimulateOptions) {
    const { seed, durationMs, workload, backend, pool } = options
    this.#options = options
    this.#demand = seededRandom(seed)
    this.#retryDelays = seededRandom(~seed)
    this.#tally = new Tally(options)
    this.#arrivals = workload.start(this.#demand, durationMs)
    this.#backend = backend.start(this.#clock)
    this.#resources = new ResourceMeter(this.#backend, this.#clock)
    this.#pool = createPool({
      name: 'simulated', // a pool without a name is numbered, and the number would be in the result
      ...pool,
      create: ({ signal }) => this.#resources.create(signal),
      destroy: () => this.#resources.destroy(),
      clock: this.#clock,
      random: seededRandom(seed ^ 0x55555555),
    })
  }

  async run(): Promise<SimulationResult> {
    const { durationMs, sloMs } = this.#options
    await this.#clock.advance(0) // warm-up, which takes no time
    this.#resources.begin()
    this.#record()
    this.#awaitArrival()
    await this.#clock.advanceTo(durationMs)
    const live = this.#resources.summary()
    await this.#clock.advanceTo(durationMs + sloMs)
    const { created, createFailed, waitMs, acquired, timedOut, shed, createRefused, queueFull } = this.#pool.stats()
    const summary = {
      ...this.#tally.summary(),
      acquires: acquired + timedOut + shed + createRefused + queueFull,
      waitMsMean: waitMs.mean,
      waitMsP99: waitMs.p99,
      ...live,
      created,
      createFailed,
      ...countMoves(this.#records),
    }
    return new SimulationResult(summary, this.#records.map(rowOf), this.#warnings)
  }

  /** What the pool decides and says until the last arrival; the rest of the run only lets requests end. */
  #record(): void {
    const { durationMs } = this.#options
    this.#pool.on('decided', (record) => {
      if (record.atMs <= durationMs) this.#records.push(record)
    })
    this.#pool.on('warning', (warning) => {
      const atMs = this.#clock.nowMs()
      if (atMs <= durationMs) this.#warnings.push({ atMs, ...warning })
    })
  }

  #awaitArrival(): void {
    const atMs = this.#arrivals.nextAtMs()
    if (atMs !== Number.POSITIVE_INFINITY) this.#clock.startTimer(atMs - this.#clock.nowMs(), this.#onArrival)
  }

  readonly #onArrival = (): void => {
    const arrivedAtMs = this.#clock.nowMs()
    const job = this.#backend.drawJob(this.#demand)
    this.#tally.arrived(arrivedAtMs)
    this.#ask({ job, arrivedAtMs, retriesLeft: this.#options.retries })
    this.#awaitArrival()
  }

  #ask(visit: Visit): void {
    this.#pool.acquire().then(
      (lease) => this.#serve(visit, lease),
      (error: unknown) => this.#refused(visit, error),
    )
  }

  #serve(visit: Visit, lease: Lease<SimulatedResource>): void {
    this.#backend.serve(visit.job, () => {
      lease.release()
      this.#tally.completed(visit.arrivedAtMs, this.#clock.nowMs())
    })
  }

  #refused(visit: Visit, error: unknown): void {
    if (visit.retriesLeft === 0) {
      this.#tally.lost(lossOf(error))
      return
    }
    visit.retriesLeft -= 1
    const delayMs = RETRY_DELAY_MS_MIN + (RETRY_DELAY_MS_MAX - RETRY_DELAY_MS_MIN) * this.#retryDelays.next()
    this.#clock.startTimer(delayMs, () => this.#ask(visit))
  }
}

function lossOf(error: unknown): Loss {
  if (error instanceof ShedError) return 'shed'
  return error instanceof AcquireTimeoutError ? 'timedOut' : 'failed'
}

function rowOf({ atMs, to, reason, sample }: DecisionRecord): SimulationRow {
  return { atMs, limit: to, reason, sample }
}

/** Opens and closes resources, and measures how many there are. */
class ResourceMeter {
  readonly #backend: RunningBackend
  readonly #clock: Clock
  readonly #average = new TimeAverage()
  #hasBegun = false
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

  async create(signal: AbortSignal): Promise<SimulatedResource> {
    this.#count(1)
    if (!this.#hasBegun) this.#backend.connectAtOnce()
    else {
      try {
        await this.#backend.connect(signal)
      } catch (error) {
        this.#count(-1)
        throw error
      }
    }
    this.#lastId += 1
    return { id: this.#lastId }
  }

  destroy(): void {
    this.#count(-1)
    this.#backend.disconnect()
  }

  summary(): { liveMean: number; liveMax: number } {
    this.#count(0)
    return { liveMean: this.#average.mean, liveMax: this.#liveMax }
  }

  #count(change: number): void {
    const nowMs = this.#clock.nowMs()
    if (nowMs > this.#seenAtMs) this.#average.add(this.#live, nowMs - this.#seenAtMs)
    this.#seenAtMs = nowMs
    this.#live += change
    this.#liveMax = Math.max(this.#liveMax, this.#live)
  }
}
