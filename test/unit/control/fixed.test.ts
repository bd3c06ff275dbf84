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
