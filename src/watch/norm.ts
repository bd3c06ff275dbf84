/** What is usual for one measured quantity: a slow mean that is quick to begin and hard to sway. Plain data. */
export interface Norm {
  readonly value: number
  /** Time it has learned from, in ms; 0: nothing is known. */
  readonly learnedMs: number
  /** Of this, without pressure. */
  readonly calmMs: number
}

export const UNKNOWN_NORM: Norm = { value: 0, learnedMs: 0, calmMs: 0 }

/** Over this, in ms, a calm pool's habits are learned. */
const CALM_TAU_MS = 60_000
/** Under pressure habits are not; but what lasts for minutes has become the habit. */
const PRESSED_TAU_MS = 300_000
/** So much calm, in ms, is known to be the habit. Before any has been seen, pressure may be all there is. */
const CALM_MS_MIN = 1_000
/** What goes into the norm so often counts as this much of it: a hang of seconds would be the habit of minutes. */
const OUTLIER_TIMES = 4
/** A window of rest may last for a night; it should not make the morning a surge. */
const WINDOW_MS_MAX = 5_000

/**
 * Learns from one window.
 *
 * While it knows little, the norm is the plain mean of what it has seen. The more calm is known, the less does pressure
 * move it: else a surge of seconds would soon look usual to a pool that has just begun.
 */
export function stepNorm(norm: Norm, seen: number, windowMs: number, isPressed: boolean): Norm {
  const spanMs = Math.min(windowMs, WINDOW_MS_MAX)
  const learnedMs = norm.learnedMs + spanMs
  const calmMs = norm.calmMs + (isPressed ? 0 : spanMs)
  const habit = habitOf(norm)
  const calmTauMs = Math.min(CALM_TAU_MS, learnedMs)
  const tauMs = isPressed ? Math.max(calmTauMs, habit * PRESSED_TAU_MS) : calmTauMs
  const heard = isPressed && habit > 0 ? Math.min(seen, OUTLIER_TIMES * norm.value) : seen
  return { value: norm.value + (spanMs / tauMs) * (heard - norm.value), learnedMs, calmMs }
}

/** How well calm is known to be the habit, by what came before: 0..1. */
export function habitOf({ calmMs }: Norm): number {
  return Math.min(1, calmMs / CALM_MS_MIN)
}

/** How often the norm goes into what is seen; 1 while nothing is known. */
export function timesNorm(norm: Norm, seen: number): number {
  return norm.learnedMs > 0 && norm.value > 0 ? seen / norm.value : 1
}
