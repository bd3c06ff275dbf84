import { expect, test } from 'vitest'
import { type Gradient2Options, type Gradient2State, gradient2 } from '../../../src/control/gradient2.ts'
import { sampleOf } from '../../support/sample-of.ts'

const LONG_RUN: Gradient2State = { longMs: 10, seenMs: 75_000, wanted: 0, limit: 0 }

function decide(leaseMsMean: number, more = {}, options?: Gradient2Options) {
  return gradient2(options).step(
    LONG_RUN,
    sampleOf({ limit: 20, inUseMax: 20, completions: 10, leaseMsMean, ...more }),
  )[1]
}

test('rises by a share of its queue while leases are as long as ever', () => {
  expect(decide(12)).toEqual({ limit: 21, reason: 'leases-as-ever' }) // 20 + 0.2 × 4
})

test('falls while they are longer than it tolerates, at most by half of its smoothing', () => {
  expect(decide(30).limit).toBe(19) // 16 + 0.2 × (10 + 4), since the gradient is at most halved
  expect(decide(1_000, {}, { smoothing: 1 })).toEqual({ limit: 14, reason: 'leases-longer' })
})

test('small steps add up', () => {
  const controller = gradient2({ queued: 1 })
  let state = LONG_RUN
  let limit = 20
  for (let window = 0; window < 5; window++) {
    const [next, decision] = controller.step(
      state,
      sampleOf({ limit, inUseMax: limit, completions: 10, leaseMsMean: 10 }),
    )
    state = next
    limit = decision.limit
  }
  expect(limit).toBe(21)
})

test('holds what is hardly used, and what shows nothing', () => {
  expect(decide(10, { inUseMax: 9 })).toEqual({ limit: 20, reason: 'hardly-used' })
  expect(decide(0, { completions: 0 })).toEqual({ limit: 20, reason: 'no-completions' })
})

test('what lasts becomes the long run', () => {
  const [once] = gradient2().step(LONG_RUN, sampleOf({ windowMs: 75_000, completions: 10, leaseMsMean: 90 }))
  expect(once.longMs).toBeGreaterThan(50)
})

test.each<[string, Gradient2Options]>([
  ['tolerance must be', { tolerance: 0.9 }],
  ['queued must be', { queued: 0.5 }],
  ['longTauMs must be', { longTauMs: 0 }],
  ['smoothing must be', { smoothing: 1.1 }],
])('refuses wrong options: %s', (message, options) => {
  expect(() => gradient2(options)).toThrow(message)
})
