import { expect, test } from 'vitest'
import { type VegasOptions, type VegasState, vegas } from '../../../src/control/vegas.ts'
import { sampleOf } from '../../support/sample-of.ts'

const KNOWN: VegasState = { leaseMsMin: 10, completionsSinceReset: 0 }

function decide(leaseMsMean: number, more = {}, state: VegasState = KNOWN) {
  return vegas().step(state, sampleOf({ limit: 20, inUseMax: 20, completions: 10, leaseMsMean, ...more }))[1]
}

test.each([
  [10.4, 26, 'nothing-queued'], // 20 × (1 − 10 / 10.4), rounded up: 1
  [11, 21, 'little-queued'],
  [13, 20, 'steady'],
  [15, 19, 'much-queued'],
])('leases of %i ms where 10 is the shortest: %i, %s', (leaseMsMean, limit, reason) => {
  expect(decide(leaseMsMean)).toEqual({ limit, reason })
})

test('moves by more where the limit has more digits', () => {
  expect(decide(10.1, { limit: 100, inUseMax: 100 }).limit).toBe(112)
})

test('holds what is hardly used, and what shows nothing', () => {
  expect(decide(10.4, { inUseMax: 9 })).toEqual({ limit: 20, reason: 'hardly-used' })
  expect(decide(0, { completions: 0 })).toEqual({ limit: 20, reason: 'no-completions' })
})

test('a shorter lease than ever becomes the measure; after many completions the next one does', () => {
  const [shorter] = vegas().step(KNOWN, sampleOf({ limit: 20, completions: 10, leaseMsMean: 8 }))
  expect(shorter.leaseMsMin).toBe(8)
  const [afresh] = vegas().step(KNOWN, sampleOf({ limit: 20, completions: 451, leaseMsMean: 30 }))
  expect(afresh).toEqual({ leaseMsMin: 30, completionsSinceReset: 0 })
})

test.each<[string, VegasOptions]>([
  ['queuedMin must be', { queuedMin: 0 }],
  ['queuedMax must be', { queuedMin: 5, queuedMax: 4 }],
  ['forgetAfter must be', { forgetAfter: -1 }],
])('refuses wrong options: %s', (message, options) => {
  expect(() => vegas(options)).toThrow(message)
})
