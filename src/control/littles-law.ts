import { clamp } from '../base/clamp.ts'
import { readOptions } from '../base/options.ts'
import { smoothed } from '../measure/average.ts'
import { wholeSample } from '../measure/no-sample.ts'
import type { Sample } from '../measure/sample.ts'
import type { Controller } from './controller.ts'
import {
  type ArrivalRate,
  arrivalsPerMs,
  type LeaseTimes,
  NO_ARRIVALS,
  NO_LEASES,
  nextArrivalRate,
  nextLeaseTimes,
  staffed,
  unloadedLeaseMs,
} from './demand.ts'

/** Options of {@link littlesLaw}. */
export interface LittlesLawOptions {
  /** How long the shortest lease times are remembered, in ms, > 0. @defaultValue 60_000 */
  readonly leaseMemoryMs?: number
  /** Time constant with which the limit comes down, in ms, >= 0. @defaultValue 10_000 */
  readonly lowerTauMs?: number
}

export const LITTLES_LAW_DEFAULTS: Required<LittlesLawOptions> = {
  leaseMemoryMs: 60_000, // outlasts most brown-outs; what lasts longer is the new normal
  lowerTauMs: 10_000, // a lull of a second costs no connections
}

/** All that {@link littlesLaw} remembers. */
export interface LittlesLawState {
  /** Not rounded, so that small steps down add up. */
  readonly limit: number
  readonly rate: ArrivalRate
  readonly leases: LeaseTimes
  /** Mean and variance of the leases wanted at once, seen while nobody waited. */
  readonly offeredMean?: number
  readonly offeredVariance: number
}

const INITIAL: LittlesLawState = {
  limit: 0,
  rate: NO_ARRIVALS,
  leases: NO_LEASES,
  offeredVariance: 0,
}

/**
 * Sizes the pool by Little's law: leases out = arrivals per ms × lease time in ms, with headroom for the variance that
 * the traffic really has, which is Poisson's or more.
 *
 * Lease time is that of an unloaded backend, the shortest mean within a memory. Taken as measured, it grows with the
 * limit as soon as the backend is busy, and the limit with it, until it is at its maximum and stays there. The price:
 * leases that become longer by themselves are taken for load until the memory has passed.
 *
 * @throws TypeError RangeError for wrong options
 * @source Little 1961, "A proof for the queuing formula: L = λW", Operations Research 9(3)
 */
export function littlesLaw(options: LittlesLawOptions = {}): Controller<LittlesLawState> {
  const read = readOptions('littlesLaw', options, LITTLES_LAW_DEFAULTS)
  const leaseMemoryMs = read.durationMs('leaseMemoryMs', { min: Number.MIN_VALUE })
  const lowerTauMs = read.durationMs('lowerTauMs')
  return {
    name: 'littles-law',
    initial: INITIAL,
    step(before, given) {
      const sample = wholeSample(given)
      const seen = observed(before, sample, leaseMemoryMs)
      if (seen.leases.recentMs === 0) return [seen, { limit: sample.limit, reason: 'no-lease-ended-yet' }]
      const inUseMean = arrivalsPerMs(seen.rate) * unloadedLeaseMs(seen.leases)
      const wanted = clamp(
        staffed(inUseMean, Math.max(inUseMean, seen.offeredVariance)),
        sample.limitMin,
        sample.limitMax,
      )
      // Whoever else moved the limit is followed.
      const from = Math.ceil(seen.limit) === sample.limit ? seen.limit : sample.limit
      const limit = wanted >= from ? wanted : smoothed(from, wanted, sample.windowMs, lowerTauMs)
      return [
        { ...seen, limit },
        { limit: Math.ceil(limit), reason: 'demand' },
      ]
    },
  }
}

/** Bursts of tens of seconds belong to the variance; the hours of the day do not. */
const VARIANCE_TAU_MS = 30_000

function observed(state: LittlesLawState, sample: Sample, leaseMemoryMs: number): LittlesLawState {
  const rate = nextArrivalRate(state.rate, sample)
  const leases = nextLeaseTimes(state.leases, sample, true, leaseMemoryMs)
  if (sample.waitingMs > 0) return { ...state, rate, leases } // a queue is a backlog, not what is wanted at once
  const { windowMs, offeredMean } = sample
  const meanBefore = state.offeredMean ?? offeredMean
  // Within the window, and of windows around their mean.
  const variance = sample.offeredVariance + (offeredMean - meanBefore) ** 2
  return {
    ...state,
    rate,
    leases,
    offeredMean: smoothed(meanBefore, offeredMean, windowMs, VARIANCE_TAU_MS),
    offeredVariance: smoothed(state.offeredVariance, variance, windowMs, VARIANCE_TAU_MS),
  }
}
