import { readOptions } from '../base/options.ts'
import type { Random } from '../base/random.ts'
import { exponential } from './exponential.ts'
import type { Arrivals, Workload } from './workload.ts'

/** Options of {@link closedLoop}. */
export interface ClosedLoopOptions {
  /** How many there are. Integer >= 1. */
  readonly clients: number
  /** Mean time from an answer to the next request of the same client, in ms, >= 0; exponential. @defaultValue 0 */
  readonly thinkMsMean?: number
}

/**
 * So many clients, each of which waits for its answer, thinks, and asks again: batch workers, consumers of a queue.
 * They go quiet while the backend is in trouble, so that they say nothing of what other callers would suffer. Whoever
 * is refused at once asks again a millisecond later at the soonest.
 *
 * @throws TypeError | RangeError for wrong options
 */
export function closedLoop(options: ClosedLoopOptions): Workload {
  const read = readOptions<ClosedLoopOptions>('closedLoop', options, { thinkMsMean: 0 }, ['clients'])
  const clients = read.count('clients', { min: 1, max: 1e6 })
  const thinkMsMean = read.durationMs('thinkMsMean', { max: 1e9 })
  return { start: (random, durationMs) => new ClosedLoopArrivals(clients, thinkMsMean, random, durationMs) }
}

class ClosedLoopArrivals implements Arrivals {
  readonly #thinkMsMean: number
  readonly #random: Random
  readonly #durationMs: number
  /** When each client asks for the first time: from the last on, so that the next is popped. */
  readonly #firstAtMs: number[]

  constructor(clients: number, thinkMsMean: number, random: Random, durationMs: number) {
    this.#thinkMsMean = thinkMsMean
    this.#random = random
    this.#durationMs = durationMs
    this.#firstAtMs = Array.from({ length: clients }, () => this.#thinkMs()).sort((a, b) => b - a)
  }

  nextAtMs(): number {
    return this.#within(this.#firstAtMs.pop() ?? Number.POSITIVE_INFINITY)
  }

  answered(atMs: number): number {
    return this.#within(atMs + this.#thinkMs())
  }

  #thinkMs(): number {
    return exponential(this.#random) * this.#thinkMsMean
  }

  #within(atMs: number): number {
    return atMs < this.#durationMs ? atMs : Number.POSITIVE_INFINITY
  }
}
