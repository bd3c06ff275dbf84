/**
 * The smallest or largest value of the last while, in three numbers: the extremes of the current half of that while
 * and of the half before it. What is older than one to two halves is forgotten.
 */
export interface Extreme {
  readonly current?: number | undefined
  readonly before?: number | undefined
  /** Of the current half, in ms. */
  readonly ageMs: number
}

export const NO_EXTREME: Extreme = { ageMs: 0 }

/** @param value undefined: time passed, but nothing was seen */
export function rolledMax(extreme: Extreme, value: number | undefined, elapsedMs: number, memoryMs: number): Extreme {
  return rolled(extreme, value, elapsedMs, memoryMs, Math.max)
}

/** @param value undefined: time passed, but nothing was seen */
export function rolledMin(extreme: Extreme, value: number | undefined, elapsedMs: number, memoryMs: number): Extreme {
  return rolled(extreme, value, elapsedMs, memoryMs, Math.min)
}

export function largestOf({ current, before }: Extreme): number | undefined {
  return both(current, before, Math.max)
}

export function smallestOf({ current, before }: Extreme): number | undefined {
  return both(current, before, Math.min)
}

type Pick2 = (a: number, b: number) => number

function rolled(
  extreme: Extreme,
  value: number | undefined,
  elapsedMs: number,
  memoryMs: number,
  pick: Pick2,
): Extreme {
  const ageMs = extreme.ageMs + elapsedMs
  if (ageMs < memoryMs / 2) return { current: both(extreme.current, value, pick), before: extreme.before, ageMs }
  // After a window longer than the whole memory, nothing from before it counts.
  const before = ageMs < memoryMs ? extreme.current : undefined
  return { current: value, before, ageMs: 0 }
}

function both(a: number | undefined, b: number | undefined, pick: Pick2): number | undefined {
  return a === undefined ? b : b === undefined ? a : pick(a, b)
}
