import { expect, test } from 'vitest'
import { type HillClimbOptions, hillClimb } from '../../../src/control/hill-climb.ts'
import { QUIET, sampleOf } from '../../support/sample-of.ts'

/** Lets it climb a curve of completions per second over the limit, with everyone waiting; says where it has been. */
function climb(curve: (limit: number) => number, from: number, windows: number, options?: HillClimbOptions): number[] {
  const controller = hillClimb(options)
  const limits: number[] = []
  let state = controller.initial
  let limit = from
  for (let window = 0; window < windows; window++) {
    const completions = Math.round(curve(limit) / 4)
    const leaseMsMean = (1000 * limit) / curve(limit)
    const [next, decision] = controller.step(
      state,
      sampleOf({ limit, waiters: 9, waitingMs: 250, inUseMax: limit, completions, leaseMsMean }),
    )
    state = next
    limit = decision.limit
    limits.push(limit)
  }
  return limits
}

const peakAt30 = (limit: number): number => 1_000 - (limit - 30) ** 2

test.each([5, 55])('climbs from %i to where throughput peaks, and stays about there', (from) => {
  const late = climb(peakAt30, from, 80).slice(40)
  expect(Math.min(...late)).toBeGreaterThan(18)
  expect(Math.max(...late)).toBeLessThan(48)
})

test('follows a curve that only rises to its bound', () => {
  expect(Math.max(...climb((limit) => 20 * limit, 5, 60))).toBe(100)
})

test('comes down a step after each calm, but not below what is in use', () => {
  const controller = hillClimb({ calmMs: 500 })
  const [once, first] = controller.step({ ...controller.initial, limit: 10 }, { ...QUIET, inUseMax: 7 })
  const [, second] = controller.step(once, { ...QUIET, inUseMax: 7 })
  expect([first.limit, second.limit]).toEqual([10, 8])
})

test.each<[string, HillClimbOptions]>([
  ['stepRatio must be', { stepRatio: 1 }],
  ['completionsMin must be', { completionsMin: 0 }],
  ['calmMs must be', { calmMs: 0 }],
])('refuses wrong options: %s', (message, options) => {
  expect(() => hillClimb(options)).toThrow(message)
})
