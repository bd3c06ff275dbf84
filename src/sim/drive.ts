import { type Clock, systemClock } from '../base/clock.ts'
import { readOptions, show } from '../base/options.ts'
import { type Random, seededRandom } from '../base/random.ts'
import type { DecisionRecord } from '../control/controller.ts'
import type { PoolHandleEvents } from '../handle.ts'
import { TimeAverage } from '../measure/average.ts'
import { Histogram } from '../measure/quantile.ts'
import type { PoolStats } from '../measure/sampler.ts'
import type { AcquireOptions, PoolCounts } from '../pool/contract.ts'
import type { Warning, WatchEvents } from '../watch/warning.ts'
import type { RequestKind } from './request.ts'
import { SimulationResult } from './result.ts'
import { type ResolvedRetries, type RetryOptions, readRetries, retryDelayMs } from './retries.ts'
import { RunLog } from './run-log.ts'
import { type Loss, Tally } from './tally.ts'
import { type Arrivals, readWorkload, type Workload } from './workload.ts'

/** What a pool of either kind must have to be driven. */
export interface DrivenHandle {
  counts(): PoolCounts
  stats(): PoolStats
  on<K extends keyof PoolHandleEvents>(event: K, listener: (payload: PoolHandleEvents[K]) => void): unknown
  off<K extends keyof PoolHandleEvents>(event: K, listener: (payload: PoolHandleEvents[K]) => void): unknown
}

/** A native pool: made by createPool(). */
export interface DrivenPool<T> extends DrivenHandle {
  use<R>(fn: (resource: T) => R | Promise<R>, options?: AcquireOptions): Promise<R>
}

/** What load is offered, and how it is judged. */
export interface LoadOptions {
  readonly workload: Workload
  /** How long requests arrive, in ms, > 0, up to 24 days. */
  readonly durationMs: number
  /** A request counts as good if it is completed this soon after it was due, in ms, > 0. @defaultValue 500 */
  readonly sloMs?: number
  /** Of the arrivals. Integer. @defaultValue 1 */
  readonly seed?: number
  /** How often a request that failed asks again; or how. @defaultValue 0 */
  readonly retries?: number | RetryOptions
  /** From when `summary.recoveryMs` is counted, in ms. @defaultValue never */
  readonly recoverFromMs?: number
  /** Time, for tests. @defaultValue the process's monotonic clock */
  readonly clock?: Clock
}

/** Options of {@link drive} for a native pool. */
export interface DrivePoolOptions<T> extends LoadOptions {
  /** Serves one request; a rejection is a failure. `kind`: its class, where the workload is `mixed`. */
  readonly work: (resource: T, kind?: RequestKind) => unknown
}

/** Options of {@link drive} for an adopted pool. */
export interface DriveAdoptedOptions extends LoadOptions {
  /** Serves one request by the adopted pool; a rejection is a failure. */
  readonly work: (kind?: RequestKind) => unknown
}

const DRIVE_DEFAULTS = {
  sloMs: 500, // as in a simulation
  seed: 1,
  retries: 0,
  clock: systemClock,
} as const

/**
 * Offers load to a real pool in real time, and tells what became of it as a simulation does. Arrivals never wait for
 * answers, and latency counts from the moment a request was *due*: neither a full queue, nor a busy event loop, nor a
 * late generator can hide ("coordinated omission"). It ends `sloMs` after the last arrival, or when all are answered.
 *
 * ```ts
 * const result = await drive(pool, { workload: poisson(200), durationMs: 10_000, work: (client) => client.query(sql) })
 * const result = await drive(control, { workload: poisson(200), durationMs: 10_000, work: () => pgPool.query(sql) })
 * ```
 *
 * @throws TypeError | RangeError (as rejection) for wrong options
 */
export function drive<T>(pool: DrivenPool<T>, options: DrivePoolOptions<T>): Promise<SimulationResult>
export function drive(control: DrivenHandle, options: DriveAdoptedOptions): Promise<SimulationResult>
export async function drive(
  handle: DrivenHandle | DrivenPool<unknown>,
  options: DrivePoolOptions<unknown> | DriveAdoptedOptions,
): Promise<SimulationResult> {
  if (!isHandle(handle)) {
    throw new TypeError(`drive: expected a pool of createPool() or the handle of adapt(), got ${show(handle)}`)
  }
  const resolved = resolveDriveOptions(options)
  const { work } = resolved
  const serve = isNative(handle)
    ? (kind: RequestKind | undefined) => handle.use((resource) => work(resource, kind), acquireOptionsOf(kind))
    : async (kind: RequestKind | undefined) => work(kind)
  return new Drive(handle, serve, resolved).run()
}

