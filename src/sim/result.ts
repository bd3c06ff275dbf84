import type { DecisionRecord } from '../control/controller.ts'
import { Histogram } from '../measure/quantile.ts'
import type { Sample } from '../measure/sample.ts'
import type { Warning } from '../watch/warning.ts'

/** What became of a simulated run as a whole. Counts are of requests, retries not counted apart, unless it says so. */
export interface SimulationSummary {
  /** Requests that came. Each ended in one of the next five ways. */
  readonly offered: number
  readonly completed: number
  /** Given up, after all their retries, by what ended the last one. */
  readonly timedOut: number
  readonly shed: number
  readonly failed: number
  /** Under way when the run ended, sloMs after the last arrival: too late in any case. */
  readonly unfinished: number
  /** Completed within sloMs of their arrival. */
  readonly withinSlo: number
  /** withinSlo / offered: a ratio in 0..1; 1 if nothing was offered. */
  readonly goodput: number
  /** acquire() calls, retries included. */
  readonly acquires: number
  /** From acquire() to lease, over all leases, in ms. */
  readonly waitMsMean: number
  readonly waitMsP99: number
  /** From a request's arrival to its completion, retries included, over those completed, in ms. */
  readonly latencyMsP50: number
  readonly latencyMsP99: number
  /** Resources that the pool held or was opening: time mean, and most. */
  readonly liveMean: number
  readonly liveMax: number
  /** Resources opened during the run, and failures to. */
  readonly created: number
  readonly createFailed: number
  /** Moves of the limit, and how often their sign changed. */
  readonly moves: number
  readonly reversals: number
  /**
   * From `recoverFromMs` to the first moment, on a grid of 100 ms, at which three seconds begin of which each completes
   * 95 % of its arrivals within sloMs. In ms; undefined: never, or not asked for.
   */
  readonly recoveryMs: number | undefined
}

/** One window of the pool's control loop: what it saw, and what was decided. */
export interface SimulationRow {
  /** When it ended, in ms from the start of the run. */
  readonly atMs: number
  /** In force from then on. */
  readonly limit: number
  readonly reason: string
  readonly sample: Sample
}

/** A warning, and when it was given. */
export interface SimulationWarning extends Warning {
  /** In ms from the start of the run. */
  readonly atMs: number
}

/** A run, told. Everything in it is data but `toCsv`. */
export class SimulationResult {
  readonly summary: SimulationSummary
  readonly rows: readonly SimulationRow[]
  readonly warnings: readonly SimulationWarning[]

  constructor(summary: SimulationSummary, rows: readonly SimulationRow[], warnings: readonly SimulationWarning[]) {
    this.summary = summary
    this.rows = rows
    this.warnings = warnings
  }

  /** The rows as comma-separated values under a line of names: time, limit, reason, then the members of the sample. */
  toCsv(): string {
    const first = this.rows[0]
    if (first === undefined) return 'atMs,limit,reason\n'
    const measures = (Object.keys(first.sample) as (keyof Sample)[]).filter((key) => key !== 'atMs' && key !== 'limit')
    const lines = this.rows.map(({ atMs, limit, reason, sample }) =>
      [atMs, limit, reason, ...measures.map((key) => sample[key])].join(','),
    )
    return `${['atMs', 'limit', 'reason', ...measures].join(',')}\n${lines.join('\n')}\n`
  }
}

/** How a request was given up. */
export type Loss = 'timedOut' | 'shed' | 'failed'

/** What a summary needs of the run's circumstances. */
export interface SummaryBasis {
  readonly durationMs: number
  readonly sloMs: number
  readonly recoverFromMs: number | undefined
}

/** Arrivals are sorted into bins this long, for the recovery. */
const BIN_MS = 100
const BINS_PER_SECOND = 10

