/** Durations of one kind, summed up. A mean or quantile of nothing is 0. */
export interface Distribution {
  readonly count: number
  readonly mean: number
  readonly p50: number
  readonly p95: number
  readonly p99: number
  readonly max: number
}

/** 32 buckets to the octave: a bucket is at most 1/32 of its value wide, so its middle is at most 1.6 % off. */
const OCTAVE_BITS = 5
const MANTISSA_SHIFT = 23 - OCTAVE_BITS
/** Below this, in ms (1 µs), a duration counts as none: it has a bucket of its own, whose value is exactly 0. */
const LOWEST_MS = 2 ** -10
/** From here on, in ms (70 minutes), durations share the last bucket, whose value is the largest one seen. */
const HIGHEST_MS = 2 ** 22

// A float's bit pattern is its logarithm, piecewise linear: exponent and leading mantissa bits *are* the bucket. That
// costs 1 ns, where Math.log2 costs 10.
const float = new Float32Array(1)
const bits = new Uint32Array(float.buffer)

function patternOf(ms: number): number {
  float[0] = ms
  return (bits[0] as number) >>> MANTISSA_SHIFT
}

function lowerEdgeOf(pattern: number): number {
  bits[0] = pattern << MANTISSA_SHIFT
  return float[0] as number
}

const FIRST = patternOf(LOWEST_MS) - 1
const LAST = patternOf(HIGHEST_MS) - FIRST

function bucketOf(ms: number): number {
  return ms < LOWEST_MS ? 0 : ms < HIGHEST_MS ? patternOf(ms) - FIRST : LAST
}

/**
 * Counts durations in log-linear buckets: memory is bounded (8 KiB), adding is O(1) and allocates nothing, and a
 * quantile is at most 1.6 % off.
 *
 * @source Tene, HdrHistogram: the same buckets, found there by counting leading zeros
 */
export class Histogram {
  /** Doubles, since a pool that does a million acquires a second overflows 32 bits in an hour. */
  readonly #counts = new Float64Array(LAST + 1)
  #count = 0
  #sum = 0
  #squares = 0
  #max = 0

  add(ms: number): void {
    const bucket = bucketOf(ms)
    this.#counts[bucket] = (this.#counts[bucket] as number) + 1
    this.#count += 1
    this.#sum += ms
    this.#squares += ms * ms
    if (ms > this.#max) this.#max = ms
  }

  addAll(other: Histogram): void {
    const last = bucketOf(other.#max) // those beyond it are empty
    for (let i = 0; i <= last; i++) this.#counts[i] = (this.#counts[i] as number) + (other.#counts[i] as number)
    this.#count += other.#count
    this.#sum += other.#sum
    this.#squares += other.#squares
    if (other.#max > this.#max) this.#max = other.#max
  }

  get count(): number {
    return this.#count
  }

  get mean(): number {
    return this.#count > 0 ? this.#sum / this.#count : 0
  }

  /** The coefficient of variation: standard deviation / mean; 0 if all are alike. */
  get variation(): number {
    if (this.#sum === 0) return 0
    // The difference of two large numbers: rounding can leave it a hair below 0.
    return Math.sqrt(Math.max(0, (this.#squares * this.#count) / this.#sum ** 2 - 1))
  }

  get max(): number {
    return this.#max
  }

  /** The duration, in ms, that the share `q` (0..1) of all durations did not exceed. */
  quantile(q: number): number {
    if (this.#count === 0) return 0
    let left = Math.max(1, Math.ceil(q * this.#count))
    for (let i = 0; i <= LAST; i++) {
      left -= this.#counts[i] as number
      if (left <= 0) return this.#valueOf(i)
    }
    return this.#max
  }

  summary(): Distribution {
    return {
      count: this.#count,
      mean: this.mean,
      p50: this.quantile(0.5),
      p95: this.quantile(0.95),
      p99: this.quantile(0.99),
      max: this.#max,
    }
  }

  reset(): void {
    if (this.#count === 0) return
    this.#counts.fill(0)
    this.#count = 0
    this.#sum = 0
    this.#squares = 0
    this.#max = 0
  }

  /** The middle of a bucket, but never above the largest duration there was. */
  #valueOf(bucket: number): number {
    if (bucket === 0) return 0
    if (bucket === LAST) return this.#max
    return Math.min(this.#max, (lowerEdgeOf(bucket + FIRST) + lowerEdgeOf(bucket + FIRST + 1)) / 2)
  }
}