interface ResolvedDriveOptions extends Required<Omit<LoadOptions, 'recoverFromMs' | 'retries'>> {
  readonly work: (...args: unknown[]) => unknown
  readonly retries: ResolvedRetries
  readonly recoverFromMs: number | undefined
}

function resolveDriveOptions(given: DrivePoolOptions<unknown> | DriveAdoptedOptions): ResolvedDriveOptions {
  const others = ['workload', 'durationMs', 'recoverFromMs', 'work'] as const
  const read = readOptions<DriveAdoptedOptions>('drive', given as DriveAdoptedOptions, DRIVE_DEFAULTS, others)
  return {
    workload: readWorkload(read),
    durationMs: read.durationMs('durationMs', { min: 1, max: 2e9 }),
    sloMs: read.durationMs('sloMs', { min: Number.MIN_VALUE, max: 2e9 }),
    seed: read.count('seed', { min: Number.MIN_SAFE_INTEGER }),
    retries: readRetries('drive', read.value('retries')),
    recoverFromMs: read.has('recoverFromMs') ? read.durationMs('recoverFromMs') : undefined,
    clock: read.object<Clock>('clock', ['nowMs', 'startTimer']),
    work: read.fn('work'),
  }
}

function isHandle(handle: unknown): boolean {
  const { counts, stats, on, off } = (handle ?? {}) as Partial<DrivenHandle>
  return [counts, stats, on, off].every((method) => typeof method === 'function')
}

function isNative(handle: DrivenHandle | DrivenPool<unknown>): handle is DrivenPool<unknown> {
  return typeof (handle as Partial<DrivenPool<unknown>>).use === 'function'
}

function acquireOptionsOf(kind: RequestKind | undefined): AcquireOptions | undefined {
  if (kind === undefined) return undefined
  const { tag, priority = 0 } = kind
  return tag === undefined ? { priority } : { tag, priority }
}

/** A rest smaller than this, in ms, is rounding: a timer for it might come without any time having passed, for ever. */
const TICK_MS_MIN = 0.01
/** The end of a run need not be known to the millisecond. */
const SETTLE_POLL_MS = 20

class Drive {
  readonly #handle: DrivenHandle
  readonly #serve: (kind: RequestKind | undefined) => Promise<unknown>
  readonly #options: ResolvedDriveOptions
  readonly #clock: Clock
  readonly #arrivals: Arrivals
  readonly #retryDelays: Random
  readonly #tally: Tally
  readonly #log = new RunLog()
  readonly #waitMs = new Histogram()
  readonly #live = new TimeAverage()
  #liveMax = 0
  #seenAtMs = 0
  #startedAtMs = 0
  #unanswered = 0
  #lateMsMax = 0
  #nextAtMs = 0
  #nextKind: RequestKind | undefined
  #isOver = false

  constructor(
    handle: DrivenHandle,
    serve: (kind: RequestKind | undefined) => Promise<unknown>,
    options: ResolvedDriveOptions,
  ) {
    const { seed, durationMs, workload, clock } = options
    this.#handle = handle
    this.#serve = serve
    this.#options = options
    this.#clock = clock
    this.#arrivals = workload.start(seededRandom(seed), durationMs)
    this.#retryDelays = seededRandom(~seed)
    this.#tally = new Tally(options)
  }

  async run(): Promise<SimulationResult> {
    const before = this.#handle.stats()
    this.#startedAtMs = this.#clock.nowMs()
    const { onDecided, onWarning, onWarningEnded, onAcquired } = this
    this.#handle.on('decided', onDecided)
    this.#handle.on('warning', onWarning)
    this.#handle.on('warningEnded', onWarningEnded)
    this.#handle.on('acquired', onAcquired)
    await new Promise<void>((resolve) => {
      this.#readNext()
      this.#tick(resolve)
    })
    this.#isOver = true
    this.#handle.off('decided', onDecided)
    this.#handle.off('warning', onWarning)
    this.#handle.off('warningEnded', onWarningEnded)
    this.#handle.off('acquired', onAcquired)
    return this.#result(before)
  }

  #result(before: PoolStats): SimulationResult {
    const after = this.#handle.stats()
    this.#noteLive()
    const summary = {
      ...this.#tally.summary(),
      acquires: acquiresOf(after) - acquiresOf(before),
      waitMsMean: this.#waitMs.mean,
      waitMsP99: this.#waitMs.quantile(0.99),
      liveMean: this.#live.mean,
      liveMax: this.#liveMax,
      created: after.created - before.created,
      createFailed: after.createFailed - before.createFailed,
      ...this.#log.moves(),
      lateMsMax: this.#lateMsMax,
    }
    const { rows, warnings } = this.#log
    return new SimulationResult({ summary, rows, warnings, ...this.#tally.told() })
  }

  readonly onDecided = (record: DecisionRecord): void => this.#log.decided(this.#elapsedMs(), record)
  readonly onWarning = (warning: Warning): void => this.#log.warned(this.#elapsedMs(), warning)
  readonly onWarningEnded = (ended: WatchEvents['warningEnded']): void => this.#log.warningEnded(ended)
  readonly onAcquired = ({ waitMs }: { readonly waitMs: number }): void => this.#waitMs.add(waitMs)

  #elapsedMs(): number {
    return this.#clock.nowMs() - this.#startedAtMs
  }