/** Sums up requests as they come and go; memory grows with the run's length by 8 bytes a bin, and not with its load. */
export class Tally {
  readonly #basis: SummaryBasis
  readonly #lost: Record<Loss, number> = { timedOut: 0, shed: 0, failed: 0 }
  readonly #latencyMs = new Histogram()
  readonly #offeredInBin: Uint32Array
  readonly #withinSloInBin: Uint32Array
  #offered = 0
  #withinSlo = 0

  constructor(basis: SummaryBasis) {
    this.#basis = basis
    const bins = Math.ceil(basis.durationMs / BIN_MS)
    this.#offeredInBin = new Uint32Array(bins)
    this.#withinSloInBin = new Uint32Array(bins)
  }

  arrived(atMs: number): void {
    this.#offered += 1
    increment(this.#offeredInBin, Math.floor(atMs / BIN_MS))
  }

  completed(arrivedAtMs: number, atMs: number): void {
    const latencyMs = atMs - arrivedAtMs
    this.#latencyMs.add(latencyMs)
    if (latencyMs > this.#basis.sloMs) return
    this.#withinSlo += 1
    increment(this.#withinSloInBin, Math.floor(arrivedAtMs / BIN_MS))
  }

  lost(how: Loss): void {
    this.#lost[how] += 1
  }

  /** What can be told of the requests. */
  summary(): RequestSummary {
    const { recoverFromMs } = this.#basis
    const { timedOut, shed, failed } = this.#lost
    const completed = this.#latencyMs.count
    return {
      offered: this.#offered,
      completed,
      timedOut,
      shed,
      failed,
      unfinished: this.#offered - completed - timedOut - shed - failed,
      withinSlo: this.#withinSlo,
      goodput: this.#offered === 0 ? 1 : this.#withinSlo / this.#offered,
      latencyMsP50: this.#latencyMs.quantile(0.5),
      latencyMsP99: this.#latencyMs.quantile(0.99),
      recoveryMs:
        recoverFromMs === undefined ? undefined : recoveryMs(this.#offeredInBin, this.#withinSloInBin, recoverFromMs),
    }
  }
}

type RequestSummary = Pick<
  SimulationSummary,
  | 'offered'
  | 'completed'
  | 'timedOut'
  | 'shed'
  | 'failed'
  | 'unfinished'
  | 'withinSlo'
  | 'goodput'
  | 'latencyMsP50'
  | 'latencyMsP99'
  | 'recoveryMs'
>

/** Three seconds in a row, each of which completes this share of its arrivals in time, count as recovered. */
const RECOVERED_SECONDS = 3
const RECOVERED_GOODPUT = 0.95

function recoveryMs(offered: Uint32Array, withinSlo: Uint32Array, fromMs: number): number | undefined {
  const fromBin = Math.ceil(fromMs / BIN_MS)
  const isGood = (bin: number): boolean =>
    sumOf(withinSlo, bin, BINS_PER_SECOND) >= RECOVERED_GOODPUT * sumOf(offered, bin, BINS_PER_SECOND)
  for (let bin = fromBin; bin + RECOVERED_SECONDS * BINS_PER_SECOND <= offered.length; bin++) {
    let second = 0
    while (second < RECOVERED_SECONDS && isGood(bin + second * BINS_PER_SECOND)) second += 1
    if (second === RECOVERED_SECONDS) return bin * BIN_MS - fromMs
  }
  return undefined
}

function sumOf(bins: Uint32Array, from: number, count: number): number {
  let sum = 0
  for (let bin = from; bin < from + count; bin++) sum += bins[bin] as number
  return sum
}

function increment(bins: Uint32Array, bin: number): void {
  bins[bin] = (bins[bin] as number) + 1
}

/** Moves of the limit, and changes of their direction. */
export function countMoves(records: readonly Pick<DecisionRecord, 'from' | 'to'>[]): {
  moves: number
  reversals: number
} {
  let moves = 0
  let reversals = 0
  let direction = 0
  for (const { from, to } of records) {
    const next = Math.sign(to - from)
    if (next === 0) continue
    moves += 1
    if (next === -direction) reversals += 1
    direction = next
  }
  return { moves, reversals }
}
