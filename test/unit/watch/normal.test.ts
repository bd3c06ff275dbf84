import { expect, test } from 'vitest'
import { normalCdf } from '../../../src/watch/normal.ts'

test.each([
  [0, 0.5],
  [1, 0.841344746],
  [-1, 0.158655254],
  [1.96, 0.975002105],
  [-3, 0.001349898],
  [40, 1],
])('the normal distribution at %d is %d', (z, probability) => {
  expect(normalCdf(z)).toBeCloseTo(probability, 6)
})
