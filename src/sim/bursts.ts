import { readOptions } from '../base/options.ts'
import type { Random } from '../base/random.ts'
import { exponential, naturalLog } from './exponential.ts'
import { Heap, type Ranked } from './heap.ts'
import type { Arrivals, Workload } from './workload.ts'

/** Options of {@link bursts}. */
export interface BurstsOptions {
  /** Requests per second in the mean, > 0. */
  readonly ratePerSecond: number
  /**
   * Variance of the number of requests in a second, over its mean: a ratio >= 1. 1 is Poisson traffic; real services
   * have 1.4 to 27.
   */
  readonly dispersion: number
  /** The requests of a burst come within this, in ms, >= 0. @defaultValue 100 */
  readonly spreadMs?: number
}

/**
 * Arrivals in bursts: pages that ask for many things, cron jobs, queues that are read in batches. Bursts are
 * independent of one another; how many requests one has is geometrically distributed.
 *
 * @throws TypeError | RangeError for wrong options
 * @source Cox, Lewis 1966, "The Statistical Analysis of Series of Events", section 7.4: of a compound Poisson process
 *   with batches B the index of dispersion is E[B²] / E[B], for geometric B with mean m that is 2m − 1
 */
export function bursts(options: BurstsOptions): Workload {
  const read = readOptions<BurstsOptions>('bursts', options, { spreadMs: 100 }, ['ratePerSecond', 'dispersion'])
  const ratePerSecond = read.ratio('ratePerSecond', { min: Number.MIN_VALUE, max: 1e9 })
  const sizeMean = (read.ratio('dispersion', { min: 1, max: 1e6 }) + 1) / 2
  const spreadMs = read.durationMs('spreadMs', { max: 1e9 })
  const burstsPerMs = ratePerSecond / sizeMean / 1000
  return { start: (random, durationMs) => new BurstArrivals(burstsPerMs, sizeMean, spreadMs, random, durationMs) }
}

class BurstArrivals implements Arrivals {
  readonly #burstsPerMs: number
  readonly #sizeMean: number
  readonly #spreadMs: number
  readonly #random: Random
  readonly #durationMs: number
  readonly #begun = new Heap<Ranked>()
  #order = 0
  #burstAtMs: number

  constructor(burstsPerMs: number, sizeMean: number, spreadMs: number, random: Random, durationMs: number) {
    this.#burstsPerMs = burstsPerMs
    this.#sizeMean = sizeMean
    this.#spreadMs = spreadMs
    this.#random = random
    this.#durationMs = durationMs
    this.#burstAtMs = exponential(random) / burstsPerMs
  }

  nextAtMs(): number {
    // Bursts overlap: what has begun comes before the next burst only up to its beginning.
    while (this.#burstAtMs < this.#durationMs && !(this.#begun.first && this.#begun.first.rank < this.#burstAtMs)) {
      this.#begin(this.#burstAtMs)
      this.#burstAtMs += exponential(this.#random) / this.#burstsPerMs
    }
    const atMs = this.#begun.pop()?.rank ?? Number.POSITIVE_INFINITY
    return atMs < this.#durationMs ? atMs : Number.POSITIVE_INFINITY
  }

  #begin(atMs: number): void {
    const size = 1 + geometric(this.#random, this.#sizeMean)
    for (let i = 0; i < size; i++) {
      const rank = atMs + this.#random.next() * this.#spreadMs
      this.#begun.push({ rank, order: this.#order++, heapIndex: -1 })
    }
  }
}

/** How many failures come before a success, so that their number plus one has the mean `mean` >= 1. */
function geometric(random: Random, mean: number): number {
  if (mean === 1) return 0
  return Math.floor(exponential(random) / -naturalLog(1 - 1 / mean))
}
