import { clamp } from '../base/clamp.ts'
import { readOptions } from '../base/options.ts'
import { wholeSample } from '../measure/no-sample.ts'
import type { Sample } from '../measure/sample.ts'
import type { Controller } from './controller.ts'
import { type LeaseTimes, NO_LEASES, nextLeaseTimes, unloadedLeaseMs } from './demand.ts'

/** Options of {@link pid}. */
export interface PidOptions {
  /** The 95 % quantile of waits is held at this, in ms, > 0. @defaultValue 20 */
  readonly waitMsSetpoint?: number
  /** Resources for each setpoint by which waits exceed it. A ratio, > 0. @defaultValue 1 */
  readonly gain?: number
  /** Ti: after it, in ms, > 0, the integral has added as much as the gain did at once. @defaultValue 2_000 */
  readonly integralMs?: number
  /** Td: how far ahead, in ms, >= 0, the trend of waits is extended. @defaultValue 50 */
  readonly derivativeMs?: number
}

export const PID_DEFAULTS: Required<PidOptions> = {
  waitMsSetpoint: 20, // below CoDel's usual 50 ms, so that the pool grows before anybody is shed
  gain: 1, // waits of ten setpoints ask for ten more at once
  integralMs: 2_000, // a few connects and a few windows: faster, and it acts on what it has not seen yet
  derivativeMs: 50, // a window under pressure; more amplifies noise
}

/** All that {@link pid} remembers. */
export interface PidState {
  /** What it said last; if it is not what is in force, somebody else has moved the limit. */
  readonly limit: number
  /** Resources. */
  readonly integral: number
  readonly derivative: number
  /** The wait measured last, in setpoints. */
  readonly waitRatio: number
  readonly leases: LeaseTimes
}

const INITIAL: PidState = { limit: 0, integral: 0, derivative: 0, waitRatio: 0, leases: NO_LEASES }

/** Waits beyond this many setpoints count as this: a caller who waits for a second is not to open a thousand. */
const WAIT_RATIO_MAX = 11
/** N, of the derivative's filter: it reacts within derivativeMs / N. Usual are 8..20. */
const DERIVATIVE_FILTER = 10
/** Moves by less than this share of the limit, or by less than one resource, are noise. */
const DEAD_BAND = 0.05
const LEASE_MEMORY_MS = 60_000
/** Leases this much longer than unloaded ones: the backend is the bottleneck. */
const SLOWDOWN_MAX = 2

/**
 * Holds waits at a setpoint. Position form; the derivative acts on the measurement, filtered; the integral is tracked
 * back from what the bounds let through (anti-windup), and starts from the limit in force whoever set it (bumpless).
 *
 * Past the backend's knee its sign is wrong: more resources make waits longer. So while leases take more than twice
 * as long as unloaded, waits count as being at the setpoint, and the limit stays. Waits cannot be below 0, hence a pool
 * in which nobody waits comes down slowly, by gain / integralMs, until somebody does. For comparison, and for those
 * who want a given wait.
 *
 * @throws TypeError RangeError for wrong options
 * @source Åström, Hägglund 2006, "Advanced PID control", sections 3.4-3.6; Peng, Vrančić, Hanus 1996, "Anti-windup,
 *   bumpless, and conditioned transfer techniques for PID controllers", IEEE Control Systems 16(4)
 */
export function pid(options: PidOptions = {}): Controller<PidState> {
  const read = readOptions('pid', options, PID_DEFAULTS)
  const waitMsSetpoint = read.durationMs('waitMsSetpoint', { min: Number.MIN_VALUE, max: MAX })
  const gain = read.ratio('gain', { min: Number.MIN_VALUE, max: MAX })
  const integralMs = read.durationMs('integralMs', { min: Number.MIN_VALUE, max: MAX })
  const derivativeMs = read.durationMs('derivativeMs', { max: MAX })
  return {
    name: 'pid',
    initial: INITIAL,
    step(before, given) {
      const sample = wholeSample(given)
      const { windowMs } = sample
      const leases = nextLeaseTimes(before.leases, sample, true, LEASE_MEMORY_MS)
      const isPastKnee = leases.recentMs > SLOWDOWN_MAX * unloadedLeaseMs(leases)
      const waitRatio = waitRatioOf(sample, waitMsSetpoint, isPastKnee)
      const error = waitRatio - 1
      const isOurs = before.limit === sample.limit
      const integral = isOurs ? before.integral : sample.limit - gain * error
      const filterMs = derivativeMs / DERIVATIVE_FILTER
      const rise = isOurs ? waitRatio - before.waitRatio : 0
      const derivative = (filterMs * before.derivative + gain * derivativeMs * rise) / (filterMs + windowMs)
      const wanted = integral + gain * error + derivative
      const bounded = clamp(wanted, sample.limitMin, sample.limitMax)
      const isNear = Math.abs(bounded - sample.limit) < Math.max(1, DEAD_BAND * sample.limit)
      const limit = isNear ? sample.limit : Math.round(bounded)
      const tracked = integral + Math.min(1, windowMs / integralMs) * (gain * error + bounded - wanted)
      const reason = isPastKnee ? 'backend-slow' : error > 0 ? 'waits-long' : 'waits-short'
      return [
        { limit, integral: tracked, derivative, waitRatio, leases },
        { limit, reason },
      ]
    },
  }
}

/** Where an option has no natural bound, this one keeps products finite. */
const MAX = 1e9

function waitRatioOf(sample: Sample, waitMsSetpoint: number, isPastKnee: boolean): number {
  const waitRatio = Math.min(Math.max(sample.waitMsP95, sample.oldestWaitMs) / waitMsSetpoint, WAIT_RATIO_MAX)
  return isPastKnee ? Math.min(waitRatio, 1) : waitRatio
}
