import { expect, test } from 'vitest'
import { smooth } from '../../../src/pool/smooth.ts'

test('the first value is taken as it is, and each later one moves the mean by a tenth of the way', () => {
  expect(smooth(undefined, 50)).toBe(50)
  expect(smooth(50, 150)).toBe(60)
  expect(smooth(50, 50)).toBe(50)
})

test('after a change for good the mean follows within a few dozen values', () => {
  let mean = smooth(undefined, 10)
  for (let i = 0; i < 50; i++) mean = smooth(mean, 100)
  expect(mean).toBeGreaterThan(99)
  expect(mean).toBeLessThan(100)
})
