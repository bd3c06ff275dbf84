import { assert } from '../base/assert.ts'
import { type Clock, TIMER_DELAY_MS_MAX, type Timer } from '../base/clock.ts'
import { readOptions } from '../base/options.ts'
import type { Random } from '../base/random.ts'
import { exponential } from './exponential.ts'
import { Heap, type Ranked } from './heap.ts'

/** What stands behind the pool: the database, as far as a pool can tell. Options only; `start` brings one up. */
export interface Backend {
  start(clock: Clock): RunningBackend
}

/** What one request wants, drawn when it arrives and kept through its retries. */
export interface Job {
  /** Time of its statement on a backend that serves nothing else, over the mean such time: a ratio. */
  readonly work: number
  /** How long the application keeps the lease after the statement. */
  readonly holdMs: number
}

/** A backend in one run. */
export interface RunningBackend {
  drawJob(random: Random): Job
  /** Opens a connection. Rejects when the backend refuses, or when `signal` is aborted first. */
  connect(signal: AbortSignal): Promise<void>
  /** Opens a connection before the run, in no time. */
  connectAtOnce(): void
  disconnect(): void
  /** Serves a job on an open connection: statement, then hold; then calls `done`. */
  serve(job: Job, done: () => void): void
}

/** What happens to the backend from `fromMs` until before `toMs`, in ms from the start of the run: one of the three. */
export type Disturbance = CapacityDisturbance | LeaseDisturbance | RefusalDisturbance

interface Span {
  readonly fromMs: number
  readonly toMs: number
}

/** Every statement advances at `capacity` of its usual speed: a ratio >= 0. Several at once multiply. */
export interface CapacityDisturbance extends Span {
  readonly capacity: number
}

/** Requests that arrive keep their leases longer: added to the mean hold, in ms, >= 0. Several at once add up. */
export interface LeaseDisturbance extends Span {
  readonly extraLeaseMs: number
}

/** New connections are refused, as if there were too many. */
export interface RefusalDisturbance extends Span {
  readonly refuse: true
}

/** Options of {@link uslBackend}. */
export interface UslBackendOptions {
  /** Mean time of a statement that has the backend to itself, in ms, > 0; times are exponentially distributed. */
  readonly serviceMsMean: number
  /** Contention: the part of each statement that is served one at a time; a ratio in 0..1. @defaultValue 0 */
  readonly sigma?: number
  /** Crosstalk: what each pair of statements costs the others; a ratio >= 0. @defaultValue 0 */
  readonly kappa?: number
  /** Time to open a connection to an idle backend, in ms; grows by 1 % per statement inside. @defaultValue 50 */
  readonly connectMs?: number
  /** Mean time for which the application keeps a lease after its statement, in ms; exponential. @defaultValue 0 */
  readonly holdMsMean?: number
  /** Connections from which on more are refused. @defaultValue Infinity */
  readonly connectionsMax?: number
  readonly disturbances?: readonly Disturbance[]
}

export const USL_BACKEND_DEFAULTS = {
  sigma: 0, // with kappa 0 as well, a backend that any number of statements leave as fast as one
  kappa: 0,
  connectMs: 50, // TLS and authentication over a few ms of network; 2 ms on the loopback device
  holdMsMean: 0, // autocommit: the lease ends with its statement
  connectionsMax: Number.POSITIVE_INFINITY,
  disturbances: [],
} as const satisfies Partial<UslBackendOptions>

/**
 * A backend under processor sharing on a curve of the Universal Scalability Law: with n statements inside, each
 * advances at 1 / (1 + sigma·(n − 1) + kappa·n·(n − 1)) of the speed that it has alone. Throughput peaks at
 * n = sqrt((1 − sigma) / kappa) and falls beyond.
 *
 * @throws TypeError or RangeError for an option that is wrong
 * @source Gunther 2007, "Guerrilla Capacity Planning", chapter 4; Parekh and Gallager 1993, "A generalized processor
 *   sharing approach to flow control", IEEE/ACM Transactions on Networking 1(3), section III, for the virtual time
 */
