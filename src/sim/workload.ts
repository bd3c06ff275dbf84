import { type OptionsReader, readOptions, show } from '../base/options.ts'
import type { Random } from '../base/random.ts'
import { exponential } from './exponential.ts'
import type { RequestKind } from './request.ts'

/** When requests arrive. All but `closedLoop` are open loops: whatever becomes of those before them, more arrive. */
export interface Workload {
  /** Begins the arrivals of one run of `durationMs`. `random` is shared with what each arrival draws for itself. */
  start(random: Random, durationMs: number): Arrivals
}

/** The arrivals of one run, in order. */
export interface Arrivals {
  /** When the next one comes, in ms from the start of the run; Infinity: none before its end. */
  nextAtMs(): number
  /** Of what class the one is that `nextAtMs` told last. @defaultValue none */
  readonly kind?: RequestKind | undefined
  /**
   * Only of callers that wait for their answers: a request has ended, well or badly. When its caller comes again, in ms
   * from the start of the run; Infinity: never. Under `simulate()`, whoever was refused in the instant of asking comes
   * a millisecond later at the soonest.
   */
  answered?(atMs: number, kind: RequestKind | undefined): number
}

/** Reads the option `workload`. */
export function readWorkload(read: OptionsReader<{ readonly workload: Workload }>): Workload {
  const known = 'poisson(…), bursts(…), fromCounts(…), closedLoop(…), mixed(…) or an object'
  return read.object('workload', ['start'], known)
}

/** How finely a rate function is read, in ms: between two readings the rate counts as constant. */
const RATE_STEP_MS = 10

/**
 * Arrivals independent of one another.
 *
 * @param ratePerSecond requests per second, or such as a function of the ms since the start; finite, at least 0
 * @throws TypeError for what is neither; RangeError for a rate out of range, in the run if the function returns it
 * @source Cinlar 1975, "Introduction to Stochastic Processes", section 4.7: a Poisson process of any rate is one of
 *   rate 1 on the clock of its accumulated rate
 */
export function poisson(ratePerSecond: number | ((tMs: number) => number)): Workload {
  if (typeof ratePerSecond === 'number') {
    requireRate(ratePerSecond, 0)
    return { start: (random, durationMs) => new SteadyArrivals(ratePerSecond / 1000, random, durationMs) }
  }
  if (typeof ratePerSecond !== 'function') {
    throw new TypeError(`poisson: expected requests per second or a function of time, got ${show(ratePerSecond)}`)
  }
  return { start: (random, durationMs) => new PoissonArrivals(ratePerSecond, random, durationMs) }
}

class SteadyArrivals implements Arrivals {
  readonly #ratePerMs: number
  readonly #random: Random
  readonly #durationMs: number
  #atMs = 0

  constructor(ratePerMs: number, random: Random, durationMs: number) {
    this.#ratePerMs = ratePerMs
    this.#random = random
    this.#durationMs = durationMs
  }

  nextAtMs(): number {
    this.#atMs += exponential(this.#random) / this.#ratePerMs // at no rate at all, Infinity
    return this.#atMs < this.#durationMs ? this.#atMs : Number.POSITIVE_INFINITY
  }
}

/**
 * Walks along the rate and spends an exponential draw on it. A gap drawn from the rate at the last arrival alone
 * would jump over what changes before the next: a step from 1/s to 880/s would begin seconds late.
 */
class PoissonArrivals implements Arrivals {
  readonly #rateAt: (tMs: number) => number
  readonly #random: Random
  readonly #durationMs: number
  #atMs = 0
  /** The rate holds until then. */
  #stepEndMs = RATE_STEP_MS
  #step = 1
  #ratePerMs: number

  constructor(rateAt: (tMs: number) => number, random: Random, durationMs: number) {
    this.#rateAt = rateAt
    this.#random = random
    this.#durationMs = durationMs
    this.#ratePerMs = requireRate(rateAt(0), 0) / 1000
  }

  nextAtMs(): number {
    let left = exponential(this.#random)
    while (this.#atMs < this.#durationMs) {
      const expected = (this.#stepEndMs - this.#atMs) * this.#ratePerMs
      if (left < expected) {
        this.#atMs = Math.min(this.#stepEndMs, this.#atMs + left / this.#ratePerMs)
        return this.#atMs < this.#durationMs ? this.#atMs : Number.POSITIVE_INFINITY
      }
      left -= expected
      this.#enterStep()
    }
    return Number.POSITIVE_INFINITY
  }

  #enterStep(): void {
    this.#atMs = this.#stepEndMs
    this.#step += 1
    this.#stepEndMs = this.#step * RATE_STEP_MS // not a sum: a day of steps would drift off the grid
    this.#ratePerMs = requireRate(this.#rateAt(this.#atMs), this.#atMs) / 1000
  }
}

function requireRate(ratePerSecond: number, tMs: number): number {
  if (Number.isFinite(ratePerSecond) && ratePerSecond >= 0) return ratePerSecond
  throw new RangeError(`poisson: a rate must be a finite number >= 0, got ${show(ratePerSecond)} at ${tMs} ms`)
}

/** How arrivals are recorded. */
export interface FromCountsOptions {
  /** Length of one bin, in ms, > 0. */
  readonly binMs: number
}

/**
 * The arrivals of a recorded trace: so many in each bin, each at a time of its own within it. After the last bin no
 * more come.
 *
 * @param counts arrivals per bin; integers, at least 0
 * @throws TypeError or RangeError for a count or a bin that is none
 */
export function fromCounts(counts: readonly number[], options: FromCountsOptions): Workload {
  const read = readOptions<FromCountsOptions>('fromCounts', options, {}, ['binMs'])
  const binMs = read.durationMs('binMs', { min: Number.MIN_VALUE, max: Number.MAX_VALUE })
  if (!Array.isArray(counts)) throw new TypeError(`fromCounts: expected an array of counts, got ${show(counts)}`)
  const wrong = counts.findIndex((count) => !(Number.isSafeInteger(count) && count >= 0))
  if (wrong >= 0) {
    throw new RangeError(`fromCounts: a count must be an integer >= 0, got ${show(counts[wrong])} in bin ${wrong}`)
  }
  return { start: (random, durationMs) => new CountedArrivals(counts, binMs, random, durationMs) }
}

class CountedArrivals implements Arrivals {
  readonly #counts: readonly number[]
  readonly #binMs: number
  readonly #random: Random
  readonly #durationMs: number
  #bin = -1
  /** Arrivals of the bin under way, in order. */
  #timesMs = new Float64Array(0)
  #next = 0

  constructor(counts: readonly number[], binMs: number, random: Random, durationMs: number) {
    this.#counts = counts
    this.#binMs = binMs
    this.#random = random
    this.#durationMs = durationMs
  }

  nextAtMs(): number {
    while (this.#next === this.#timesMs.length) {
      this.#bin += 1
      if (this.#bin >= this.#counts.length) return Number.POSITIVE_INFINITY
      this.#timesMs = this.#drawBin(this.#counts[this.#bin] as number)
      this.#next = 0
    }
    const atMs = this.#timesMs[this.#next++] as number
    return atMs < this.#durationMs ? atMs : Number.POSITIVE_INFINITY
  }

  /** Given their number, the arrivals of a Poisson process are uniform and independent. */
  #drawBin(count: number): Float64Array<ArrayBuffer> {
    const timesMs = new Float64Array(count)
    for (let i = 0; i < count; i++) timesMs[i] = (this.#bin + this.#random.next()) * this.#binMs
    return timesMs.sort()
  }
}
