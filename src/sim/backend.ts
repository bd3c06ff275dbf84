import { assert } from '../base/assert.ts'
import { TIMER_DELAY_MS_MAX, type Timer } from '../base/clock.ts'
import { readOptions, show } from '../base/options.ts'
import type { Random } from '../base/random.ts'
import { type Disturbance, DURATION_MS_MAX, readDisturbances } from './disturbance.ts'
import { exponential } from './exponential.ts'
import { ProcessorSharing, type SpeedCurve } from './processor-sharing.ts'
import type { Job, RequestKind } from './request.ts'
import { type DrawWork, readServiceTimes, type ServiceTimes } from './service-times.ts'
import type { VirtualClock } from './virtual-clock.ts'

/** What stands behind the pool: the database, as far as a pool can tell. Options only; `start` brings one up. */
export interface Backend {
  /** Those that befall the process in front of it (stall, leap) are the simulation's to bring about. */
  readonly disturbances?: readonly Disturbance[]
  /** @param random chance of the backend's own, apart from that of the requests */
  start(clock: VirtualClock, random: Random): RunningBackend
}

/** A backend in one run. */
export interface RunningBackend {
  drawJob(random: Random, kind?: RequestKind): Job
  /** Opens a connection. Rejects when the backend refuses, or when `signal` is aborted first. */
  connect(signal: AbortSignal): Promise<Connection>
  /** Opens a connection before the run, in no time. */
  connectAtOnce(): Connection
  disconnect(connection: Connection): void
  /**
   * Serves a job on a connection: statement, then hold; then calls `done`, with an error if the connection died. In
   * between, if there is a hold, `answered`.
   */
  serve(connection: Connection, job: Job, done: (error?: Error) => void, answered?: () => void): void
}

/** One connection; it dies when the backend does, and whoever holds it learns of that with its next statement. */
export interface Connection {
  readonly isAlive: boolean
}

/** Options that all modelled backends share. */
export interface BackendOptions {
  /** @defaultValue 'exponential' */
  readonly serviceTimes?: ServiceTimes
  /** Time to open a connection to an idle backend, in ms; grows by 1 % per statement inside. @defaultValue 50 */
  readonly connectMs?: number
  /** The part of that for which the backend serves one connect at a time, in ms: a fork, say. @defaultValue 0 */
  readonly connectSerialMs?: number
  /** What opening one costs the backend, in statements of mean size: it is served beside them. @defaultValue 0 */
  readonly connectWork?: number
  /** Mean time for which the application keeps a lease after its statement, in ms; exponential. @defaultValue 0 */
  readonly holdMsMean?: number
  /** Connections from which on more are refused. @defaultValue Infinity */
  readonly connectionsMax?: number
  readonly disturbances?: readonly Disturbance[]
}

/** Options of {@link uslBackend}. */
export interface UslBackendOptions extends BackendOptions {
  /** Mean time of a statement that has the backend to itself, in ms, > 0. */
  readonly serviceMsMean: number
  /** Contention: the part of each statement that is served one at a time; a ratio in 0..1. @defaultValue 0 */
  readonly sigma?: number
  /** Crosstalk: what each pair of statements costs the others; a ratio >= 0. @defaultValue 0 */
  readonly kappa?: number
}

/** Options of {@link curveBackend}. */
export interface CurveBackendOptions extends BackendOptions {
  /**
   * What has been measured: [statements inside, statements completed per second], in rising order of the former, the
   * first with 1 inside. Between two points it is interpolated; beyond the last, throughput stays.
   */
  readonly throughput: readonly (readonly [inside: number, perSecond: number])[]
}

export const BACKEND_DEFAULTS = {
  serviceTimes: 'exponential' as ServiceTimes,
  connectMs: 50, // TLS and authentication over a few ms of network; 2 ms on the loopback device
  connectSerialMs: 0, // PostgreSQL forks for 2 to 10 ms; a proxy in front of it does not
  connectWork: 0, // in truth about sixty small queries of PostgreSQL, which forks a process
  holdMsMean: 0, // autocommit: the lease ends with its statement
  connectionsMax: Number.POSITIVE_INFINITY,
  disturbances: [] as readonly Disturbance[],
} as const satisfies Required<BackendOptions>

export const USL_BACKEND_DEFAULTS = {
  ...BACKEND_DEFAULTS,
  sigma: 0, // with kappa 0 as well, a backend that any number of statements leave as fast as one
  kappa: 0,
} as const

