import { expect, test } from 'vitest'
import { isStep, turnAt, turnEndMs } from '../../../src/control/turn.ts'

/** At noon, a multiple of sixteen seconds. */
const ROUND_MS = Date.UTC(2024, 0, 1, 12)

function turnIn(ms: number) {
  return turnAt({ epochMs: ROUND_MS + ms })
}

test('of sixteen seconds, more has one turn and less two', () => {
  const turns = [0, 4_000, 8_000, 12_000, 16_000].map(turnIn)
  expect(turns).toEqual(['more', 'less', undefined, 'less', 'more'])
})

test('trials begin in the first half of a turn', () => {
  expect([-1, 1_999, 2_000, 3_999, 5_999, 6_000].map(turnIn)).toEqual([
    undefined,
    'more',
    undefined,
    undefined,
    'less',
    undefined,
  ])
})

test('a turn ends where the next begins', () => {
  expect(turnEndMs({ epochMs: ROUND_MS })).toBe(ROUND_MS + 4_000)
  expect(turnEndMs({ epochMs: ROUND_MS + 3_999 })).toBe(ROUND_MS + 4_000)
})

test('there is a step twice a second', () => {
  const windows = Array.from({ length: 40 }, (_, at) => ({ atMs: 10 + at * 50, windowMs: 50 }))
  expect(windows.filter(isStep).map(({ atMs }) => atMs)).toEqual([10, 510, 1_010, 1_510])
})
