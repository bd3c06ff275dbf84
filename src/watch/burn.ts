import type { Sample } from '../measure/sample.ts'

/** How fast the budget of bad waits is spent, over a short and a long span. Plain data. */
export interface Burn {
  readonly fast: Share
  readonly slow: Share
}

/** So many of a kind, and how many of them were bad: fading away. Plain data. */
export interface Share {
  readonly all: number
  readonly bad: number
}

export const NO_SHARE: Share = { all: 0, bad: 0 }
/** Acquires; bad: waited for longer than the SLO allows, or failed. */
export const NO_BURN: Burn = { fast: NO_SHARE, slow: NO_SHARE }

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
  const step = (share: Share, fadeMs: number): Share =>
    stepShare(share, grants + failed, slowGrants + failed, windowMs / fadeMs)
  return { fast: step(burn.fast, FAST_MS), slow: step(burn.slow, SLOW_MS) }
}

/** @param fades how often the time in which a share fades has passed */
export function stepShare({ all, bad }: Share, more: number, moreBad: number, fades: number): Share {
  const kept = Math.exp(-fades)
  return { all: all * kept + more, bad: bad * kept + moreBad }
}

/** Times the rate at which the budget would just last. */
export function burnRate({ all, bad }: Share): number {
  return all > 0 ? bad / all / BAD_SHARE_ALLOWED : 0
}

/** What hovers about the rate that is told is one story: once told, it is over at a quarter of that. */
const OVER_SHARE = 0.25

/** It burns now, and has for long enough to matter. */
export function isBurning({ fast, slow }: Burn, isTold: boolean): boolean {
  if (isTold) return fast.all >= 1 && burnRate(fast) >= OVER_SHARE * BURN_RATE // a share of nobody stays what it was
  return fast.all >= ACQUIRES_MIN && burnRate(fast) >= BURN_RATE && burnRate(slow) >= BURN_RATE / 4
}

/** Callers who got no lease in this window, aborted ones left out. */
export function failedOf({ timedOut, shed, queueFull, createRefused }: Sample): number {
  return timedOut + shed + queueFull + createRefused
}
