import { expect, test } from 'vitest'
import { fixed } from '../../../src/control/fixed.ts'
import { sampleOf } from '../../support/sample-of.ts'

test('keeps the limit in force, whoever set it', () => {
  const controller = fixed()
  expect(controller.step(controller.initial, sampleOf({ limit: 17, waiters: 90 }))[1]).toEqual({
    limit: 17,
    reason: 'fixed',
  })
})

test('takes no limit: that is an option of the pool', () => {
  const asOthersHaveIt = fixed as (limit: unknown) => unknown
  expect(() => asOthersHaveIt(20)).toThrow(
    new TypeError('fixed: takes no arguments, got 20; where the limit stays is limitInitial of the pool, or resize()'),
  )
})
