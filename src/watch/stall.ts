import type { Sample } from '../measure/sample.ts'
import { NO_SAMPLE } from './no-sample.ts'

/** How much the event loop has been late of late. Plain data. */
export interface Stall {
  /** Lateness of the last seconds, in ms, fading away. */
  readonly lateMs: number
  /** The window that saw the worst of them. */
  readonly worst: Sample
}

export const NO_STALL: Stall = { lateMs: 0, worst: NO_SAMPLE }

const FADE_MS = 2_000
/** A timer this late, in ms, is an ordinary day: a collection of garbage, a busy neighbour. */
const ORDINARY_MS = 60
/** From here on, in ms, callers feel it. */
const FELT_MS = 200
/** Of the time that it was late, a process that computed has used at least this share, whoever shares its CPU. */
const COMPUTED_SHARE = 0.25

export function stepStall(stall: Stall, sample: Sample): Stall {
  const { windowMs, loopDelayMs, inUse, waiters } = sample
  const fadedMs = stall.lateMs * Math.exp(-windowMs / FADE_MS)
  // Frozen while nobody was in the pool, as a function's container is between two requests: nobody has felt it.
  if (inUse + waiters === 0 && stoodStill(sample)) return { ...stall, lateMs: fadedMs }
  const lateMs = fadedMs + Math.max(0, loopDelayMs - ORDINARY_MS)
  const isWorst = loopDelayMs > stall.worst.loopDelayMs || sample.atMs - stall.worst.atMs > 5 * FADE_MS
  return { lateMs, worst: isWorst ? sample : stall.worst }
}

/** Whatever is seen of waits and leases now, the event loop has had its part in it. */
export function isStalling({ lateMs }: Stall): boolean {
  return lateMs >= FELT_MS
}

/** Was the process stopped, or did it wait within a synchronous call, rather than compute? */
export function stoodStill({ loopDelayMs, cpuMs }: Sample): boolean {
  return cpuMs !== undefined && cpuMs < COMPUTED_SHARE * loopDelayMs
}
