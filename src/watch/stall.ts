import type { Sample } from '../measure/sample.ts'

/** How much the event loop has been late of late. Plain data. */
export interface Stall {
  /** Lateness of the last seconds, in ms, fading away. */
  readonly lateMs: number
  /** The worst of them. */
  readonly worstMs: number
  readonly worstAtMs: number
}

export const NO_STALL: Stall = { lateMs: 0, worstMs: 0, worstAtMs: Number.MIN_SAFE_INTEGER }

const FADE_MS = 2_000
/** A timer this late, in ms, is an ordinary day: a collection of garbage, a busy neighbour. */
const ORDINARY_MS = 60
/** From here on, in ms, callers feel it. */
const FELT_MS = 200

export function stepStall(stall: Stall, { atMs, windowMs, loopDelayMs }: Sample): Stall {
  const lateMs = stall.lateMs * Math.exp(-windowMs / FADE_MS) + Math.max(0, loopDelayMs - ORDINARY_MS)
  const isWorst = loopDelayMs > stall.worstMs || atMs - stall.worstAtMs > 5 * FADE_MS
  return isWorst ? { lateMs, worstMs: loopDelayMs, worstAtMs: atMs } : { ...stall, lateMs }
}

/** Whatever is seen of waits and leases now, the event loop has had its part in it. */
export function isStalling({ lateMs }: Stall): boolean {
  return lateMs >= FELT_MS
}
