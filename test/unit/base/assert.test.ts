import { expect, test } from 'vitest'
import { assert, InvariantViolation } from '../../../src/base/assert.ts'

test('what holds passes, and the message of a check that holds is never built', () => {
  let built = 0
  const message = (): string => {
    built += 1
    return 'costly'
  }
  assert(true, message)
  expect(built).toBe(0)
})

test('what does not hold is an InvariantViolation with a code of its own, in the given words', () => {
  expect(() => assert(false, 'I4: counts sum to entries')).toThrow(InvariantViolation)
  expect(() => assert(false, () => 'I4: counts sum to entries')).toThrow(
    expect.objectContaining({
      name: 'InvariantViolation',
      code: 'ERR_POOL_INVARIANT',
      message: 'I4: counts sum to entries',
    }),
  )
})