/**
 * A backend under processor sharing on a curve of the Universal Scalability Law: with n statements inside, each
 * advances at 1 / (1 + sigma·(n − 1) + kappa·n·(n − 1)) of the speed that it has alone. Throughput peaks at
 * n = sqrt((1 − sigma) / kappa) and falls beyond.
 *
 * @throws TypeError or RangeError for an option that is wrong
 * @source Gunther 2007, "Guerrilla Capacity Planning", chapter 4
 */
export function uslBackend(options: UslBackendOptions): Backend {
  const owner = 'uslBackend'
  const read = readOptions<UslBackendOptions>(owner, options, USL_BACKEND_DEFAULTS, ['serviceMsMean'])
  const serviceMsMean = read.durationMs('serviceMsMean', { min: Number.MIN_VALUE, max: Number.MAX_VALUE })
  const sigma = read.ratio('sigma', { min: 0, max: 1 })
  const kappa = read.ratio('kappa', { min: 0, max: Number.MAX_VALUE })
  const curveWith =
    (contention: number, crosstalk: number): SpeedCurve =>
    (n) =>
      1 / ((1 + contention * (n - 1) + crosstalk * n * (n - 1)) * serviceMsMean)
  const knees = new Map<Disturbance, SpeedCurve>()
  const shared = resolveShared(owner, options)
  for (const disturbance of shared.disturbances) {
    if ('kappa' in disturbance) knees.set(disturbance, curveWith(disturbance.sigma ?? sigma, disturbance.kappa))
  }
  const model = { ...shared, curve: curveWith(sigma, kappa), knees }
  return { disturbances: shared.disturbances, start: (clock, random) => new ModelledBackend(model, clock, random) }
}

/**
 * A backend under processor sharing on a curve that has been measured: the truth of one machine, flat tops and kinks
 * included, which a formula smooths away.
 *
 * @throws TypeError or RangeError for an option that is wrong
 */
export function curveBackend(options: CurveBackendOptions): Backend {
  const owner = 'curveBackend'
  const read = readOptions<CurveBackendOptions>(owner, options, BACKEND_DEFAULTS, ['throughput'])
  const curve = readCurve(owner, read.value('throughput'))
  const shared = resolveShared(owner, options)
  if (shared.disturbances.some((disturbance) => 'kappa' in disturbance)) {
    return read.contradiction('disturbances', 'cannot change kappa: a measured curve has none')
  }
  const model = { ...shared, curve, knees: new Map<Disturbance, SpeedCurve>() }
  return { disturbances: shared.disturbances, start: (clock, random) => new ModelledBackend(model, clock, random) }
}

function readCurve(owner: string, given: unknown): SpeedCurve {
  const allowed = 'points [inside, perSecond], inside rising from 1, perSecond > 0'
  if (!Array.isArray(given) || given.length === 0) {
    throw new TypeError(`${owner}: throughput must be an array of ${allowed}, got ${show(given)}`)
  }
  const points = given as readonly (readonly [number, number])[]
  points.forEach((point, at) => {
    if (!Array.isArray(point)) {
      throw new TypeError(`${owner}: throughput must be an array of ${allowed}, got ${show(point)} at ${at}`)
    }
    const [inside, perSecond] = point as readonly unknown[]
    const isRising = at === 0 ? inside === 1 : isMeasured(inside) && inside > (points[at - 1]?.[0] as number)
    if (!isRising || !(isMeasured(perSecond) && perSecond > 0)) {
      throw new RangeError(
        `${owner}: throughput must be ${allowed}, got [${show(inside)}, ${show(perSecond)}] at ${at}`,
      )
    }
  })
  return (n) => {
    const at = points.findIndex(([inside]) => inside >= n)
    const [highN, high] = (points[at] ?? points.at(-1)) as readonly [number, number]
    if (at <= 0 || highN === n) return high / n / 1000
    const [lowN, low] = points[at - 1] as readonly [number, number]
    return (low + ((high - low) * (n - lowN)) / (highN - lowN)) / n / 1000
  }
}

function isMeasured(value: unknown): value is number {
  return Number.isFinite(value)
}

interface Shared {
  readonly drawWork: DrawWork
  readonly connectMs: number
  readonly connectSerialMs: number
  readonly connectWork: number
  readonly holdMsMean: number
  readonly connectionsMax: number
  readonly disturbances: readonly Disturbance[]
}

