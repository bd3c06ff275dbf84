import type { Sample } from '../measure/sample.ts'

/** What one limit yielded under pressure. */
interface Arm {
  readonly limit: number
  readonly forMs: number
  readonly completions: number
  /** Leases out × ms. */
  readonly inUseMs: number
  /** How long those took that ended, in all: by Little's law the same, if what goes out comes back. */
  readonly endedMs: number
}

/** Two neighbouring limits and what each yielded, under pressure. Plain data. */
export interface MarginalThroughput {
  readonly before: Arm | undefined
  readonly now: Arm | undefined
  /** When there was pressure last. */
  readonly pressedAtMs: number
  readonly comparison: Comparison | undefined
}

/** Two arms compared: leases out, and leases that ended per ms, in the former and in the latter. */
export interface Comparison {
  readonly inUseFrom: number
  readonly inUseTo: number
  readonly completionsPerMsFrom: number
  readonly completionsPerMsTo: number
  /** More leases out have been shown not to complete more of them. */
  readonly isFlat: boolean
  /** More leases out have been shown to complete more, nearly in proportion: the backend has room. */
  readonly isSteep: boolean
}

export const NO_THROUGHPUT: MarginalThroughput = {
  before: undefined,
  now: undefined,
  pressedAtMs: Number.MIN_SAFE_INTEGER,
  comparison: undefined,
}

/** Fewer, and chance is more than a tenth. */
const COMPLETIONS_MIN = 80
/** Longer ago, and the traffic may have become another. */
const ARM_MS_MAX = 10_000
/** Nearer to each other, two arms cannot be told apart. */
const IN_USE_RATIO_MIN = 1.15
/** Less of what was out has ended: the rest was forgotten. It completes nothing, whatever the backend can do. */
const ENDED_RATIO_MIN = 0.6
/** Elasticity that a limit must earn to be worth it; and how sure one has to be that it does not (95 %, one-sided). */
const ELASTICITY_MIN = 0.5
const DEVIATIONS = 1.64

/**
 * Compares what two limits yielded while callers were waiting: only then do completions tell what the backend can do,
 * and not what callers wanted. Whether leases have become slower is no evidence: with a healthy backend and slow
 * callers they do as well.
 *
 * @source elasticity d ln X / d ln N: the economists' measure, on the pool's marginal throughput
 */
export function stepMarginalThroughput(state: MarginalThroughput, sample: Sample): MarginalThroughput {
  const isAtWork = sample.waiters > 0 && sample.inUseMean >= 0.85 * sample.limit
  if (!isAtWork) return sample.atMs - state.pressedAtMs > ARM_MS_MAX ? NO_THROUGHPUT : state
  const isOther = state.now === undefined || state.now.limit !== sample.limit
  const hasWeight = state.now !== undefined && state.now.completions >= COMPLETIONS_MIN
  const before = isOther && hasWeight ? state.now : state.before
  const arm = isOther ? { limit: sample.limit, forMs: 0, completions: 0, inUseMs: 0, endedMs: 0 } : (state.now as Arm)
  const now = arm.forMs < ARM_MS_MAX ? extend(arm, sample) : arm
  const comparison = before === undefined ? undefined : (compare(before, now) ?? state.comparison)
  return { before, now, pressedAtMs: sample.atMs, comparison }
}

function extend(arm: Arm, { windowMs, completions, inUseMean, leaseMsMean }: Sample): Arm {
  return {
    limit: arm.limit,
    forMs: arm.forMs + windowMs,
    completions: arm.completions + completions,
    inUseMs: arm.inUseMs + inUseMean * windowMs,
    endedMs: arm.endedMs + completions * leaseMsMean,
  }
}

function compare(before: Arm, now: Arm): Comparison | undefined {
  if (now.completions < COMPLETIONS_MIN || now.endedMs < ENDED_RATIO_MIN * now.inUseMs) return undefined
  const inUseFrom = before.inUseMs / before.forMs
  const inUseTo = now.inUseMs / now.forMs
  const moved = Math.log(inUseTo / inUseFrom)
  if (Math.abs(moved) < Math.log(IN_USE_RATIO_MIN)) return undefined
  const completionsPerMsFrom = before.completions / before.forMs
  const completionsPerMsTo = now.completions / now.forMs
  const gained = Math.log(completionsPerMsTo / completionsPerMsFrom)
  const deviation = Math.sqrt(1 / before.completions + 1 / now.completions) / Math.abs(moved)
  const elasticity = gained / moved
  const isFlat = elasticity + DEVIATIONS * deviation < ELASTICITY_MIN
  const isSteep = elasticity - DEVIATIONS * deviation > ELASTICITY_MIN
  return { inUseFrom, inUseTo, completionsPerMsFrom, completionsPerMsTo, isFlat, isSteep }
}
