import { smoothed } from '../measure/average.ts'
import { NO_SAMPLE } from '../measure/no-sample.ts'
import type { Sample } from '../measure/sample.ts'

/** How much the event loop has been late of late. Plain data. */
export interface Stall {
  /** Lateness of the last seconds, in ms, fading away. */
  readonly lateMs: number
  /** How late it is in each window, in ms: mean of the last second, in which one long block is as any other. */
  readonly meanMs: number
  /** The window that saw the worst of them. */
  readonly worst: Sample
}

export const NO_STALL: Stall = { lateMs: 0, meanMs: 0, worst: NO_SAMPLE }

const FADE_MS = 2_000
/** A timer this late, in ms, is an ordinary day: a collection of garbage, a busy neighbour. */
const ORDINARY_MS = 60
/** From here on, in ms, callers feel it. */
const FELT_MS = 200
/** In each window, in ms: less is a service that computes in small slices, and healthy. */
const LATE_MS_MIN = 20
/** An answer that takes more than so many times as long waits for something else, too. */
const LATE_TIMES_MAX = 3
/** Of the time that it was late, a process that computed has used at least this share, whoever shares its CPU. */
const COMPUTED_SHARE = 0.25

export function stepStall(stall: Stall, sample: Sample): Stall {
  const { windowMs, loopDelayMs, inUse, waiters } = sample
  const lateMs = stall.lateMs * Math.exp(-windowMs / FADE_MS)
  // Frozen while nobody was in the pool, as a function's container is between two requests: nobody has felt it.
  if (inUse + waiters === 0 && stoodStill(sample)) return { ...stall, lateMs }
  const isWorst = loopDelayMs > stall.worst.loopDelayMs || sample.atMs - stall.worst.atMs > 5 * FADE_MS
  return {
    lateMs: lateMs + Math.max(0, loopDelayMs - ORDINARY_MS),
    meanMs: smoothed(stall.meanMs, Math.min(loopDelayMs, ORDINARY_MS), windowMs, FADE_MS / 2),
    worst: isWorst ? sample : stall.worst,
  }
}

/** Whatever is seen of waits and leases now, the event loop has had its part in it. */
export function isStalling({ lateMs }: Stall): boolean {
  return lateMs >= FELT_MS
}

/** Can an answer take so long because of the event loop? Whoever gets it waits for a block or two. */
export function isLate({ meanMs }: Stall, answerMs: number): boolean {
  return meanMs >= LATE_MS_MIN && answerMs <= LATE_TIMES_MAX * meanMs
}

/** Was the process stopped, or did it wait within a synchronous call, rather than compute? */
export function stoodStill({ loopDelayMs, cpuMs }: Sample): boolean {
  return cpuMs !== undefined && cpuMs < COMPUTED_SHARE * loopDelayMs
}
