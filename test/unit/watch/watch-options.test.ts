import { expect, test } from 'vitest'
import { show } from '../../../src/base/options.ts'
import { createPool } from '../../../src/create-pool.ts'
import { resolveWatchOptions, WATCH_DEFAULTS } from '../../../src/watch/watch-options.ts'

test('nothing given means the defaults', () => {
  expect(resolveWatchOptions('pool', {})).toEqual({ ...WATCH_DEFAULTS, isOn: true })
})

test('false switches the watch off', () => {
  expect(resolveWatchOptions('pool', false).isOn).toBe(false)
})

test.each([
  [{ exhaustedAfterMs: 0 }, RangeError, /exhaustedAfterMs.*got 0/],
  [{ exhaustedAfterMs: '1s' }, TypeError, /exhaustedAfterMs.*got '1s'/],
  [{ recoveredAfterMs: -1 }, RangeError, /recoveredAfterMs.*got -1/],
  [{ forecastHorizonMs: Number.NaN }, TypeError, /forecastHorizonMs.*NaN/],
  [{ forecastHorizonMs: Number.POSITIVE_INFINITY }, RangeError, /forecastHorizonMs.*from 1 to 3600000.*got Infinity/],
  [{ forecastConfidenceMin: 1.5 }, RangeError, /forecastConfidenceMin.*from 0.5 to 1.*got 1.5/],
  [
    { leaseAgeMs: 60_000, reclaimAfterMs: 30_000 },
    RangeError,
    /reclaimAfterMs must not be less than leaseAgeMs \(60000\)/,
  ],
  [{ exhaustedAfter: 5 }, TypeError, /unknown option exhaustedAfter.*did you mean exhaustedAfterMs/],
])('%j is refused, with option, value and what is allowed', (given, errorClass, message) => {
  expect(() => resolveWatchOptions('pool', given)).toThrow(errorClass)
  expect(() => resolveWatchOptions('pool', given)).toThrow(message)
})

test.each([true, null, 5, 'on', []])('a watch of %j is refused: it has options, or there is none', (watch) => {
  const text = `createPool: watch: expected an object of options, or false, got ${show(watch)}`
  expect(() => createPool({ create: () => ({}), destroy: () => {}, watch: watch as never })).toThrow(
    new TypeError(text),
  )
})

test('leases may be taken back without ever having been suspected', () => {
  const never = Number.POSITIVE_INFINITY
  expect(resolveWatchOptions('pool', { leaseAgeMs: never, reclaimAfterMs: 1_000 })).toMatchObject({
    reclaimAfterMs: 1_000,
  })
  expect(resolveWatchOptions('pool', { reclaimAfterMs: 1_000 })).toMatchObject({ leaseAgeMs: undefined })
})
