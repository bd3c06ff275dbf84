import { describe, expect, test } from 'vitest'
import { type PidOptions, type PidState, pid } from '../../../src/control/pid.ts'
import type { Sample } from '../../../src/measure/sample.ts'
import type { Decision } from '../../../src/pool/contract.ts'
import { flow, limitAt } from '../../support/fluid-plant.ts'
import { sampleOf } from '../../support/sample-of.ts'

const SETPOINT = 20

/** Windows of 250 ms with the given waits, the controller's own limit in force. */
function run(waits: readonly number[], options?: PidOptions, seen: Partial<Sample> = {}, start?: PidState): Decision[] {
  const controller = pid(options)
  let state = start ?? controller.initial
  let limit = seen.limit ?? 10
  return waits.map((waitMsP95) => {
    const [next, decision] = controller.step(
      state,
      sampleOf({ completions: 50, leaseMsMean: 10, inUseMean: 2, ...seen, limit, waitMsP95 }),
    )
    state = next
    limit = decision.limit
    return decision
  })
}

const repeat = (times: number, waitMs: number): number[] => new Array<number>(times).fill(waitMs)
const last = (decisions: readonly Decision[]): number => decisions.at(-1)?.limit as number

test('starts from the limit in force, whatever the waits are at that moment', () => {
  expect(run([500], {}, { limit: 33 })).toMatchObject([{ limit: 33 }])
  expect(run([0], {}, { limit: 33 })).toMatchObject([{ limit: 33 }])
})

test('raises the limit while waits are above the setpoint, and lowers it while they are below', () => {
  expect(last(run(repeat(20, 100)))).toBeGreaterThan(15)
  expect(last(run(repeat(40, 0), {}, { limit: 33 }))).toBeLessThan(30)
})

test('leaves it while waits are at the setpoint', () => {
  expect(new Set(run(repeat(50, SETPOINT)).map(({ limit }) => limit))).toEqual(new Set([10]))
})

test('serves a surge that is too much for the limit it began with', () => {
  const plant = { arrivalsPerSecond: (atMs: number) => (atMs < 5_000 ? 200 : 1_000), leaseMs: () => 20 }
  const steps = flow(pid(), { durationMs: 20_000, ...plant })
  expect(limitAt(steps, 20_000)).toBeGreaterThanOrEqual(19)
  expect(limitAt(steps, 20_000)).toBeLessThan(40)
})

test('is not wound up: after minutes at limitMax it comes down as soon as waits do', () => {
  const long = run([...repeat(2_000, 1_000), ...repeat(40, 0)], {}, { limitMax: 40 })
  const short = run([...repeat(200, 1_000), ...repeat(40, 0)], {}, { limitMax: 40 })
  expect(last(long)).toBe(last(short))
  expect(last(long)).toBeLessThan(40)
})

test('nor after a night at limitMin', () => {
  const rise = (before: number): number => last(run([...repeat(before, 0), ...repeat(8, 200)]))
  expect(rise(10_000)).toBe(rise(200))
  expect(rise(10_000)).toBeGreaterThan(8)
})

test('a limit that somebody else has set is where it goes on', () => {
  const controller = pid()
  const seen = { completions: 50, leaseMsMean: 10, waitMsP95: 100 }
  const [state] = controller.step(controller.initial, sampleOf({ limit: 10, ...seen }))
  const [, decision] = controller.step(state, sampleOf({ limit: 60, ...seen }))
  expect(decision.limit).toBe(60)
})

describe('the derivative', () => {
  test('acts on a rise of waits before the integral does', () => {
    const withIt = run([20, 220], { derivativeMs: 200 })
    const without = run([20, 220], { derivativeMs: 0 })
    expect(last(withIt)).toBeGreaterThan(last(without))
  })

  test('does not react to a limit that somebody else has moved', () => {
    const controller = pid({ derivativeMs: 5_000 })
    const seen = { completions: 50, leaseMsMean: 10 }
    const [state] = controller.step(controller.initial, sampleOf({ limit: 10, waitMsP95: 0, ...seen }))
    expect(controller.step(state, sampleOf({ limit: 30, waitMsP95: 200, ...seen }))[1].limit).toBe(30)
  })
})

test('past the knee, where its sign is wrong, it stays', () => {
  const leaseMs = (n: number): number => 10 * (1 + 0.02 * (n - 1) + 0.0008 * n * (n - 1))
  const arrivalsPerSecond = (atMs: number): number => (atMs < 10_000 ? 200 : 2_500)
  const steps = flow(pid(), { durationMs: 40_000, limit: 10, arrivalsPerSecond, leaseMs })
  expect(Math.max(...steps.map(({ limit }) => limit))).toBeLessThan(60)
  expect(steps.at(-1)?.reason).toBe('backend-slow')
})

test.each<[string, PidOptions]>([
  ['waitMsSetpoint must be', { waitMsSetpoint: 0 }],
  ['gain must be', { gain: -1 }],
  ['integralMs must be', { integralMs: 0 }],
  ['derivativeMs must be', { derivativeMs: Number.POSITIVE_INFINITY }],
  ['unknown option kp', { kp: 1 } as PidOptions],
])('refuses wrong options: %s', (message, options) => {
  expect(() => pid(options)).toThrow(message)
})
