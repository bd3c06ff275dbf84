import { expect, test } from 'vitest'
import { slownessOf } from '../../../src/watch/insight.ts'

// Slipped through: stuck queries were more surely slow leases where nobody had looked at any query than where one had.
test('where nobody looks at queries, none is known to be as quick as ever', () => {
  expect(slownessOf(undefined, 0, 0)).toEqual({ held: undefined, query: undefined, steadyShare: 0, slowShare: 0 })
})
