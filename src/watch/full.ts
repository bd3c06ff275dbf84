import { normalCdf, normalDensity } from './normal.ts'

/** What a load is judged by. */
export interface FullRule {
  /** The highest limit that the pool can reach by itself. */
  readonly ceiling: number
  /** Usual time of a lease, in ms. */
  readonly leaseMs: number
  /** A wait longer than this is felt, in ms. */
  readonly waitSloMs: number
  /** Variance over mean of the leases that callers want; 1: chance alone. */
  readonly dispersion: number
}

/** Of those who ask, so many may wait for longer than the SLO before a pool counts as full: a ratio. */
const SLOW_SHARE_MAX = 0.1
const STEPS = 12

/**
 * How many leases callers may want at a time, in the mean, before a tenth of them wait for too long. Below the ceiling:
 * by chance more are wanted at one moment than at another. Pools of short leases come close to it, since a queue is
 * served in no time; a small pool of long ones is full at three quarters. None is before half of it is wanted: beyond
 * that, what looks like chance is a batch that has come and gone.
 */
export function fullLevel(rule: FullRule): number {
  let from = rule.ceiling / 2
  let to = rule.ceiling
  for (let step = 0; step < STEPS; step++) {
    const middle = (from + to) / 2
    if (slowShare(middle, rule) > SLOW_SHARE_MAX) to = middle
    else from = middle
  }
  return (from + to) / 2
}

/**
 * The share of callers who wait for longer than the SLO, when so many leases are wanted in the mean.
 *
 * @source Halfin, Whitt 1981: who waits at all; and how long, exponential at the rate of what is free: Erlang 1917.
 *   Arrivals in batches widen both: Allen, Cunneen 1990.
 */
function slowShare(level: number, { ceiling, leaseMs, waitSloMs, dispersion }: FullRule): number {
  const free = ceiling - level
  const beta = free / Math.sqrt(Math.max(level, 1e-9) * dispersion)
  const waits = 1 / (1 + (beta * normalCdf(beta)) / normalDensity(beta))
  return waits * Math.exp((-free * waitSloMs) / (leaseMs * dispersion))
}
