import { expect, test } from 'vitest'
import { seededRandom } from '../../../src/base/random.ts'
import { dispersionOf, INITIAL_TREND, project, stepTrend, type Trend } from '../../../src/watch/trend.ts'
import { sampleOf } from '../../support/sample-of.ts'

/** Follows the leases out, given as a function of time, in windows of 250 ms. */
function follow(inUseAt: (tMs: number) => number, forMs: number, windowMs: () => number = () => 250): Trend {
  let trend = INITIAL_TREND
  for (let tMs = 0; tMs < forMs; ) {
    const span = windowMs()
    tMs += span
    trend = stepTrend(trend, sampleOf({ windowMs: span, inUseMean: inUseAt(tMs) }), 20)
    trend = JSON.parse(JSON.stringify(trend))
  }
  return trend
}

test('an even ramp is followed: level and slope', () => {
  const trend = follow((tMs) => 5 + tMs * 0.0002, 60_000)
  expect(trend.slopePerMs).toBeCloseTo(0.0002, 5)
  expect(trend.level).toBeCloseTo(17, 0)
})

test('windows of any length tell the same', () => {
  const random = seededRandom(4)
  const uneven = follow(
    (tMs) => 5 + tMs * 0.0002,
    60_000,
    () => 10 + 240 * random.next(),
  )
  expect(uneven.slopePerMs).toBeCloseTo(0.0002, 5)
})

test('a step moves the level at once and leaves no slope behind', () => {
  const trend = follow((tMs) => (tMs < 30_000 ? 5 : 40), 31_500)
  expect(trend.level).toBeCloseTo(40, 0)
  expect(Math.abs(trend.slopePerMs * 30_000)).toBeLessThan(1)
})

test('the uncertainty of a projection grows with its distance, and with the noise', () => {
  const random = seededRandom(1)
  const calm = follow(() => 5, 30_000)
  const noisy = follow(() => 5 + 6 * (random.next() - 0.5), 30_000)
  expect(project(calm, 10_000).deviation).toBeLessThan(project(calm, 30_000).deviation)
  expect(project(calm, 10_000).deviation).toBeLessThan(project(noisy, 10_000).deviation)
})

test('of many noisy levels, about as many are judged far off as the deviation says', () => {
  const random = seededRandom(7)
  const trends = Array.from({ length: 300 }, () => follow(() => 10 + 4 * (random.next() - 0.5), 20_000))
  const off = trends.filter((trend) => {
    const { mean, deviation } = project(trend, 5_000)
    return Math.abs(mean - 10) > 2 * deviation
  })
  expect(off.length).toBeLessThan(300 * 0.1)
})

test('a rest of hours is no trend', () => {
  let trend = follow(() => 5, 30_000)
  trend = stepTrend(trend, sampleOf({ windowMs: 8 * 3_600_000, inUseMean: 0 }), 20)
  expect(Number.isFinite(trend.slopePerMs)).toBe(true)
  expect(project(trend, 30_000).mean).toBeLessThan(5)
})

// Slipped through, since no trace of the bench has a day without traffic: one lease of ten times the usual, alone in a
// quiet hour, passed for arrivals in batches, by which a pool is full at half of it, and any peak filled it.
test('a lease of another kind makes no batches of the usual ones', () => {
  const before = follow(() => 1, 60_000)
  const during = stepTrend(before, sampleOf({ windowMs: 500, inUseMean: 1 }), 200)
  expect(dispersionOf(during, 20)).toBe(1)
  expect(project(during, 10_000).deviation).toBeGreaterThan(2 * project(before, 10_000).deviation)
})
