import { clamp } from '../base/clamp.ts'
import { readOptions } from '../base/options.ts'
import { wholeSample } from '../measure/no-sample.ts'
import type { Sample } from '../measure/sample.ts'
import type { Decision } from '../pool/contract.ts'
import type { Controller } from './controller.ts'

/** Options of {@link hillClimb}. */
export interface HillClimbOptions {
  /** Each step multiplies or divides the limit by this. A ratio, > 1, at most 4. @defaultValue 1.25 */
  readonly stepRatio?: number
  /** A step is judged after so many completions, or after 2 s. Integer >= 1. @defaultValue 80 */
  readonly completionsMin?: number
  /** Without waiters for this long, in ms, > 0, the limit comes down a step. @defaultValue 5_000 */
  readonly calmMs?: number
}

export const HILL_CLIMB_DEFAULTS: Required<HillClimbOptions> = {
  stepRatio: 1.25, // what changes throughput by less than chance does would teach nothing
  completionsMin: 80, // chance alone moves these by a tenth
  calmMs: 5_000,
}

/** All that {@link hillClimb} remembers. */
export interface HillClimbState {
  /** What it said last; if it is not what is in force, somebody else has moved the limit. */
  readonly limit: number
  readonly isUp: boolean
  /** What is being measured at the limit in force, from when on its effect is to be seen. */
  readonly settleMs: number
  readonly ms: number
  readonly completions: number
  /** Throughput at the limit before, per ms; 0: none yet. */
  readonly before: number
  readonly calmMs: number
}

const MEASURE_MS_MAX = 2_000

/**
 * Climbs the curve of throughput over the limit: while somebody waits, it goes a step, measures, goes on in the same
 * direction if throughput has grown, and turns round if it has not. It finds the top of any curve whatever the reason
 * for it, but slowly, and it never rests there; noise sends it astray on a flat one. For comparison.
 *
 * @throws TypeError RangeError for wrong options
 * @source Hellerstein, Morrison, Eilebrecht 2009, "Applying control theory in the real world: experience with building
 *   a controller for the .NET thread pool", ACM SIGMETRICS PER 37(3); without its wave
 */
export function hillClimb(options: HillClimbOptions = {}): Controller<HillClimbState> {
  const read = readOptions('hillClimb', options, HILL_CLIMB_DEFAULTS)
  const stepRatio = read.ratio('stepRatio', { min: 1 + 1e-6, max: 4 })
  const completionsMin = read.count('completionsMin', { min: 1 })
  const calmMsMax = read.durationMs('calmMs', { min: Number.MIN_VALUE })
  const up = (limit: number): number => Math.max(limit + 1, Math.round(limit * stepRatio))
  const down = (limit: number): number => Math.min(limit - 1, Math.round(limit / stepRatio))
  return {
    name: 'hill-climb',
    initial: { limit: 0, isUp: true, settleMs: 0, ms: 0, completions: 0, before: 0, calmMs: 0 },
    step(before, given) {
      const sample = wholeSample(given)
      const { limit } = sample
      const state = before.limit === limit ? before : { ...before, ...measureAfresh(sample), limit, before: 0 }
      if (sample.waiters === 0 && sample.waitingMs < sample.windowMs / 2) {
        const calmMs = state.calmMs + sample.windowMs
        if (calmMs < calmMsMax) return stay({ ...state, calmMs }, sample, 'calm')
        const lowered = Math.max(sample.limitMin, sample.inUseMax + 1, down(limit))
        if (lowered >= limit) return stay({ ...state, calmMs: 0 }, sample, 'calm')
        return go({ ...state, calmMs: 0, before: 0, isUp: true }, lowered, sample, 'shrink')
      }
      const measured = measure({ ...state, calmMs: 0 }, sample)
      const isEnough = measured.completions >= completionsMin || measured.ms >= MEASURE_MS_MAX
      if (!isEnough) return stay(measured, sample, 'measuring')
      const perMs = measured.completions / measured.ms
      const isUp = perMs >= measured.before ? measured.isUp : !measured.isUp
      const wanted = isUp ? up(limit) : down(limit)
      const bounded = clamp(wanted, sample.limitMin, sample.limitMax)
      return go({ ...measured, isUp: bounded === limit ? !isUp : isUp, before: perMs }, bounded, sample, 'climb')
    },
  }
}

type Step = readonly [HillClimbState, Decision]

function stay(state: HillClimbState, { limit }: Sample, reason: string): Step {
  return [
    { ...state, limit },
    { limit, reason },
  ]
}

function go(state: HillClimbState, limit: number, sample: Sample, reason: string): Step {
  return [
    { ...state, ...measureAfresh(sample), limit },
    { limit, reason },
  ]
}

/** One lease time must pass before completions are those of the new limit. */
function measureAfresh({ leaseMsMean }: Sample): Pick<HillClimbState, 'settleMs' | 'ms' | 'completions'> {
  return { settleMs: leaseMsMean, ms: 0, completions: 0 }
}

function measure(state: HillClimbState, { windowMs, completions, creating }: Sample): HillClimbState {
  if (creating > 0) return state // the limit is not reached yet
  if (state.settleMs > 0) return { ...state, settleMs: state.settleMs - windowMs }
  return { ...state, ms: state.ms + windowMs, completions: state.completions + completions }
}