function resolveShared(owner: string, options: BackendOptions): Shared {
  const { serviceTimes, connectMs, connectSerialMs, connectWork, holdMsMean, connectionsMax, disturbances } = options
  const connects = { connectMs, connectSerialMs, connectWork, connectionsMax }
  const given = omitUndefined({ serviceTimes, ...connects, holdMsMean, disturbances })
  const read = readOptions<BackendOptions>(owner, given, BACKEND_DEFAULTS)
  return {
    drawWork: readServiceTimes(owner, read.value('serviceTimes')),
    connectMs: read.durationMs('connectMs', { max: DURATION_MS_MAX }),
    connectSerialMs: read.durationMs('connectSerialMs', { max: DURATION_MS_MAX }),
    connectWork: read.ratio('connectWork', { min: 0, max: Number.MAX_VALUE }),
    holdMsMean: read.durationMs('holdMsMean', { max: DURATION_MS_MAX }),
    connectionsMax: read.count('connectionsMax', { min: 1, max: Number.POSITIVE_INFINITY }),
    disturbances: readDisturbances(owner, read.value('disturbances')),
  }
}

function omitUndefined(options: Record<string, unknown>): BackendOptions {
  return Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined))
}

interface Model extends Shared {
  readonly curve: SpeedCurve
  readonly knees: ReadonlyMap<Disturbance, SpeedCurve>
}

/** Capacity that wavers is another share this often, in ms. */
const NOISE_STEP_MS = 500

/** A statement on a dead connection fails after one way over the network, in ms. */
const DEAD_MS = 1

class OpenConnection implements Connection {
  isAlive = true
}

class ModelledBackend implements RunningBackend {
  readonly #model: Model
  readonly #clock: VirtualClock
  readonly #random: Random
  readonly #statements: ProcessorSharing
  /** Open ones, and those being opened: both hold a slot. */
  readonly #connections = new Set<OpenConnection>()
  // What the disturbances in force make of it; kept up to date by timers at their ends.
  #extraHoldMs = 0
  #extraConnectMs = 0
  #connectionsMax: number
  #isRefusing = false
  #isUnreachable = false
  #isHanging = false
  #leakEveryMs = Number.POSITIVE_INFINITY
  #leakAtMs = Number.POSITIVE_INFINITY
  #noiseTimer: Timer | undefined
  /** When the connects begun so far are through with what is done one at a time. */
  #connectableAtMs = 0
  /** What goes on when a hang is over. */
  #hung: (() => void)[] = []

  constructor(model: Model, clock: VirtualClock, random: Random) {
    this.#model = model
    this.#clock = clock
    this.#random = random
    this.#connectionsMax = model.connectionsMax
    this.#statements = new ProcessorSharing(model.curve, clock)
    for (const disturbance of model.disturbances) {
      for (const atMs of [disturbance.fromMs, disturbance.toMs]) {
        if (atMs <= TIMER_DELAY_MS_MAX) clock.startTimer(atMs, () => this.#turn(disturbance, atMs))
      }
    }
  }

  drawJob(random: Random, kind?: RequestKind): Job {
    const work = this.#model.drawWork(random) * (kind?.work ?? 1)
    const holdMs = exponential(random) * (this.#model.holdMsMean + this.#extraHoldMs + (kind?.holdMsMean ?? 0))
    const nowMs = this.#clock.nowMs()
    if (nowMs < this.#leakAtMs) return { work, holdMs }
    this.#leakAtMs += this.#leakEveryMs
    return { work, holdMs, isLeaked: true }
  }

  connect(signal: AbortSignal): Promise<Connection> {
    const refusal = this.#refusal()
    const connection = new OpenConnection()
    this.#connections.add(connection)
    return new Promise((resolve, reject) => {
      const leave = (reason: unknown): void => {
        this.#connections.delete(connection)
        reject(reason)
      }
      const onAbort = (): void => {
        timer.cancel()
        leave(signal.reason)
      }
      const end = (error?: Error): void => {
        if (signal.aborted) return // it has left already
        signal.removeEventListener('abort', onAbort)
        const failure = error ?? (connection.isAlive ? refusal : new ConnectionLost())
        if (failure === undefined) resolve(connection)
        else leave(failure)
      }
      const greet = (): void => {
        const { connectWork } = this.#model
        if (this.#isHanging) this.#hung.push(greet)
        else if (connectWork > 0 && refusal === undefined) this.#statements.enter(connectWork, end)
        else end()
      }
      const usualMs = this.#model.connectMs * (1 + this.#statements.count / 100) + this.#extraConnectMs
      const timer = this.#startTimer(this.#isUnreachable ? DEAD_MS : this.#queueMs() + usualMs, greet)
      signal.addEventListener('abort', onAbort, { once: true })
    })
  }

  /** What lasts longer than a timer can keep outlasts every run. */
  #startTimer(delayMs: number, fire: () => void): Timer {
    return this.#clock.startTimer(Math.min(delayMs, TIMER_DELAY_MS_MAX), fire)
  }

  /** How long one more connect waits for those before it. */
  #queueMs(): number {
    const nowMs = this.#clock.nowMs()
    const startsAtMs = Math.max(nowMs, this.#connectableAtMs)
    this.#connectableAtMs = startsAtMs + this.#model.connectSerialMs
    return startsAtMs - nowMs
  }

  #refusal(): Error | undefined {
    if (this.#isUnreachable) return new Unreachable()
    const isFull = this.#connections.size >= this.#connectionsMax
    return this.#isRefusing || isFull ? new TooManyConnections() : undefined
  }

  connectAtOnce(): Connection {
    const connection = new OpenConnection()
    this.#connections.add(connection)
    return connection
  }

  disconnect(connection: Connection): void {
    const wasOpen = this.#connections.delete(connection as OpenConnection)
    assert(wasOpen || !connection.isAlive, 'a connection is closed once')
  }

  serve(connection: Connection, job: Job, done: (error?: Error) => void, answered?: () => void): void {
    if (!connection.isAlive) {
      this.#clock.startTimer(DEAD_MS, () => done(new ConnectionLost()))
      return
    }
    if (job.holdMs <= 0) return this.#statements.enter(job.work, done)
    this.#statements.enter(job.work, (error) => {
      answered?.()
      if (error === undefined) this.#startTimer(job.holdMs, done)
      else done(error)
    })
  }

  /** A disturbance begins, or ends. */
  #turn(disturbance: Disturbance, atMs: number): void {
    if ('kill' in disturbance && atMs === disturbance.fromMs) this.#killAll()
    this.#apply()
  }