export function uslBackend(options: UslBackendOptions): Backend {
  const resolved = resolveUslBackendOptions(options)
  return { start: (clock) => new UslBackend(resolved, clock) }
}

function resolveUslBackendOptions(given: UslBackendOptions): Required<UslBackendOptions> {
  const read = readOptions('uslBackend', given, USL_BACKEND_DEFAULTS, ['serviceMsMean'])
  const disturbances: unknown = given.disturbances ?? USL_BACKEND_DEFAULTS.disturbances
  if (!Array.isArray(disturbances)) return read.contradiction('disturbances', 'must be an array')
  return {
    serviceMsMean: read.durationMs('serviceMsMean', { min: Number.MIN_VALUE, max: Number.MAX_VALUE }),
    sigma: read.ratio('sigma', { max: 1 }),
    kappa: read.ratio('kappa', { max: Number.MAX_VALUE }),
    connectMs: read.durationMs('connectMs', { max: Number.MAX_VALUE }),
    holdMsMean: read.durationMs('holdMsMean', { max: Number.MAX_VALUE }),
    connectionsMax: read.count('connectionsMax', { min: 1, max: Number.POSITIVE_INFINITY }),
    disturbances: disturbances.map(readDisturbance),
  }
}

type DisturbanceFields = Span & Partial<CapacityDisturbance & LeaseDisturbance & { refuse: boolean }>

function readDisturbance(given: DisturbanceFields): Disturbance {
  const kinds = ['capacity', 'extraLeaseMs', 'refuse'] as const
  const read = readOptions('uslBackend: a disturbance', given, {}, ['fromMs', 'toMs', ...kinds])
  const span = { fromMs: read.durationMs('fromMs'), toMs: read.durationMs('toMs') }
  if (span.toMs <= span.fromMs) return read.contradiction('toMs', `must come after fromMs, ${span.fromMs}`)
  const [kind, ...others] = kinds.filter((name) => read.has(name))
  if (kind === undefined || others.length > 0)
    return read.contradiction(others[0] ?? kinds[0], `must be there once, or another of ${kinds.join(', ')}`)
  if (kind === 'capacity') return { ...span, capacity: read.ratio('capacity', { max: Number.MAX_VALUE }) }
  if (kind === 'extraLeaseMs') return { ...span, extraLeaseMs: read.durationMs(kind, { max: Number.MAX_VALUE }) }
  if (!read.flag('refuse')) return read.contradiction('refuse', 'must be true')
  return { ...span, refuse: true }
}

class UslBackend implements RunningBackend {
  readonly #options: Required<UslBackendOptions>
  readonly #clock: Clock
  readonly #statements: ProcessorSharing
  /** Connections open, and being opened: both hold a slot. */
  #connections = 0
  // What the disturbances in force make of it; kept up to date by timers at their ends.
  #extraHoldMs = 0
  #isRefusing = false

  constructor(options: Required<UslBackendOptions>, clock: Clock) {
    this.#options = options
    this.#clock = clock
    this.#statements = new ProcessorSharing(options, clock)
    for (const { fromMs, toMs } of options.disturbances) {
      for (const atMs of [fromMs, toMs]) {
        if (atMs <= TIMER_DELAY_MS_MAX) clock.startTimer(atMs, () => this.#applyDisturbances())
      }
    }
  }

  drawJob(random: Random): Job {
    const work = exponential(random)
    return { work, holdMs: exponential(random) * (this.#options.holdMsMean + this.#extraHoldMs) }
  }

  connect(signal: AbortSignal): Promise<void> {
    const isRefused = this.#isRefusing || this.#connections >= this.#options.connectionsMax
    this.#connections += 1
    return new Promise((resolve, reject) => {
      const leave = (reason: unknown): void => {
        this.#connections -= 1
        reject(reason)
      }
      const onAbort = (): void => {
        timer.cancel()
        leave(signal.reason)
      }
      const timer = this.#clock.startTimer(this.#options.connectMs * (1 + this.#statements.count / 100), () => {
        signal.removeEventListener('abort', onAbort)
        if (isRefused) leave(new TooManyConnections())
        else resolve()
      })
      signal.addEventListener('abort', onAbort, { once: true })
    })
  }

  connectAtOnce(): void {
    this.#connections += 1
  }

  disconnect(): void {
    this.#connections -= 1
    assert(this.#connections >= 0, 'the backend has fewer than no connections')
  }

  serve(job: Job, done: () => void): void {
    const hold = job.holdMs > 0 ? () => void this.#clock.startTimer(job.holdMs, done) : done
    this.#statements.enter(job.work, hold)
  }

  #applyDisturbances(): void {
    const nowMs = this.#clock.nowMs()
    let capacity = 1
    this.#extraHoldMs = 0
    this.#isRefusing = false
    for (const disturbance of this.#options.disturbances) {
      if (nowMs < disturbance.fromMs || nowMs >= disturbance.toMs) continue
      if ('capacity' in disturbance) capacity *= disturbance.capacity
      else if ('extraLeaseMs' in disturbance) this.#extraHoldMs += disturbance.extraLeaseMs
      else this.#isRefusing = true
    }
    this.#statements.setCapacity(capacity)
  }
}

/** What PostgreSQL answers; the pool tells it by its code from a backend that is down. */
class TooManyConnections extends Error {
  override readonly name = 'TooManyConnections'
  readonly code = '53300'

