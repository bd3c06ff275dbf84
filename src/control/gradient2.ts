import { clamp } from '../base/clamp.ts'
import { readOptions } from '../base/options.ts'
import { smoothed } from '../measure/average.ts'
import { wholeSample } from '../measure/no-sample.ts'
import type { Controller } from './controller.ts'

/** Options of {@link gradient2}. */
export interface Gradient2Options {
  /** Leases may be so many times as long as in the long run before the limit falls. A ratio >= 1. @defaultValue 1.5 */
  readonly tolerance?: number
  /** Added to what the gradient says: the backend's own queue. Integer >= 0. @defaultValue 4 */
  readonly queued?: number
  /** Time constant of the long run, in ms, > 0. @defaultValue 75_000 */
  readonly longTauMs?: number
  /** Share of each answer that takes effect: a ratio, > 0, at most 1. @defaultValue 0.2 */
  readonly smoothing?: number
}

export const GRADIENT2_DEFAULTS: Required<Gradient2Options> = {
  tolerance: 1.5, // these are Netflix's
  queued: 4,
  longTauMs: 75_000, // Netflix: 600 samples; here those of our usual windows
  smoothing: 0.2,
}

/** All that {@link gradient2} remembers. */
export interface Gradient2State {
  /** Lease time in the long run, in ms; 0: none yet. */
  readonly longMs: number
  /** For how long it has been measured, in ms. */
  readonly seenMs: number
  /** Not rounded, so that small steps add up; and what it was when it was said. */
  readonly wanted: number
  readonly limit: number
}

/**
 * Congestion control by the gradient of delay: while leases are longer than in the long run, the limit falls in
 * proportion; while they are not, it rises. It ignores how much is asked for and how much is done, so that leases which
 * become longer by themselves make it shrink beside an idle backend; and what lasts becomes the long run. For
 * comparison.
 *
 * @throws TypeError RangeError for wrong options
 * @source Netflix, concurrency-limits, Gradient2Limit
 */
export function gradient2(options: Gradient2Options = {}): Controller<Gradient2State> {
  const read = readOptions('gradient2', options, GRADIENT2_DEFAULTS)
  const tolerance = read.ratio('tolerance', { min: 1, max: 1e6 })
  const queued = read.count('queued', { max: 1e6 })
  const longTauMs = read.durationMs('longTauMs', { min: Number.MIN_VALUE, max: 1e12 })
  const smoothing = read.ratio('smoothing', { min: Number.MIN_VALUE, max: 1 })
  return {
    name: 'gradient2',
    initial: { longMs: 0, seenMs: 0, wanted: 0, limit: 0 },
    step(state, sample) {
      const { limit, limitMin, limitMax, leaseMsMean, inUseMax, windowMs } = wholeSample(sample)
      if (leaseMsMean <= 0) return [state, { limit, reason: 'no-completions' }]
      const seenMs = Math.min(longTauMs, state.seenMs + windowMs)
      // At first a plain mean; when leases have become short again, the long run follows sooner.
      const longSeenMs = smoothed(state.longMs, leaseMsMean, windowMs, seenMs)
      const longMs = longSeenMs > 2 * leaseMsMean ? 0.95 * longSeenMs : longSeenMs
      const next = { ...state, longMs, seenMs }
      if (2 * inUseMax < limit) return [next, { limit, reason: 'hardly-used' }]
      const from = state.limit === limit ? state.wanted : limit
      const gradient = Math.min(1, Math.max(0.5, (tolerance * longMs) / leaseMsMean))
      const said = (1 - smoothing) * from + smoothing * (from * gradient + queued)
      const wanted = clamp(said, limitMin, limitMax)
      const rounded = Math.round(wanted)
      const reason = gradient < 1 ? 'leases-longer' : 'leases-as-ever'
      return [
        { ...next, wanted, limit: rounded },
        { limit: rounded, reason },
      ]
    },
  }
}
