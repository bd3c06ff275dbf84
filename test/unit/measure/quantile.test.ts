import fc from 'fast-check'
import { expect, test } from 'vitest'
import { Histogram } from '../../../src/measure/quantile.ts'

/** Within the buckets' range, in ms: from a microsecond to an hour. */
const anyMs = fc.double({ min: 2 ** -10, max: 3_600_000, noNaN: true })

function histogramOf(values: readonly number[]): Histogram {
  const histogram = new Histogram()
  for (const value of values) histogram.add(value)
  return histogram
}

/** The definition: the smallest value that the share q of all values does not exceed. */
function trueQuantile(values: readonly number[], q: number): number {
  const sorted = [...values].sort((a, b) => a - b)
  return sorted[Math.max(0, Math.ceil(q * sorted.length) - 1)] as number
}

test('every quantile is within 1.6 % of the true one', () => {
  fc.assert(
    fc.property(
      fc.array(anyMs, { minLength: 1, maxLength: 300 }),
      fc.double({ min: 0, max: 1, noNaN: true }),
      (values, q) => {
        const truth = trueQuantile(values, q)
        expect(Math.abs(histogramOf(values).quantile(q) - truth)).toBeLessThanOrEqual(0.016 * truth)
      },
    ),
  )
})

test('count, mean and max are exact', () => {
  const { count, mean, max } = histogramOf([0, 1, 2, 900.5])
  expect([count, mean, max]).toEqual([4, 225.875, 900.5])
})

test('so is the variation: standard deviation / mean', () => {
  expect(histogramOf([]).variation).toBe(0)
  expect(histogramOf([0, 0]).variation).toBe(0)
  expect(histogramOf([0.1, 0.1, 0.1]).variation).toBeCloseTo(0)
  const both = histogramOf([1, 3])
  expect(both.variation).toBe(0.5)
  both.addAll(histogramOf([3, 1]))
  expect(both.variation).toBe(0.5)
  both.reset()
  both.add(7)
  expect(both.variation).toBe(0)
})

test('a wait of 0 stays exactly 0, and so does one below a microsecond', () => {
  const histogram = histogramOf([0, 0, 0, 0.0005])
  expect(histogram.quantile(0.5)).toBe(0)
  expect(histogram.quantile(1)).toBe(0)
})

test('no quantile exceeds the largest duration, not even beyond the last bucket', () => {
  expect(histogramOf([10.01]).quantile(0.99)).toBe(10.01)
  expect(histogramOf([1e9]).quantile(0.99)).toBe(1e9)
  expect(histogramOf([1, Number.POSITIVE_INFINITY]).quantile(1)).toBe(Number.POSITIVE_INFINITY)
})

test('of nothing, everything is 0', () => {
  expect(new Histogram().summary()).toEqual({ count: 0, mean: 0, p50: 0, p95: 0, p99: 0, max: 0 })
})

test('two histograms added are the histogram of both', () => {
  fc.assert(
    fc.property(fc.array(anyMs), fc.array(anyMs), (first, second) => {
      const both = histogramOf(first)
      both.addAll(histogramOf(second))
      const together = histogramOf([...first, ...second])
      expect({ ...both.summary(), mean: 0 }).toEqual({ ...together.summary(), mean: 0 })
      expect(both.mean).toBeCloseTo(together.mean, 6)
    }),
  )
})

test('after a reset it is empty', () => {
  const histogram = histogramOf([5, 50, 500])
  histogram.reset()
  expect(histogram.summary()).toEqual(new Histogram().summary())
})
