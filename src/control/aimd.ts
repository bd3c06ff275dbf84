import { readOptions } from '../base/options.ts'
import { wholeSample } from '../measure/no-sample.ts'
import type { Controller } from './controller.ts'

/** Options of {@link aimd}. */
export interface AimdOptions {
  /** Added to the limit per step while callers wait. Integer >= 1. @defaultValue 1 */
  readonly increase?: number
  /** The limit is multiplied by this upon congestion. A ratio, 0.5..0.999. @defaultValue 0.9 */
  readonly backOffRatio?: number
  /** A mean lease longer than this is congestion, in ms, > 0. @defaultValue 1_000 */
  readonly leaseMsMax?: number
}

export const AIMD_DEFAULTS: Required<AimdOptions> = {
  increase: 1, // under pressure the loop steps up to twenty times a second: +20 a second
  backOffRatio: 0.9, // Netflix's own
  leaseMsMax: 1_000, // Netflix's 5 s acts when the outage is over
}

/**
 * Additive increase while callers wait at the limit, multiplicative decrease when leases become too long. It cannot
 * tell a small pool from a saturated backend until leases are as long as `leaseMsMax`, and it never shrinks in calm:
 * here for comparison, and for those who know what their queries may take.
 *
 * An acquire that timed out asks for more, not for less: fed to the decrease, as a dropped request would be, it pins
 * the limit at its minimum.
 *
 * @throws TypeError RangeError for wrong options
 * @source Netflix, concurrency-limits, AIMDLimit; Chiu, Jain 1989, "Analysis of the increase and decrease algorithms
 *   for congestion avoidance", Computer Networks and ISDN Systems 17(1)
 */
export function aimd(options: AimdOptions = {}): Controller<null> {
  const read = readOptions('aimd', options, AIMD_DEFAULTS)
  const increase = read.count('increase', { min: 1 })
  const backOffRatio = read.ratio('backOffRatio', { min: 0.5, max: 0.999 })
  const leaseMsMax = read.durationMs('leaseMsMax', { min: Number.MIN_VALUE })
  return {
    name: 'aimd',
    initial: null,
    step(state, given) {
      const sample = wholeSample(given)
      const { limit } = sample
      if (sample.leaseMsMean > leaseMsMax)
        return [state, { limit: Math.floor(limit * backOffRatio), reason: 'congestion' }]
      const isShort = sample.waiters > 0 && sample.live >= limit
      return [state, isShort ? { limit: limit + increase, reason: 'waiters' } : { limit, reason: 'steady' }]
    },
  }
}
