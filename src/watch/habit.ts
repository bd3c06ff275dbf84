/** How long something usually takes, and how long it has taken lately. Mutable, since one is stepped per lease. */
export interface Habit {
  times: number
  /** In ms: over some hundred, and over the last few. */
  usualMs: number
  lateMs: number
  /** Since when the last few have taken much longer than usual, and what was usual then; undefined: they do not. */
  slow: { readonly sinceMs: number; readonly usualMs: number } | undefined
  /** When it happened last, and how much time there is between two, in ms. */
  seenAtMs: number
  everyMs: number
}

/** Events that the two means remember. */
const USUAL_EVENTS = 200
const LATE_EVENTS = 8
/** While it is slow, it is not the habit; what lasts for thousands of events has become one. */
const SLOW_EVENTS = 5_000
/** Fewer are no habit. */
const HABIT_TIMES_MIN = 20
/** Slow from here, and no longer so from there: times the usual. */
const SLOW_FROM = 2
const SLOW_UNTIL = 1.5
/** One of a hundred times the usual counts for less: it is an outlier until others follow. */
const OUTLIER_TIMES = 20
/** Shorter than this, in ms, nothing is slow: twice nothing is nothing. */
const FELT_MS = 1

export function newHabit(): Habit {
  return { times: 0, usualMs: 0, lateMs: 0, slow: undefined, seenAtMs: Number.MIN_SAFE_INTEGER, everyMs: 0 }
}

export function stepHabit(habit: Habit, seenMs: number, nowMs: number): void {
  habit.times += 1
  const { times, usualMs, lateMs } = habit
  if (times > 1) habit.everyMs += (nowMs - habit.seenAtMs - habit.everyMs) / Math.min(times - 1, USUAL_EVENTS)
  habit.seenAtMs = nowMs
  const outlierMs = OUTLIER_TIMES * Math.max(usualMs, lateMs, FELT_MS)
  const heardMs = times > HABIT_TIMES_MIN ? Math.min(seenMs, outlierMs) : seenMs
  habit.lateMs += (heardMs - lateMs) / Math.min(times, LATE_EVENTS)
  const events = times <= HABIT_TIMES_MIN ? times : habit.slow ? SLOW_EVENTS : Math.min(times, USUAL_EVENTS)
  habit.usualMs += (heardMs - usualMs) / events
  if (times <= HABIT_TIMES_MIN) return
  const feltMs = Math.max(habit.usualMs, FELT_MS)
  if (habit.lateMs > SLOW_FROM * feltMs) habit.slow ??= { sinceMs: nowMs, usualMs: habit.usualMs }
  else if (habit.lateMs < SLOW_UNTIL * feltMs) habit.slow = undefined
}

/** Enough has been seen to know what is usual. */
export function isKnown({ times }: Habit): boolean {
  return times > HABIT_TIMES_MIN
}
