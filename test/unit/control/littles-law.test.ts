import { describe, expect, test } from 'vitest'
import { type LittlesLawOptions, littlesLaw } from '../../../src/control/littles-law.ts'
import { flow, limitAt } from '../../support/fluid-plant.ts'
import { sampleOf } from '../../support/sample-of.ts'

const tenMs = (): number => 10

test('the limit is arrivals × lease time and two standard deviations', () => {
  const steps = flow(littlesLaw(), { durationMs: 60_000, arrivalsPerSecond: () => 1_600, leaseMs: tenMs })
  expect(limitAt(steps, 60_000)).toBe(16 + 2 * 4 + 1)
})

test('a surge is followed within a tenth of a second, and its end within tens of seconds', () => {
  const arrivalsPerSecond = (atMs: number): number => (atMs >= 10_000 && atMs < 20_000 ? 1_600 : 100)
  const steps = flow(littlesLaw(), { durationMs: 60_000, arrivalsPerSecond, leaseMs: tenMs })
  expect(limitAt(steps, 10_100)).toBeGreaterThanOrEqual(20)
  expect(limitAt(steps, 21_000)).toBeGreaterThanOrEqual(20)
  expect(limitAt(steps, 60_000)).toBeLessThanOrEqual(6)
})

test('a backend that slows down under load does not lock the limit at its maximum', () => {
  const leaseMs = (n: number): number => 10 * (1 + 0.02 * (n - 1) + 0.0008 * n * (n - 1))
  const arrivalsPerSecond = (atMs: number): number => (atMs < 10_000 ? 200 : 1_500)
  const steps = flow(littlesLaw(), { durationMs: 30_000, arrivalsPerSecond, leaseMs })
  expect(Math.max(...steps.map(({ limit }) => limit))).toBeLessThan(35)
})

test('leases that are longer for good are believed when the memory has passed', () => {
  const leaseMs = (_: number, atMs: number): number => (atMs < 10_000 ? 10 : 100)
  const steps = flow(littlesLaw({ leaseMemoryMs: 10_000 }), {
    durationMs: 60_000,
    arrivalsPerSecond: () => 200,
    leaseMs,
  })
  expect(limitAt(steps, 12_000)).toBeLessThan(20)
  expect(limitAt(steps, 60_000)).toBeGreaterThanOrEqual(20)
})

describe('headroom', () => {
  function limitAfter(offeredMeans: readonly number[]): number {
    const controller = littlesLaw()
    let state = controller.initial
    let limit = 10
    for (let i = 0; i < 400; i++) {
      const offeredMean = offeredMeans[i % offeredMeans.length] as number
      const seen = { arrivals: 250, completions: 250, leaseMsMean: 10, offeredMean, offeredVariance: 10 }
      const [next, decision] = controller.step(state, sampleOf({ limit, atMs: i * 250, ...seen }))
      state = next
      limit = decision.limit
    }
    return limit
  }

  test('is that of Poisson for traffic like Poisson', () => {
    expect(limitAfter([10])).toBe(Math.ceil(10 + 2 * Math.sqrt(10) + 1))
  })

  test('is wider for traffic in bursts', () => {
    expect(limitAfter([2, 18])).toBeGreaterThan(25)
  })
})

test('before a lease has ended the limit stays', () => {
  const controller = littlesLaw()
  const [, decision] = controller.step(controller.initial, sampleOf({ limit: 33, arrivals: 500 }))
  expect(decision).toEqual({ limit: 33, reason: 'no-lease-ended-yet' })
})

test('comes down from wherever somebody else has put the limit', () => {
  const controller = littlesLaw()
  const seen = { arrivals: 50, completions: 50, leaseMsMean: 10 }
  const [state] = controller.step(controller.initial, sampleOf({ limit: 10, ...seen }))
  const [, decision] = controller.step(state, sampleOf({ limit: 40, ...seen }))
  expect(decision.limit).toBeGreaterThanOrEqual(39)
})

test.each<[string, LittlesLawOptions]>([
  ['leaseMemoryMs must be', { leaseMemoryMs: 0 }],
  ['lowerTauMs must be', { lowerTauMs: -1 }],
  ['unknown option utilization', { utilization: 1 } as LittlesLawOptions],
])('refuses wrong options: %s', (message, options) => {
  expect(() => littlesLaw(options)).toThrow(message)
})
