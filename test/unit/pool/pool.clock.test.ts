import { expect, test } from 'vitest'
import type { Clock } from '../../../src/base/clock.ts'
import { createPool } from '../../../src/create-pool.ts'

const startTimer = () => ({ cancel: () => {} })

const poolWith = (clock: object) => () =>
  createPool({ create: async () => 1, destroy: async () => {}, clock: clock as Clock })

// Slipped through, since every clock of these tests is a good one: nobody who waited was ever told.
test.each([Number.NaN, '12', Number.POSITIVE_INFINITY, 5n, undefined])(
  'a clock whose time is %s is refused',
  (time) => {
    const refused = 'createPool: clock must give finite times, got an object'
    expect(poolWith({ nowMs: () => time, startTimer })).toThrow(new RangeError(refused))
  },
)

test.each([undefined, 17, {}])('a clock whose timers are %s, without cancel(), is refused', (timer) => {
  expect(poolWith({ nowMs: () => 0, startTimer: () => timer })).toThrow(TypeError)
})
