import { expect, test } from 'vitest'
import { smoothed, TimeAverage } from '../../../src/measure/average.ts'

test('each value counts for as long as it held', () => {
  const average = new TimeAverage()
  average.add(2, 30)
  average.add(10, 10)
  expect(average.mean).toBe(4)
  expect(average.variance).toBe((30 * 4 + 10 * 36) / 40)
})

test('before any time has passed, mean and variance are 0', () => {
  const average = new TimeAverage()
  average.add(7, 0)
  expect([average.mean, average.variance]).toEqual([0, 0])
})

test('a constant has no variance, however large it is', () => {
  const average = new TimeAverage()
  for (let i = 0; i < 1_000; i++) average.add(123_456.789, 0.1)
  expect(average.variance).toBeGreaterThanOrEqual(0)
  expect(average.variance).toBeLessThan(1e-3)
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
