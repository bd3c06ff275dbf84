import { expect, test } from 'vitest'
import type { Clock } from '../../../src/base/clock.ts'
import { createPool } from '../../../src/create-pool.ts'

const startTimer = () => ({ cancel: () => {} })

const poolWith = (clock: object) => () =>
  createPool({ create: async () => 1, destroy: async () => {}, clock: clock as Clock })

// Slipped through, since every clock of these tests is a good one: nobody who waited was ever told.
test.each([
  [Number.NaN, 'NaN'],
  ['12', "'12'"],
  [Number.POSITIVE_INFINITY, 'Infinity'],
  [5n, '5n'],
  [undefined, 'undefined'],
])('a clock whose time is %s is refused', (time, shown) => {
  const refused = `createPool: clock.nowMs() must give a finite number, got ${shown}`
  expect(poolWith({ nowMs: () => time, startTimer })).toThrow(new TypeError(refused))
})

test.each([
  [undefined, 'undefined'],
  [17, '17'],
  [{}, 'an object'],
])('a clock whose timers are %s, without cancel(), is refused', (timer, shown) => {
  const refused = `createPool: clock.startTimer() must give an object with cancel(), got ${shown}`
  expect(poolWith({ nowMs: () => 0, startTimer: () => timer })).toThrow(new TypeError(refused))
})
