import { readOptions } from '../base/options.ts'
import { wholeSample } from '../measure/no-sample.ts'
import type { Controller } from './controller.ts'

/** Options of {@link vegas}. */
export interface VegasOptions {
  /** Below so many queued at the backend, in units of log10(limit), the limit rises. A ratio, > 0. @defaultValue 3 */
  readonly queuedMin?: number
  /** Above so many it falls; at least queuedMin. @defaultValue 6 */
  readonly queuedMax?: number
  /** The unloaded lease time is measured afresh after so many times limit completions. > 0. @defaultValue 22.5 */
  readonly forgetAfter?: number
}

export const VEGAS_DEFAULTS: Required<VegasOptions> = {
  queuedMin: 3, // these two are Netflix's
  queuedMax: 6,
  forgetAfter: 22.5, // Netflix: 30, times a random number between a half and one
}

/** All that {@link vegas} remembers. */
export interface VegasState {
  /** The shortest mean lease of a window since the last reset, in ms; 0: none yet. */
  readonly leaseMsMin: number
  readonly completionsSinceReset: number
}

/**
 * Congestion control by delay: of `limit` leases, limit × (1 − shortest lease / lease now) wait inside the backend. Few
 * of them: more are let in; many: fewer. Nothing but lease times is looked at, so that a slow query is taken for
 * congestion, and the shortest lease of a lucky moment for the truth: in a pool it often stays too small. For
 * comparison.
 *
 * @throws TypeError RangeError for wrong options
 * @source Brakmo, Peterson 1995, "TCP Vegas", IEEE Journal on Selected Areas in Communications 13(8); as adapted by
 *   Netflix, concurrency-limits, VegasLimit
 */
export function vegas(options: VegasOptions = {}): Controller<VegasState> {
  const read = readOptions('vegas', options, VEGAS_DEFAULTS)
  const queuedMin = read.ratio('queuedMin', { min: Number.MIN_VALUE, max: 1e6 })
  const queuedMax = read.ratio('queuedMax', { min: queuedMin, max: 1e6 })
  const forgetAfter = read.ratio('forgetAfter', { min: Number.MIN_VALUE, max: 1e9 })
  return {
    name: 'vegas',
    initial: { leaseMsMin: 0, completionsSinceReset: 0 },
    step(state, sample) {
      const { limit, completions, leaseMsMean, inUseMax } = wholeSample(sample)
      if (leaseMsMean <= 0) return [state, { limit, reason: 'no-completions' }]
      const completionsSinceReset = state.completionsSinceReset + completions
      if (completionsSinceReset > forgetAfter * limit) {
        return [
          { leaseMsMin: leaseMsMean, completionsSinceReset: 0 },
          { limit, reason: 'measured-afresh' },
        ]
      }
      const isShortest = state.leaseMsMin === 0 || leaseMsMean < state.leaseMsMin
      const leaseMsMin = isShortest ? leaseMsMean : state.leaseMsMin
      const next = { leaseMsMin, completionsSinceReset }
      if (isShortest) return [next, { limit, reason: 'shortest-yet' }]
      if (2 * inUseMax < limit) return [next, { limit, reason: 'hardly-used' }]
      const unit = digits(limit)
      const queued = Math.ceil(limit * (1 - leaseMsMin / leaseMsMean))
      if (queued <= unit) return [next, { limit: limit + queuedMax * unit, reason: 'nothing-queued' }]
      if (queued < queuedMin * unit) return [next, { limit: limit + unit, reason: 'little-queued' }]
      if (queued > queuedMax * unit) return [next, { limit: limit - unit, reason: 'much-queued' }]
      return [next, { limit, reason: 'steady' }]
    },
  }
}

/** log10, rounded down, and at least 1. */
function digits(limit: number): number {
  let unit = 1
  for (let power = 100; power <= limit; power *= 10) unit += 1
  return unit
}
