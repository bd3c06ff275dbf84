import { describe, expect, test } from 'vitest'
import { type Arm, compare, completionsPerMs, measured, newArm } from '../../../src/control/arm.ts'
import { sampleOf } from '../../support/sample-of.ts'

const LEASES = { completions: 5, leaseMsMean: 20, leaseMsVariance: 9 }
const FULL = sampleOf({ limit: 8, windowMs: 50, waitingMs: 50, inUseMean: 8, ...LEASES })

/** An arm of one second. */
function armOf(inUseMean: number, completions: number): Arm {
  return { ...newArm(inUseMean, 0), ms: 1_000, completions, inUseMs: inUseMean * 1_000 }
}

describe('an arm', () => {
  test('sums up the windows in which somebody waited', () => {
    const arm = measured(measured(newArm(8, 0), FULL), FULL)
    const sums = { ms: 100, completions: 10, leaseMsSum: 200, leaseMsSquares: 4_090, inUseMs: 800 }
    expect(arm).toEqual({ limit: 8, settleMs: 0, ...sums })
    expect(completionsPerMs(arm)).toBe(0.1)
  })

  test('skips what belongs to the limit before: one lease time', () => {
    const arm = measured(measured(newArm(8, 40), FULL), FULL)
    expect(arm.ms).toBe(50)
  })

  test('skips windows in which resources lay idle', () => {
    expect(measured(newArm(8, 0), { ...FULL, waitingMs: 20 }).ms).toBe(0)
  })

  test('skips windows in which resources were being created', () => {
    expect(measured(newArm(8, 0), { ...FULL, creating: 1 }).ms).toBe(0)
  })

  test('skips windows in which resources could not be had: who waits does not wait for leases', () => {
    expect(measured(newArm(8, 0), { ...FULL, inUseMean: 2 }).ms).toBe(0)
    expect(measured(newArm(8, 0), { ...FULL, inUseMean: 5, waitingMs: 30 }).ms).toBe(50)
  })

  test('without any time has no throughput', () => {
    expect(completionsPerMs(newArm(8, 0))).toBe(0)
  })
})

describe('compared with a smaller arm, a larger one', () => {
  test('earns its keep if completions grow like leases out', () => {
    expect(compare(armOf(10, 500), armOf(20, 1_000), 0.1)).toBeGreaterThan(5)
  })

  test('does not if they stay', () => {
    expect(compare(armOf(20, 1_000), armOf(40, 1_000), 0.1)).toBeLessThan(-1)
  })

  test('nor if they fall', () => {
    expect(compare(armOf(20, 1_000), armOf(40, 700), 0)).toBeLessThan(-5)
  })

  test('is just worth it where completions grow by the elasticity asked for', () => {
    expect(compare(armOf(10, 1e6), armOf(20, 1e6 * 2 ** 0.25), 0.25)).toBeCloseTo(0, 1)
  })

  test('proves little by few completions', () => {
    expect(compare(armOf(10, 5), armOf(20, 10), 0.1)).toBeLessThan(2)
  })

  test('proves the more the more lease times are alike, but not before all of them have ended a few times', () => {
    const certainty = (generations: number, coefficientOfVariation: number): number => {
      const [smaller, larger] = [10, 20].map((inUse): Arm => {
        const completions = inUse * generations
        const leaseMsSum = completions * 100
        const leaseMsSquares = completions * 100 ** 2 * (1 + coefficientOfVariation ** 2)
        return { ...armOf(inUse, completions), limit: inUse, leaseMsSum, leaseMsSquares }
      }) as [Arm, Arm]
      return compare(smaller, larger, 0.1)
    }
    const asPoisson = (generations: number) => compare(armOf(10, 10 * generations), armOf(20, 20 * generations), 0.1)
    expect(certainty(20, 0)).toBeGreaterThan(1.8 * asPoisson(20))
    expect(certainty(20, 0.5)).toBeGreaterThan(1.3 * asPoisson(20))
    expect(certainty(20, 0.5)).toBeLessThan(certainty(20, 0))
    expect(certainty(20, 1.5)).toBeCloseTo(asPoisson(20))
    expect(certainty(2, 0)).toBeCloseTo(asPoisson(2))
  })

  test('can be compared even if nothing was completed', () => {
    expect(Number.isFinite(compare(armOf(10, 0), armOf(20, 0), 0.1))).toBe(true)
  })
})
