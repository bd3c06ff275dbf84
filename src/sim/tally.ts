import { messageOf } from '../base/thrown.ts'
import { Histogram } from '../measure/quantile.ts'
import type { RunError, SimulationSummary, Timeline } from './summary.ts'

/** How a request was given up. */
export type Loss = 'timedOut' | 'shed' | 'failed'

/** What a summary needs of the run's circumstances. */
export interface SummaryBasis {
  readonly durationMs: number
  readonly sloMs: number
  readonly recoverFromMs: number | undefined
}

/** What can be told of the requests alone. */
export type RequestSummary = Pick<
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

/** Kinds of errors that are told apart. */
const ERRORS_MAX = 20

/** Sums up requests as they come and go; its memory depends neither on the run's length nor on its load. */
export class Tally {
  readonly #basis: SummaryBasis
  readonly #lost: Record<Loss, number> = { timedOut: 0, shed: 0, failed: 0 }
  readonly #latencyMs = new Histogram()
  readonly #bins = new FoldingBins()
  readonly #errors = new Map<string, { readonly message: string; count: number }>()
  readonly #recovery: Recovery | undefined
  /** Of further kinds. */
  #otherErrors = 0
  #offered = 0
  #withinSlo = 0

  constructor(basis: SummaryBasis) {
    this.#basis = basis
    const { recoverFromMs, durationMs } = basis
    this.#recovery = recoverFromMs === undefined ? undefined : new Recovery(recoverFromMs, durationMs)
  }

  arrived(atMs: number): void {
    this.#offered += 1
    this.#bins.add(atMs, 'offered')
    this.#recovery?.arrived(atMs)
  }

  completed(arrivedAtMs: number, atMs: number): void {
    const latencyMs = atMs - arrivedAtMs
    this.#latencyMs.add(latencyMs)
    if (latencyMs > this.#basis.sloMs) return
    this.#withinSlo += 1
    this.#bins.add(arrivedAtMs, 'withinSlo')
    this.#recovery?.completedInTime(arrivedAtMs)
  }

  lost(how: Loss, error: unknown): void {
    this.#lost[how] += 1
    if (how !== 'failed') return // the others have said all by their names
    const message = messageOf(error)
    const kind = message.replace(/\d+/g, '#')
    const known = this.#errors.get(kind)
    if (known) known.count += 1
    else if (this.#errors.size < ERRORS_MAX) this.#errors.set(kind, { message, count: 1 })
    else this.#otherErrors += 1
  }

  summary(): RequestSummary {
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
      recoveryMs: this.#recovery?.recoveryMs(),
    }
  }

  /** What is told beside the summary. */
  told(): { readonly timeline: Timeline; readonly errors: readonly RunError[] } {
    const errors = [...this.#errors.values()].sort((a, b) => b.count - a.count)
    if (this.#otherErrors > 0) errors.push({ message: 'other errors', count: this.#otherErrors })
    return { timeline: this.#bins.timeline(this.#basis.durationMs), errors }
  }
}

/** Arrivals are sorted into bins this long, for the recovery and, of a short run, for the time plot. */
const BIN_MS = 100
const BINS_PER_SECOND = 10
const BINS_MAX = 4_096

/** Bins that become twice as long whenever there are too many. */
class FoldingBins {
  #binMs = BIN_MS
  readonly #counts = { offered: new Float64Array(BINS_MAX), withinSlo: new Float64Array(BINS_MAX) }

  add(atMs: number, what: 'offered' | 'withinSlo'): void {
    let bin = Math.floor(atMs / this.#binMs)
    while (bin >= BINS_MAX) {
      this.#fold()
      bin = Math.floor(atMs / this.#binMs)
    }
    increment(this.#counts[what], bin)
  }

  timeline(durationMs: number): Timeline {
    while (durationMs > BINS_MAX * this.#binMs) this.#fold()
    const bins = Math.ceil(durationMs / this.#binMs)
    const { offered, withinSlo } = this.#counts
    return { binMs: this.#binMs, offered: [...offered.subarray(0, bins)], withinSlo: [...withinSlo.subarray(0, bins)] }
  }

  #fold(): void {
    this.#binMs *= 2
    for (const counts of Object.values(this.#counts)) {
      for (let bin = 0; bin < BINS_MAX / 2; bin++) counts[bin] = sumOf(counts, 2 * bin, 2)
      counts.fill(0, BINS_MAX / 2)
    }
  }
}

/** Three seconds in a row, each of which completes this share of its arrivals in time, count as recovered. */
const RECOVERED_SECONDS = 3
const RECOVERED_GOODPUT = 0.95
/** Who is not back within this, in ms, is not back. */
const RECOVERY_MS_MAX = 600_000

class Recovery {
  readonly #fromMs: number
  readonly #fromBin: number
  readonly #offered: Float64Array
  readonly #withinSlo: Float64Array

  constructor(fromMs: number, durationMs: number) {
    this.#fromMs = fromMs
    this.#fromBin = Math.ceil(fromMs / BIN_MS)
    const bins = Math.ceil(Math.min(durationMs, fromMs + RECOVERY_MS_MAX) / BIN_MS) - this.#fromBin
    this.#offered = new Float64Array(Math.max(0, bins))
    this.#withinSlo = new Float64Array(Math.max(0, bins))
  }

  arrived(atMs: number): void {
    const bin = Math.floor(atMs / BIN_MS) - this.#fromBin
    if (bin >= 0 && bin < this.#offered.length) increment(this.#offered, bin)
  }

  completedInTime(arrivedAtMs: number): void {
    const bin = Math.floor(arrivedAtMs / BIN_MS) - this.#fromBin
    if (bin >= 0 && bin < this.#withinSlo.length) increment(this.#withinSlo, bin)
  }

  recoveryMs(): number | undefined {
    const isGood = (bin: number): boolean =>
      sumOf(this.#withinSlo, bin, BINS_PER_SECOND) >= RECOVERED_GOODPUT * sumOf(this.#offered, bin, BINS_PER_SECOND)
    for (let bin = 0; bin + RECOVERED_SECONDS * BINS_PER_SECOND <= this.#offered.length; bin++) {
      let second = 0
      while (second < RECOVERED_SECONDS && isGood(bin + second * BINS_PER_SECOND)) second += 1
      if (second === RECOVERED_SECONDS) return (this.#fromBin + bin) * BIN_MS - this.#fromMs
    }
    return undefined
  }
}

function sumOf(bins: Float64Array, from: number, count: number): number {
  let sum = 0
  for (let bin = from; bin < from + count; bin++) sum += bins[bin] as number
  return sum
}

function increment(bins: Float64Array, bin: number): void {
  bins[bin] = (bins[bin] as number) + 1
}
