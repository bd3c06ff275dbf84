import { expect, test } from 'vitest'
import {
  type MarginalThroughput,
  NO_THROUGHPUT,
  stepMarginalThroughput,
} from '../../../src/watch/marginal-throughput.ts'
import { fullWindow } from '../../support/new-test-watch.ts'
import { sampleOf } from '../../support/sample-of.ts'

type ArmSeen = readonly [limit: number, perSecond: number, windows: number, leaseMsMean?: number]

/** Windows of 250 ms at these limits, each completing so many leases a second, with waiters throughout. */
function measure(arms: readonly ArmSeen[]): MarginalThroughput {
  let state = NO_THROUGHPUT
  let atMs = 0
  for (const [limit, perSecond, windows, leaseMsMean = (1_000 * limit) / perSecond] of arms) {
    for (let i = 0; i < windows; i++) {
      atMs += 250
      const sample = sampleOf({ ...fullWindow(20, { limit, completions: perSecond / 4, leaseMsMean }), atMs })
      state = JSON.parse(JSON.stringify(stepMarginalThroughput(state, sample)))
    }
  }
  return state
}

test('half as many resources more, and no lease more completed: flat', () => {
  expect(
    measure([
      [32, 1_300, 4],
      [48, 1_290, 4],
    ]).comparison,
  ).toMatchObject({ isFlat: true, isSteep: false, inUseFrom: 32, inUseTo: 48 })
})

test('half as many resources more, and half as many leases more: steep', () => {
  expect(
    measure([
      [32, 1_300, 4],
      [48, 1_950, 4],
    ]).comparison,
  ).toMatchObject({ isFlat: false, isSteep: true })
})

test('a third of the resources fewer, and no lease fewer: flat as well', () => {
  expect(
    measure([
      [48, 1_290, 4],
      [32, 1_300, 4],
    ]).comparison,
  ).toMatchObject({ isFlat: true })
})

// The pool grew to make up for what it had lost, and the backend was called saturated while it answered as fast as ever.
test('leases that never come back complete nothing at any limit, and say nothing of the backend', () => {
  expect(
    measure([
      [15, 490, 8, 13],
      [23, 520, 8, 13],
    ]).comparison,
  ).toBeUndefined()
})

test('too few completions decide nothing', () => {
  expect(
    measure([
      [32, 40, 4],
      [48, 40, 4],
    ]).comparison,
  ).toBeUndefined()
})

test('few completions must differ clearly', () => {
  expect(
    measure([
      [10, 100, 4],
      [12, 105, 4],
    ]).comparison,
  ).toMatchObject({ isFlat: false, isSteep: false })
})

test('the same limit is no comparison', () => {
  expect(measure([[32, 1_300, 20]]).comparison).toBeUndefined()
})

test('without waiters completions tell what callers want, not what the backend can', () => {
  let state = measure([[32, 1_300, 4]])
  const calm = sampleOf({ ...fullWindow(0, { limit: 48, completions: 325 }), atMs: 1_250 })
  for (let i = 0; i < 8; i++) state = stepMarginalThroughput(state, calm)
  expect(state.comparison).toBeUndefined()
})

test('what was measured is forgotten when pressure has been gone for long', () => {
  const state = measure([
    [32, 1_300, 4],
    [48, 1_290, 4],
  ])
  expect(stepMarginalThroughput(state, sampleOf({ atMs: 60_000 }))).toEqual(NO_THROUGHPUT)
})
