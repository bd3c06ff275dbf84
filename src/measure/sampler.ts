import type { CreateFailureClass, DestroyReason, LiveCounts, PoolObserver, RefusalKind } from '../pool/contract.ts'
import { type Distribution, Histogram } from './quantile.ts'
import type { Sample } from './sample.ts'

/**
 * What has happened since the pool was made. It adds up: acquired − released leases are out; who asked was acquired,
 * is counted in one of the refusals, or waits; created − destroyed resources are there, being destroyed not counted
 * (those of a driver that opens some by itself, or had some before adoption, are not counted as created).
 */
export interface PoolStats {
  /** Leases that began, and that ended. */
  readonly acquired: number
  readonly released: number
  /** Resources that came to be, those too that came after createTimeoutMs and were destroyed at once. */
  readonly created: number
  /** Creates that failed, or took longer than createTimeoutMs, though their resource may still have come. */
  readonly createFailed: number
  /** Resources destroyed, evicted ones included; counted as it begins. */
  readonly destroyed: number
  /** Idle ones that the pool, or its driver, chose to destroy: as many as `evicted` events. */
  readonly evicted: number
  /**
   * Acquires that ended without a lease, by kind. `createRefused`: no resource could be created; `drainRefused`: the
   * pool drains, or is closed.
   */
  readonly timedOut: number
  readonly shed: number
  readonly aborted: number
  readonly queueFull: number
  readonly createRefused: number
  readonly drainRefused: number
  /** From acquire() to lease; from lease to its end; of the creates that succeeded. In ms. */
  readonly waitMs: Distribution
  readonly leaseMs: Distribution
  readonly createMs: Distribution
}

/** Bounds of the limit, and where it stands. */
export interface Limits {
  readonly limit: number
  readonly limitMin: number
  readonly limitMax: number
}

/** A window of no length has no rates, and division by it no meaning: two events of one instant are 1 µs apart. */
const WINDOW_MS_MIN = 1e-3

/**
 * Sees every event of the engine and sums them up: one {@link Sample} per window, and the totals since the beginning.
 * It runs on the hot path, so that it allocates nothing per event, reads no clock, and counts each thing once: totals
 * are the closed windows' plus the open one's.
 */
export class Sampler implements PoolObserver {
  readonly #counts: LiveCounts
  #openedAtMs: number
  #seenAtMs: number

  #window: Tally = newTally()
  readonly #total: Tally = newTally()
  readonly #waitMs = new Histogram()
  readonly #leaseMs = new Histogram()
  readonly #waitMsTotal = new Histogram()
  readonly #leaseMsTotal = new Histogram()
  readonly #createMsTotal = new Histogram()
  readonly #waitSloMs: number
  #slowGrants = 0
  /** Resources that came when their create had been given up, ever. */
  #late = 0
  /** Integrals over the open window, up to #seenAtMs: each count times the ms for which it held. */
  #inUseArea = 0
  #liveArea = 0
  #offeredArea = 0
  #offeredSquares = 0
  #waitingMs = 0
  #inUseMax = 0

  /**
   * @param counts read at each event, before the event changes them
   * @param waitSloMs a wait longer than this is a slow one
   */
  constructor(counts: LiveCounts, nowMs: number, waitSloMs = Number.POSITIVE_INFINITY) {
    this.#waitSloMs = waitSloMs
    this.#counts = counts
    this.#openedAtMs = nowMs
    this.#seenAtMs = nowMs
  }

  arrived(nowMs: number): void {
    this.#advance(nowMs)
    this.#window.arrivals += 1
  }