  constructor() {
    super('sorry, too many clients already')
  }
}

interface Statement extends Ranked {
  readonly done: () => void
}

/**
 * Statements that share one processor equally, in event form. Virtual time is the work that a statement has received
 * which has been inside from the start: it runs at the speed of one statement, whatever that is at the moment. Who
 * enters at V with work w leaves at V + w, so nothing about those inside has to change when the speed does:
 *
 *   virtual time   0 ──────── V (now) ──── tag ──── tag ──► the smallest tag leaves next
 */
class ProcessorSharing {
  readonly #serviceMsMean: number
  readonly #sigma: number
  readonly #kappa: number
  readonly #clock: Clock
  readonly #inside = new Heap<Statement>()
  #order = 0
  #capacity = 1
  #virtualWork = 0
  /** When the virtual time was brought up to date. */
  #atMs: number
  #leaving: Timer | undefined

  constructor({ serviceMsMean, sigma, kappa }: Required<UslBackendOptions>, clock: Clock) {
    this.#serviceMsMean = serviceMsMean
    this.#sigma = sigma
    this.#kappa = kappa
    this.#clock = clock
    this.#atMs = clock.nowMs()
  }

  get count(): number {
    return this.#inside.size
  }

  enter(work: number, done: () => void): void {
    this.#catchUp()
    this.#inside.push({ rank: this.#virtualWork + work, order: this.#order++, heapIndex: -1, done })
    this.#awaitNext()
  }

  setCapacity(capacity: number): void {
    this.#catchUp()
    this.#capacity = capacity
    this.#awaitNext()
  }

  /** Work that one statement receives per ms. */
  #workPerMs(): number {
    const n = this.#inside.size
    return this.#capacity / ((1 + this.#sigma * (n - 1) + this.#kappa * n * (n - 1)) * this.#serviceMsMean)
  }

  #catchUp(): void {
    const nowMs = this.#clock.nowMs()
    // Nobody inside, nobody to compare with: starting from 0 again keeps the tags precise through a long run.
    if (this.#inside.size === 0) this.#virtualWork = 0
    else this.#virtualWork += (nowMs - this.#atMs) * this.#workPerMs()
    this.#atMs = nowMs
  }

  #awaitNext(): void {
    this.#leaving?.cancel()
    this.#leaving = undefined
    const next = this.#inside.first
    if (next === undefined || this.#capacity === 0) return
    const inMs = (next.rank - this.#virtualWork) / this.#workPerMs()
    if (inMs < TIMER_DELAY_MS_MAX) this.#leaving = this.#clock.startTimer(inMs, () => this.#leave(next))
  }

  #leave(statement: Statement): void {
    this.#catchUp()
    this.#virtualWork = statement.rank // what it should be, but for rounding
    this.#inside.remove(statement)
    this.#awaitNext()
    statement.done()
  }
}
