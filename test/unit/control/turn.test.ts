import { expect, test } from 'vitest'
import { isStep, turnBegun, turnEndMs } from '../../../src/control/turn.ts'

/** At noon, a multiple of sixteen seconds. */
const ROUND_MS = Date.UTC(2024, 0, 1, 12)

function windowTo(epochMs: number, windowMs = 50) {
  return { epochMs: ROUND_MS + epochMs, windowMs }
}

test('of sixteen seconds, more has one turn and less two', () => {
  expect([0, 4_000, 8_000, 12_000, 16_000].map((atMs) => turnBegun(windowTo(atMs)))).toEqual([
    'more',
    'less',
    undefined,
    'less',
    'more',
  ])
})

test('a turn begins once, in the first window that ends within it, however long', () => {
  expect(turnBegun(windowTo(-1))).toBeUndefined()
  expect(turnBegun(windowTo(30))).toBe('more')
  expect(turnBegun(windowTo(80))).toBeUndefined()
  expect(turnBegun(windowTo(5_000, 6_000))).toBe('less')
})

test('a turn ends where the next begins', () => {
  expect(turnEndMs(windowTo(0))).toBe(ROUND_MS + 4_000)
  expect(turnEndMs(windowTo(3_999))).toBe(ROUND_MS + 4_000)
})

test('there is a step twice a second', () => {
  const steps = Array.from({ length: 40 }, (_, at) => windowTo(at * 50)).filter(isStep)
  expect(steps.map(({ epochMs }) => epochMs - ROUND_MS)).toEqual([0, 500, 1_000, 1_500])
})