  #killAll(): void {
    for (const connection of this.#connections) connection.isAlive = false
    this.#connections.clear()
    this.#statements.failAll(new ConnectionLost())
  }

  #apply(): void {
    const nowMs = this.#clock.nowMs()
    const { disturbances, connectionsMax, curve, knees } = this.#model
    let capacity = 1
    let noise = 0
    let neighbours = 0
    let curveNow = curve
    let leakEveryMs = Number.POSITIVE_INFINITY
    this.#extraHoldMs = 0
    this.#extraConnectMs = 0
    this.#connectionsMax = connectionsMax
    this.#isRefusing = false
    this.#isUnreachable = false
    this.#isHanging = false
    for (const disturbance of disturbances) {
      if (nowMs < disturbance.fromMs || nowMs >= disturbance.toMs) continue
      if ('capacity' in disturbance) capacity *= disturbance.capacity
      else if ('noise' in disturbance) noise = Math.max(noise, disturbance.noise)
      else if ('neighbours' in disturbance) neighbours += disturbance.neighbours
      else if ('kappa' in disturbance) curveNow = knees.get(disturbance) ?? curve
      else if ('extraLeaseMs' in disturbance) this.#extraHoldMs += disturbance.extraLeaseMs
      else if ('extraConnectMs' in disturbance) this.#extraConnectMs += disturbance.extraConnectMs
      else if ('connectionsMax' in disturbance) {
        this.#connectionsMax = Math.min(this.#connectionsMax, disturbance.connectionsMax)
      } else if ('refuse' in disturbance) this.#isRefusing = true
      else if ('kill' in disturbance) this.#isUnreachable = true
      else if ('hang' in disturbance) this.#isHanging = true
      else if ('leakEveryMs' in disturbance) leakEveryMs = Math.min(leakEveryMs, disturbance.leakEveryMs)
    }
    if (leakEveryMs !== this.#leakEveryMs) this.#leakAtMs = nowMs + leakEveryMs
    this.#leakEveryMs = leakEveryMs
    this.#setSpeed(capacity, noise, neighbours, curveNow)
    if (!this.#isHanging) for (const goOn of this.#hung.splice(0)) goOn()
  }

  #setSpeed(capacity: number, noise: number, neighbours: number, curve: SpeedCurve): void {
    this.#noiseTimer?.cancel()
    const share = noise === 0 ? 1 : 1 + noise * (2 * this.#random.next() - 1)
    this.#statements.change(this.#isHanging ? 0 : capacity * share, neighbours, curve)
    if (noise === 0) return
    const again = (): void => this.#setSpeed(capacity, noise, neighbours, curve)
    this.#noiseTimer = this.#clock.startTimer(NOISE_STEP_MS, again)
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

/** What PostgreSQL says when it is shut down, or a proxy when the other side is gone. */
class ConnectionLost extends Error {
  override readonly name = 'ConnectionLost'
  readonly code = '57P01'

  constructor() {
    super('terminating connection due to administrator command')
  }
}

class Unreachable extends Error {
  override readonly name = 'Unreachable'
  readonly code = 'ECONNREFUSED'

  constructor() {
    super('connect ECONNREFUSED')
  }
}