  granted(nowMs: number, waitMs: number): void {
    this.#advance(nowMs)
    this.#window.grants += 1
    this.#waitMs.add(waitMs)
    if (waitMs > this.#waitSloMs) this.#slowGrants += 1
  }

  refused(nowMs: number, kind: RefusalKind): void {
    this.#advance(nowMs)
    this.#window[kind] += 1
  }

  ended(nowMs: number, leaseMs: number): void {
    this.#advance(nowMs)
    this.#window.completions += 1
    this.#leaseMs.add(leaseMs)
  }

  creating(nowMs: number): void {
    this.#advance(nowMs)
  }

  created(nowMs: number, createMs: number): void {
    this.#advance(nowMs)
    this.#window.created += 1
    this.#window.createMsSum += createMs
    this.#createMsTotal.add(createMs)
  }

  createFailed(nowMs: number, failure: CreateFailureClass): void {
    this.#advance(nowMs)
    this.#window.createFailed += 1
    if (failure === 'refusing') this.#window.createFailedRefusing += 1
  }

  destroyed(nowMs: number, reason: DestroyReason, isEvicted: boolean): void {
    this.#advance(nowMs)
    this.#window.destroyed += 1
    if (reason === 'late') this.#late += 1
    if (isEvicted) this.#window.evicted += 1
  }

  /**
   * Closes the window and opens the next.
   *
   * @param late how late the event loop ran the timers of the window, and those that close it, at worst
   * @param epochMs now, by the wall clock
   * @param cpuMs what the process used in the window
   */
  take(nowMs: number, limits: Limits, late: Late, epochMs: number = nowMs, cpuMs?: number): Sample {
    this.#advance(nowMs)
    const sample = this.#sum(nowMs, limits, { ...late, epochMs, cpuMs })
    addTally(this.#total, this.#window)
    this.#waitMsTotal.addAll(this.#waitMs)
    this.#leaseMsTotal.addAll(this.#leaseMs)
    this.#window = newTally()
    this.#waitMs.reset()
    this.#leaseMs.reset()
    this.#inUseArea = 0
    this.#liveArea = 0
    this.#offeredArea = 0
    this.#offeredSquares = 0
    this.#slowGrants = 0
    this.#inUseMax = this.#counts.inUse
    this.#waitingMs = 0
    this.#openedAtMs = nowMs
    return sample
  }

  /** Totals since the beginning, the open window included. */
  stats(): PoolStats {
    const sum = newTally()
    addTally(sum, this.#total)
    addTally(sum, this.#window)
    const { arrivals, grants, completions, createMsSum, createFailedRefusing, ...told } = sum
    return {
      acquired: grants,
      released: completions,
      ...told,
      created: told.created + this.#late,
      waitMs: summaryOf(this.#waitMsTotal, this.#waitMs),
      leaseMs: summaryOf(this.#leaseMsTotal, this.#leaseMs),
      createMs: this.#createMsTotal.summary(),
    }
  }

  /**
   * The counts as they are now have held since the last event: adds that time to the integrals. Written out here, not
   * by three averages: it runs at least twice for each lease.
   */
  #advance(nowMs: number): void {
    const { inUse } = this.#counts
    if (inUse > this.#inUseMax) this.#inUseMax = inUse
    const forMs = nowMs - this.#seenAtMs
    if (forMs <= 0) return
    const { live, waiters } = this.#counts
    const offered = inUse + waiters
    this.#seenAtMs = nowMs
    this.#inUseArea += inUse * forMs
    this.#liveArea += live * forMs
    this.#offeredArea += offered * forMs
    this.#offeredSquares += offered * offered * forMs
    if (waiters > 0) this.#waitingMs += forMs
  }

  #sum(nowMs: number, { limit, limitMin, limitMax }: Limits, outside: Outside): Sample {
    const { arrivals, grants, completions, created, createMsSum } = this.#window
    const { timedOut, shed, aborted, queueFull, createRefused, createFailed, createFailedRefusing } = this.#window
    const { waiters, inUse, live, idle, creating, oldestWaitSinceMs } = this.#counts
    const windowMs = Math.max(WINDOW_MS_MIN, nowMs - this.#openedAtMs)
    const inUseMean = this.#inUseArea / windowMs
    const offeredMean = this.#offeredArea / windowMs
    return {
      atMs: nowMs,
      windowMs,
      limit,
      limitMin,
      limitMax,
      arrivals,
      waitingMs: this.#waitingMs,
      grants,
      completions,
      timedOut,
      shed,
      aborted,
      queueFull,
      createRefused,
      waiters,
      oldestWaitMs: oldestWaitSinceMs === undefined ? 0 : nowMs - oldestWaitSinceMs,
      waitMsMean: this.#waitMs.mean,
      waitMsP50: this.#waitMs.quantile(0.5),
      waitMsP95: this.#waitMs.quantile(0.95),
      waitMsMax: this.#waitMs.max,
      slowGrants: this.#slowGrants,
      leaseMsMean: this.#leaseMs.mean,
      leaseMsVariation: this.#leaseMs.variation,
      leaseMsP50: this.#leaseMs.quantile(0.5),
      leaseMsP95: this.#leaseMs.quantile(0.95),
      inUseMean,
      inUseMax: this.#inUseMax,
      inUse,
      offeredMean,
      // The difference of two large numbers: rounding can leave it a hair below 0.
      offeredVariance: Math.max(0, this.#offeredSquares / windowMs - offeredMean * offeredMean),
      utilization: inUseMean / limit,
      live,
      idle,
      creating,
      liveMean: this.#liveArea / windowMs,
      created,
      createMsMean: created > 0 ? createMsSum / created : 0,
      createFailed,
      createFailedRefusing,
      ...outside,
    }
  }
}

/** What a sampler cannot see by itself. */
type Outside = Late & Pick<Sample, 'epochMs' | 'cpuMs'>

type Late = Required<Pick<Sample, 'loopDelayMs' | 'closedLateMs'>>

/** Events by kind. */
interface Tally extends Record<RefusalKind, number> {
  arrivals: number
  grants: number
  completions: number
  created: number
  createMsSum: number
  createFailed: number
  createFailedRefusing: number
  destroyed: number
  evicted: number
}

function newTally(): Tally {
  return {
    arrivals: 0,
    grants: 0,
    completions: 0,
    timedOut: 0,
    shed: 0,
    aborted: 0,
    queueFull: 0,
    createRefused: 0,
    drainRefused: 0,
    created: 0,
    createMsSum: 0,
    createFailed: 0,
    createFailedRefusing: 0,
    destroyed: 0,
    evicted: 0,
  }
}

function addTally(sum: Tally, more: Tally): void {
  for (const key in more) sum[key as keyof Tally] += more[key as keyof Tally]
}

function summaryOf(closed: Histogram, open: Histogram): Distribution {
  const all = new Histogram()
  all.addAll(closed)
  all.addAll(open)
  return all.summary()
}
