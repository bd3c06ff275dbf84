import fc from 'fast-check'
import { expect, test } from 'vitest'
import { seededRandom } from '../../../src/base/random.ts'
import { fromCounts, poisson, type Workload } from '../../../src/sim/workload.ts'

function arrivalsOf(workload: Workload, seed: number, durationMs: number): number[] {
  const arrivals = workload.start(seededRandom(seed), durationMs)
  const timesMs: number[] = []
  for (let atMs = arrivals.nextAtMs(); atMs !== Number.POSITIVE_INFINITY; atMs = arrivals.nextAtMs()) timesMs.push(atMs)
  return timesMs
}

function countIn(timesMs: readonly number[], fromMs: number, toMs: number): number {
  return timesMs.filter((atMs) => atMs >= fromMs && atMs < toMs).length
}

test('a constant rate brings that many arrivals a second, as dispersed as a Poisson process', () => {
  const timesMs = arrivalsOf(poisson(500), 1, 100_000)
  expect(Math.abs(timesMs.length - 50_000)).toBeLessThan(4 * Math.sqrt(50_000))
  const perSecond = Array.from({ length: 100 }, (_, s) => countIn(timesMs, s * 1000, (s + 1) * 1000))
  const mean = timesMs.length / 100
  const dispersion = perSecond.reduce((sum, n) => sum + (n - mean) ** 2, 0) / 99 / mean
  expect(dispersion).toBeGreaterThan(0.6)
  expect(dispersion).toBeLessThan(1.5)
})

test('a step up is met at once, even from a rate at which the next gap would reach far beyond it', () => {
  const workload = poisson((tMs) => (tMs < 60_000 ? 0.01 : 800))
  for (let seed = 1; seed <= 20; seed++) {
    const timesMs = arrivalsOf(workload, seed, 61_000)
    expect(countIn(timesMs, 60_000, 61_000)).toBeGreaterThan(800 - 5 * Math.sqrt(800))
    expect(countIn(timesMs, 60_000, 60_050)).toBeGreaterThan(0)
  }
})

test('a step down is met at once', () => {
  const timesMs = arrivalsOf(
    poisson((tMs) => (tMs < 1_000 ? 1_000 : 0)),
    1,
    10_000,
  )
  expect(countIn(timesMs, 1_000, 10_000)).toBe(0)
})

test('a rate of 0 ends, and one that rises again goes on', () => {
  expect(arrivalsOf(poisson(0), 1, 3_600_000)).toEqual([])
  const timesMs = arrivalsOf(
    poisson((tMs) => (tMs < 1_000 || tMs >= 5_000 ? 100 : 0)),
    1,
    6_000,
  )
  expect(countIn(timesMs, 1_000, 5_000)).toBe(0)
  expect(countIn(timesMs, 5_000, 6_000)).toBeGreaterThan(50)
})

test('a rate that moves all the time is followed', () => {
  const timesMs = arrivalsOf(
    poisson((tMs) => tMs / 100),
    1,
    100_000,
  )
  expect(countIn(timesMs, 0, 50_000)).toBeGreaterThan(12_500 - 500)
  expect(countIn(timesMs, 0, 50_000)).toBeLessThan(12_500 + 500)
  expect(Math.abs(timesMs.length - 50_000)).toBeLessThan(1_000)
})

test('arrivals are in order, before the end, and the same for the same seed', () => {
  const anyRate = fc.oneof(
    fc.double({ min: 0, max: 500, noNaN: true }),
    fc.constant((tMs: number) => (tMs % 700) / 2),
  )
  fc.assert(
    fc.property(anyRate, fc.integer(), fc.integer({ min: 1, max: 3_000 }), (rate, seed, durationMs) => {
      const timesMs = arrivalsOf(poisson(rate), seed, durationMs)
      expect(timesMs).toEqual(arrivalsOf(poisson(rate), seed, durationMs))
      expect(timesMs).toEqual([...timesMs].sort((a, b) => a - b))
      expect(timesMs.every((atMs) => atMs >= 0 && atMs < durationMs)).toBe(true)
    }),
  )
})

test.each([-1, Number.NaN, Number.POSITIVE_INFINITY])(
  'a rate of %s is refused, at once or when it comes up',
  (rate) => {
    expect(() => poisson(rate)).toThrow(RangeError)
    expect(() =>
      arrivalsOf(
        poisson((tMs) => (tMs < 50 ? 100 : rate)),
        1,
        100,
      ),
    ).toThrow(`got ${rate} at 50 ms`)
  },
)

// Slipped through: what a function answers was only tried with numbers, and a string compares like one.
test('what is neither a rate nor a function of one is refused', () => {
  const text = '100' as unknown as number
  expect(() => poisson(text)).toThrow("got '100'")
  expect(() =>
    arrivalsOf(
      poisson(() => text),
      1,
      100,
    ),
  ).toThrow("got '100' at 0 ms")
})

test('recorded counts arrive in their bins, and nothing comes after them', () => {
  const counts = [3, 0, 0, 7, 1]
  const timesMs = arrivalsOf(fromCounts(counts, { binMs: 250 }), 9, 60_000)
  expect(counts.map((_, bin) => countIn(timesMs, bin * 250, (bin + 1) * 250))).toEqual(counts)
  expect(timesMs).toEqual([...timesMs].sort((a, b) => a - b))
  expect(timesMs).toHaveLength(11)
})

test('recorded counts spread over their bin', () => {
  const timesMs = arrivalsOf(fromCounts([10_000], { binMs: 1_000 }), 1, 1_000)
  expect(Math.abs(countIn(timesMs, 0, 500) - 5_000)).toBeLessThan(250)
})

test('a run shorter than the record cuts it', () => {
  expect(arrivalsOf(fromCounts([5, 5, 5], { binMs: 100 }), 1, 200)).toHaveLength(10)
})

test('counts and bins that are none are refused', () => {
  expect(() => fromCounts([1, -1], { binMs: 100 })).toThrow('got -1 in bin 1')
  expect(() => fromCounts([0.5], { binMs: 100 })).toThrow(RangeError)
  expect(() => fromCounts([1], { binMs: 0 })).toThrow('binMs must be a number of milliseconds > 0 and finite, got 0')
  expect(() => fromCounts([1], undefined as never)).toThrow(
    'binMs must be a number of milliseconds > 0 and finite, got',
  )
  expect(() => fromCounts([1], { binMs: 1, bins: 2 } as never)).toThrow('unknown option bins')
  expect(() => fromCounts('5' as unknown as number[], { binMs: 1 })).toThrow(TypeError)
})
