import { expect, test } from 'vitest'
import { type Extreme, largestOf, NO_EXTREME, rolledMax, rolledMin, smallestOf } from '../../../src/measure/extreme.ts'

const MEMORY_MS = 1_000

function maxAfter(steps: readonly (readonly [value: number | undefined, elapsedMs: number])[]): number | undefined {
  const roll = (extreme: Extreme, [value, elapsedMs]: readonly [number | undefined, number]): Extreme =>
    rolledMax(extreme, value, elapsedMs, MEMORY_MS)
  return largestOf(steps.reduce(roll, NO_EXTREME))
}

test('the largest value is remembered for at least half the memory', () => {
  expect(
    maxAfter([
      [9, 100],
      [1, 250],
      [1, 249],
    ]),
  ).toBe(9)
})

test('and forgotten after the whole of it', () => {
  expect(
    maxAfter([
      [9, 100],
      [1, 400],
      [1, 500],
    ]),
  ).toBe(1)
})

test('a window longer than the memory forgets everything before it', () => {
  expect(
    maxAfter([
      [9, 100],
      [undefined, 5_000],
    ]),
  ).toBeUndefined()
})

test('time in which nothing was seen passes nevertheless', () => {
  expect(
    maxAfter([
      [9, 100],
      [undefined, 400],
      [undefined, 500],
    ]),
  ).toBeUndefined()
})

test('the smallest value is remembered in the same way', () => {
  const seen = rolledMin(rolledMin(NO_EXTREME, 3, 10, MEMORY_MS), 8, 10, MEMORY_MS)
  expect(smallestOf(seen)).toBe(3)
})

test('nothing seen, nothing remembered', () => {
  expect(largestOf(NO_EXTREME)).toBeUndefined()
  expect(smallestOf(NO_EXTREME)).toBeUndefined()
})
