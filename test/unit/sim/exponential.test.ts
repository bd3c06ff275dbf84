import fc from 'fast-check'
import { expect, test } from 'vitest'
import { seededRandom } from '../../../src/base/random.ts'
import { exponential, naturalLog } from '../../../src/sim/exponential.ts'

test('the logarithm is right to the last bits', () => {
  fc.assert(
    fc.property(fc.double({ min: 2 ** -53, max: 1, noNaN: true }), (x) => {
      expect(Math.abs(naturalLog(x) - Math.log(x))).toBeLessThanOrEqual(1e-15 * Math.max(1, -Math.log(x)))
    }),
  )
  expect(naturalLog(1)).toBe(0)
})

test('draws have mean 1 and variance 1, and are never infinite', () => {
  const random = seededRandom(1)
  const draws = Array.from({ length: 100_000 }, () => exponential(random))
  const mean = draws.reduce((sum, x) => sum + x, 0) / draws.length
  const variance = draws.reduce((sum, x) => sum + (x - mean) ** 2, 0) / draws.length
  expect(mean).toBeCloseTo(1, 2)
  expect(variance).toBeCloseTo(1, 1)
  expect(Number.isFinite(exponential({ next: () => 1 - 2 ** -32 }))).toBe(true)
  expect(exponential({ next: () => 0 })).toBe(0)
})
