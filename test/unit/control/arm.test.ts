import { describe, expect, test } from 'vitest'
import { type Arm, compare, completionsPerMs, measured, newArm, recent } from '../../../src/control/arm.ts'
import { sampleOf } from '../../support/sample-of.ts'

const FULL = sampleOf({
  limit: 8,
  windowMs: 50,
  waitingMs: 50,
  completions: 5,
  leaseMsMean: 20,
  leaseMsVariation: 0.5,
  inUseMean: 8,
})

/** An arm of one second. */
function armOf(inUseMean: number, completions: number): Arm {
  return { ...newArm(inUseMean, 0), ms: 1_000, completions, inUseMs: inUseMean * 1_000 }
}

describe('an arm', () => {
  test('sums up the windows in which somebody waited', () => {
    const arm = measured(measured(newArm(8, 0), FULL), FULL)
    expect(arm).toEqual({
      limit: 8,
      settleMs: 0,
      ms: 100,
      completions: 10,
      leaseMsSum: 200,
      leaseMsSquares: 5_000,
      inUseMs: 800,
    })
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

  test('is kept as far as it is recent: what was measured earlier fades', () => {
    const arm = measured(measured(newArm(8, 0), FULL), FULL)
    expect(recent(arm, 100)).toBe(arm)
    const half = recent(arm, 50)
    expect(half).toEqual({
      limit: 8,
      settleMs: 0,
      ms: 50,
      completions: 5,
      leaseMsSum: 100,
      leaseMsSquares: 2_500,
      inUseMs: 400,
    })
    expect(completionsPerMs(half)).toBe(completionsPerMs(arm))
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

  test('proves the more, the more alike the leases were, within bounds', () => {
    const sigmasAt = (variation: number): number => {
      const armAt = (inUseMean: number, completions: number): Arm => {
        const leaseMs = (inUseMean * 1_000) / completions
        const squares = completions * leaseMs ** 2 * (1 + variation ** 2)
        return { ...armOf(inUseMean, completions), leaseMsSum: completions * leaseMs, leaseMsSquares: squares }
      }
      return compare(armAt(10, 50), armAt(20, 100), 0.1)
    }
    expect(sigmasAt(0.5) / sigmasAt(1)).toBeCloseTo(2)
    expect(sigmasAt(0) / sigmasAt(1)).toBeCloseTo(Math.sqrt(10))
    expect(sigmasAt(3) / sigmasAt(1)).toBeCloseTo(1)
  })

  test('can be compared even if nothing was completed', () => {
    expect(Number.isFinite(compare(armOf(10, 0), armOf(20, 0), 0.1))).toBe(true)
  })
})
