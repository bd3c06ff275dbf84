import { expect, test } from 'vitest'
import type { CreateFailureClass } from '../../../src/pool/contract.ts'
import {
  type CreationSeen,
  creationFailed,
  creationSucceeded,
  isCreationFailing,
  isCreationTrouble,
  isHistory,
  isRefusedLately,
  LUCKY_CREATION,
} from '../../../src/watch/creation.ts'
import { countsByHand } from '../../support/counts-by-hand.ts'

function afterFailures(failures: number, failure: CreateFailureClass = 'unreachable'): CreationSeen {
  const event = { error: new Error('no'), failure, failures, retryInMs: 100, counts: countsByHand() }
  return creationFailed(LUCKY_CREATION, event, 1_000)
}

test.each<[string, number, CreateFailureClass, number, boolean]>([
  ['one failure while others are live is a blip', 1, 'unreachable', 5, false],
  ['three in a row are not', 3, 'unreachable', 5, true],
  ['one is enough when nothing is left, for whoever asks next', 1, 'timeout', 0, true],
  ['wrong credentials will not mend themselves', 1, 'denied', 5, true],
  ['being refused for too many connections is another trouble', 9, 'refusing', 0, false],
])('%s', (_, failures, failure, live, isTrouble) => {
  expect(isCreationTrouble(afterFailures(failures, failure), live)).toBe(isTrouble)
})

test('a create that succeeds ends a row', () => {
  expect(isCreationFailing(creationSucceeded(afterFailures(3)))).toBe(false)
})

test('failures that nobody tries to repeat become history', () => {
  expect(isHistory(afterFailures(3), 13_000)).toBe(false)
  expect(isHistory(afterFailures(3), 14_000)).toBe(true)
})

test('a refusal is remembered beyond the next create, but not for long', () => {
  const seen = creationSucceeded(afterFailures(1, 'refusing'))
  expect(isRefusedLately(seen, 2_000)).toBe(true)
  expect(isRefusedLately(seen, 12_000)).toBe(false)
})
