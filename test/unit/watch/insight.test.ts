import { expect, test } from 'vitest'
import { slownessOf } from '../../../src/watch/insight.ts'
import type { Profiler } from '../../../src/watch/profile.ts'

// Slipped through: stuck queries were more surely slow leases where nobody had looked at any query than where one had.
test('where nobody looks at queries, none is known to be as quick as ever', () => {
  expect(slownessOf(undefined, 0, 0)).toEqual({ held: undefined, query: undefined, steadyShare: 0, slowShare: 0 })
})

// Slipped through: nothing but a day of a small pool had shown it, in which chance alone no longer makes leases slow.
test.each([
  [39, 'select 1'],
  [41, undefined],
])(
  'of leases that take %d ms longer, a query that takes 10 ms longer is why only if that is a quarter',
  (beyondMs, why) => {
    const query = { what: 'select 1', usualMs: 10, lateMs: 20, sinceMs: 0 }
    const profiler = { slowHolders: () => [], slowQueries: () => [query], steadyShare: () => 0, slowShare: () => 0 }
    expect(slownessOf(profiler as unknown as Profiler, 0, beyondMs).query?.what).toBe(why)
  },
)
