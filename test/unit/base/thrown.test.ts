import { runInNewContext } from 'node:vm'
import { expect, test } from 'vitest'
import { loggable, messageOf } from '../../../src/base/thrown.ts'

class Hostile {
  get message(): string {
    throw new Error('no message for you')
  }
}

test.each([
  ['an error', new Error('it broke'), 'it broke'],
  ['an error with a code', Object.assign(new Error('it broke'), { code: 'E1' }), 'it broke (E1)'],
  ['a code that the message has already', Object.assign(new Error('it broke: E1'), { code: 'E1' }), 'it broke: E1'],
  [
    'an error without a message',
    Object.assign(new AggregateError([]), { code: 'ECONNREFUSED' }),
    'AggregateError (ECONNREFUSED)',
  ],
  ['an error of another realm', runInNewContext('new Error("elsewhere")'), 'elsewhere'],
  ['a text', 'it broke', 'it broke'],
  ['a number', 5, '5'],
  ['nothing', undefined, 'undefined'],
  ['a symbol', Symbol('s'), 'Symbol(s)'],
  ['an object without a prototype', Object.create(null), 'an object'],
  ['an object whose getters throw', new Hostile(), 'an object of class Hostile'],
  ['a code that has no string', { message: 'it broke', code: Object.create(null) }, 'an object'],
])('what was thrown is put into words, and never throws again: %s', (_, thrown, text) => {
  expect(messageOf(thrown)).toBe(text)
})

test.each([
  [
    'an error',
    Object.assign(new Error('it broke'), { code: 'E1' }),
    { name: 'Error', message: 'it broke (E1)', code: 'E1' },
  ],
  ['one that is a ring, and knows a password', ring(), { name: 'Error', message: 'it broke' }],
  [
    'an error of another realm',
    runInNewContext('new TypeError("elsewhere")'),
    { name: 'TypeError', message: 'elsewhere' },
  ],
  ['an object that is no error', { password: 'secret' }, { message: 'an object' }],
  ['an object whose getters throw', new Hostile(), { message: 'an object of class Hostile' }],
  ['a text', 'it broke', 'it broke'],
  ['nothing', null, null],
])('what was thrown is put into JSON: %s', (_, thrown, expected) => {
  const told = JSON.parse(JSON.stringify(loggable(thrown)))
  if (typeof expected === 'object' && expected !== null && thrown instanceof Error) {
    expect(told).toEqual({ ...expected, stack: thrown.stack })
  } else expect(told).toEqual(expected instanceof Object ? expect.objectContaining(expected) : expected)
})

function ring(): Error {
  const error = Object.assign(new Error('it broke'), { config: { password: 'secret' }, self: {} })
  error.self = error
  return error
}
