import { expect, test } from 'vitest'
import { fullLevel } from '../../../src/watch/full.ts'

const RULE = { ceiling: 20, leaseMs: 250, waitSloMs: 100, dispersion: 1 }

test('a pool is full before all of it is wanted: of 20 leases of 250 ms, when 16 to 18 are', () => {
  expect(fullLevel(RULE)).toBeGreaterThan(16)
  expect(fullLevel(RULE)).toBeLessThan(18)
})

test('short leases, served in no time, fill it up to its ceiling', () => {
  expect(fullLevel({ ...RULE, leaseMs: 5 })).toBeGreaterThan(19.5)
})

test('a small pool of long leases is full sooner, and so is one whose callers come in batches', () => {
  expect(fullLevel({ ...RULE, ceiling: 4, leaseMs: 2_000 })).toBeLessThan(0.75 * 4)
  expect(fullLevel({ ...RULE, dispersion: 5 })).toBeLessThan(fullLevel(RULE))
})

test('before any lease has ended, it is the ceiling or next to it', () => {
  expect(fullLevel({ ...RULE, leaseMs: 0 })).toBeGreaterThan(19)
})

test('but at half of it at the soonest: after a nightly batch of long leases, 2.5 of ten passed for full', () => {
  expect(fullLevel({ ceiling: 10, leaseMs: 5, waitSloMs: 100, dispersion: 500 })).toBeGreaterThanOrEqual(5)
})
