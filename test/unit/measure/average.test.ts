import { expect, test } from 'vitest'
import { smoothed, TimeAverage } from '../../../src/measure/average.ts'

test('each value counts for as long as it held', () => {
  const average = new TimeAverage()
  average.add(2, 30)
  average.add(10, 10)
  expect(average.mean).toBe(4)
})

test('before any time has passed, the mean is 0', () => {
  const average = new TimeAverage()
  average.add(7, 0)
  expect(average.mean).toBe(0)
})

test('after a reset, what was before does not count', () => {
  const average = new TimeAverage()
  average.add(100, 100)
  average.reset()
  average.add(1, 1)
  expect(average.mean).toBe(1)
})

test('63 % of a step have arrived after one time constant, in one window or in many', () => {
  expect(smoothed(0, 1, 1_000, 1_000)).toBeCloseTo(1 - 1 / Math.E)
  let value = 0
  for (let i = 0; i < 100; i++) value = smoothed(value, 1, 10, 1_000)
  expect(value).toBeCloseTo(1 - 1 / Math.E)
})

test('a time constant of 0 means: at once', () => {
  expect(smoothed(5, 1, 1, 0)).toBe(1)
})