  #readNext(): void {
    this.#nextAtMs = this.#arrivals.nextAtMs()
    this.#nextKind = this.#arrivals.kind
  }

  /** All that have fallen due begin at once, each at the time that was meant for it. */
  #tick(end: () => void): void {
    const { durationMs } = this.#options
    while (this.#nextAtMs <= this.#elapsedMs()) {
      this.#arrive(this.#nextAtMs, this.#nextKind)
      this.#readNext()
    }
    const untilMs = Math.min(this.#nextAtMs, durationMs) - this.#elapsedMs()
    // Not by the time alone: since the last look, the next arrival may have fallen due.
    if (untilMs <= 0 && this.#nextAtMs >= durationMs) this.#settle(end)
    else this.#clock.startTimer(Math.max(TICK_MS_MIN, untilMs), () => this.#tick(end))
  }

  #settle(end: () => void): void {
    const { durationMs, sloMs } = this.#options
    if (this.#unanswered === 0 || this.#elapsedMs() >= durationMs + sloMs) end()
    else this.#clock.startTimer(SETTLE_POLL_MS, () => this.#settle(end))
  }

  #arrive(dueAtMs: number, kind: RequestKind | undefined): void {
    this.#lateMsMax = Math.max(this.#lateMsMax, this.#elapsedMs() - dueAtMs)
    this.#unanswered += 1
    this.#tally.arrived(dueAtMs)
    void this.#visit(dueAtMs, kind)
    this.#noteLive()
  }

  async #visit(dueAtMs: number, kind: RequestKind | undefined): Promise<void> {
    const { retries } = this.#options
    for (let made = 0; ; made++) {
      const lost = await this.#try(kind)
      if (this.#isOver) return
      if (lost === undefined) this.#tally.completed(dueAtMs, this.#elapsedMs())
      else if (made >= retries.count) this.#tally.lost(lossOf(lost.error), lost.error)
      else {
        await this.#pause(retryDelayMs(retries, made, this.#retryDelays.next()))
        continue
      }
      this.#unanswered -= 1
      this.#noteLive()
      this.#comeAgain(kind)
      return
    }
  }

  async #try(kind: RequestKind | undefined): Promise<{ readonly error: unknown } | undefined> {
    try {
      await this.#serve(kind)
      return undefined
    } catch (error) {
      return { error }
    }
  }

  #pause(delayMs: number): Promise<void> {
    return new Promise((resolve) => this.#clock.startTimer(delayMs, resolve))
  }

  /** A caller who waits for answers. */
  #comeAgain(kind: RequestKind | undefined): void {
    const nowMs = this.#elapsedMs()
    const atMs = this.#arrivals.answered?.(nowMs, kind) ?? Number.POSITIVE_INFINITY
    if (atMs >= this.#options.durationMs) return
    this.#clock.startTimer(Math.max(0, atMs - nowMs), () => {
      if (!this.#isOver) this.#arrive(atMs, kind)
    })
  }

  #noteLive(): void {
    const nowMs = this.#elapsedMs()
    const { live } = this.#handle.counts()
    this.#live.add(live, nowMs - this.#seenAtMs)
    this.#seenAtMs = nowMs
    this.#liveMax = Math.max(this.#liveMax, live)
  }
}

function acquiresOf({ acquired, timedOut, shed, createRefused, queueFull }: PoolStats): number {
  return acquired + timedOut + shed + createRefused + queueFull
}

/** Of an error, its cause, and so on. No driver nests ours deeper, and a chain of causes may be a ring. */
const CAUSES_MAX = 8

/** By code, not by class: an adopted pool fails with its driver's own error, and ours as its cause. */
function lossOf(error: unknown): Loss {
  let at = error as { readonly code?: unknown; readonly cause?: unknown } | null | undefined
  for (let depth = 0; depth < CAUSES_MAX; depth++) {
    if (at?.code === 'ERR_POOL_SHED') return 'shed'
    if (at?.code === 'ERR_POOL_ACQUIRE_TIMEOUT') return 'timedOut'
    at = at?.cause as typeof at
  }
  return 'failed'
}
