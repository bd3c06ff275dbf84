import type { Sample } from '../measure/sample.ts'

/** How fast the budget of bad waits is spent, over a short and a long span. Plain data. */
export interface Burn {
  readonly fast: Span
  readonly slow: Span
}

interface Span {
  /** Acquires, and those that waited for longer than the SLO allows or failed: fading away. */
  readonly all: number
  readonly bad: number
}

const EMPTY: Span = { all: 0, bad: 0 }
export const NO_BURN: Burn = { fast: EMPTY, slow: EMPTY }

const FAST_MS = 5_000
const SLOW_MS = 60_000
/** One in a hundred may be bad. At these multiples of it, the budget of an hour is gone in five minutes. */
const BAD_SHARE_ALLOWED = 0.01
const BURN_RATE = 12
/** Fewer acquires decide nothing. */
const ACQUIRES_MIN = 30

/**
 * @param slow grants of the window that took longer than the SLO
 * @source Beyer et al. 2018, "The Site Reliability Workbook", chapter 5: multiple windows, multiple burn rates
 */
export function stepBurn(burn: Burn, sample: Sample): Burn {
  const { windowMs, grants, slowGrants } = sample
  const failed = failedOf(sample)
  const step = ({ all, bad }: Span, fadeMs: number): Span => {
    const kept = Math.exp(-windowMs / fadeMs)
    return { all: all * kept + grants + failed, bad: bad * kept + slowGrants + failed }
  }
  return { fast: step(burn.fast, FAST_MS), slow: step(burn.slow, SLOW_MS) }
}

/** Times the rate at which the budget would just last. */
export function burnRate({ all, bad }: Span): number {
  return all > 0 ? bad / all / BAD_SHARE_ALLOWED : 0
}

/** It burns now, and has for long enough to matter. */
export function isBurning({ fast, slow }: Burn): boolean {
  return fast.all >= ACQUIRES_MIN && burnRate(fast) >= BURN_RATE && burnRate(slow) >= BURN_RATE / 4
}

/** Callers who got no lease in this window, aborted ones left out. */
export function failedOf({ timedOut, shed, queueFull, createRefused }: Sample): number {
  return timedOut + shed + queueFull + createRefused
}
