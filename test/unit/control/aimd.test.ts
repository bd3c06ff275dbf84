import { expect, test } from 'vitest'
import { type AimdOptions, aimd } from '../../../src/control/aimd.ts'
import type { Sample } from '../../../src/measure/sample.ts'
import { sampleOf } from '../../support/sample-of.ts'

function decide(seen: Partial<Sample>, options?: AimdOptions) {
  const controller = aimd(options)
  return controller.step(controller.initial, sampleOf({ limit: 20, live: 20, ...seen }))[1]
}

test('adds one while callers wait at the limit', () => {
  expect(decide({ waiters: 3 })).toEqual({ limit: 21, reason: 'waiters' })
  expect(decide({ waiters: 3 }, { increase: 4 }).limit).toBe(24)
})

test('adds nothing while callers wait for creates that the limit already allows', () => {
  expect(decide({ waiters: 3, live: 12 })).toEqual({ limit: 20, reason: 'steady' })
})

test('takes a tenth away when leases are too long, even while callers wait', () => {
  expect(decide({ waiters: 3, leaseMsMean: 1_001 })).toEqual({ limit: 18, reason: 'congestion' })
  expect(decide({ leaseMsMean: 300 }, { leaseMsMax: 200, backOffRatio: 0.5 }).limit).toBe(10)
})

test('an acquire that timed out asks for more, not for less', () => {
  expect(decide({ waiters: 3, timedOut: 9 }).limit).toBe(21)
})

test.each<[string, AimdOptions]>([
  ['increase must be an integer >= 1', { increase: 0 }],
  ['backOffRatio must be', { backOffRatio: 1 }],
  ['leaseMsMax must be', { leaseMsMax: -5 }],
  ['did you mean backOffRatio?', { backoffRatio: 0.8 } as AimdOptions],
])('refuses wrong options: %s', (message, options) => {
  expect(() => aimd(options)).toThrow(message)
})
