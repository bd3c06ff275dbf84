import { expect, test } from 'vitest'
import { isKnown, newHabit, stepHabit } from '../../../src/watch/habit.ts'

function after(...runs: readonly (readonly [times: number, ms: number])[]) {
  const habit = newHabit()
  let nowMs = 0
  for (const [times, ms] of runs) {
    for (let i = 0; i < times; i++) {
      nowMs += 10
      stepHabit(habit, ms, nowMs)
    }
  }
  return habit
}

test('what takes much longer than usual is slow since then, and the usual stays what it was', () => {
  const habit = after([100, 10], [20, 40])
  expect(habit.slow?.sinceMs).toBeGreaterThan(1_000)
  expect(habit.slow?.sinceMs).toBeLessThanOrEqual(1_060)
  expect(habit.lateMs / habit.usualMs).toBeGreaterThan(3)
})

test('a hundred times the usual counts in full once others have followed: 400 ms were told as 20, next to a usual 1', () => {
  expect(after([100, 1], [20, 400]).lateMs).toBeGreaterThan(300)
})

test('what was usual is told as it was when it became slow, however long that lasts', () => {
  expect(after([100, 6], [300, 400]).slow?.usualMs).toBeLessThan(8)
})

test('it is over when it is fast again', () => {
  expect(after([100, 10], [20, 40], [30, 10]).slow).toBeUndefined()
})

test('one outlier is none', () => {
  expect(after([100, 10], [1, 100_000]).lateMs).toBeLessThan(40)
})

test('nothing is known of what has hardly happened', () => {
  expect(isKnown(after([5, 10], [5, 80]))).toBe(false)
})

test('what is too short to be felt is not slow', () => {
  expect(after([100, 0.1], [50, 0.8]).slow).toBeUndefined()
})
