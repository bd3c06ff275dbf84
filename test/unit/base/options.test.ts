import { runInNewContext } from 'node:vm'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { readOptions, show, unknownOption } from '../../../src/base/options.ts'
import { createPool } from '../../../src/create-pool.ts'

interface Given {
  readonly sizeMax?: number
  readonly waitMs?: number
  readonly share?: number
  readonly name?: string
  readonly isLoud?: boolean
  readonly act?: () => number
  readonly hook?: () => number
  readonly clock?: { nowMs(): number }
}

const DEFAULTS = { sizeMax: 10, waitMs: 100, share: 0.5, name: 'x', isLoud: false, clock: undefined }

function read(given?: unknown) {
  return readOptions<Given>('test', given as Given, DEFAULTS, ['act', 'hook'])
}

test('without options, and for what is undefined, the defaults hold', () => {
  for (const given of [undefined, {}, { sizeMax: undefined }]) {
    expect(read(given).count('sizeMax')).toBe(10)
    expect(read(given).has('sizeMax')).toBe(false)
  }
  expect(read({ sizeMax: 3 }).count('sizeMax')).toBe(3)
  expect(read({ sizeMax: 3 }).has('sizeMax')).toBe(true)
})

test.each([
  ['null', null],
  ['a number', 5],
  ['a string', 'fast'],
  ['a function', () => {}],
  ['an array', []],
  ['a map', new Map([['sizeMax', 3]])],
  ['a set', new Set()],
  ['a date', new Date()],
  ['a promise', Promise.resolve({})],
  ['a boxed number', Object(5)],
  ['an error', new Error('x')],
])('%s is no object of options', (_, given) => {
  expect(() => read(given)).toThrow(TypeError)
  expect(() => read(given)).toThrow('test: expected an object of options, got ')
})

test('an object without a prototype, one of another realm and an instance of a class hold options', () => {
  class Options {
    readonly sizeMax = 3
    describe(): string {
      return `at most ${this.sizeMax}`
    }
  }
  const bare = Object.assign(Object.create(null), { sizeMax: 3 })
  for (const given of [bare, runInNewContext('({ sizeMax: 3 })'), new Options()]) {
    expect(read(given).count('sizeMax')).toBe(3)
  }
})

test.each([
  ['own', { sizeMx: 3 }],
  ['inherited', Object.create({ sizeMx: 3 })],
  [
    'of a getter',
    new (class {
      get sizeMx() {
        return 3
      }
    })(),
  ],
])('a misspelt key is refused with its value, the likely one and the allowed ones: %s', (_, given) => {
  expect(() => read(given)).toThrow(TypeError)
  expect(() => read(given)).toThrow(
    'test: unknown option sizeMx, got 3; did you mean sizeMax? allowed: sizeMax, waitMs, share, name, isLoud, clock',
  )
})

test.each([
  ['sizemax', 'sizeMax'],
  ['sizeMn', 'sizeMin'],
  ['sizeMaximum', 'sizeMax'],
  ['pol', 'pool'],
  ['foo', undefined],
  ['max', undefined],
])('of several near names, the nearest is the likely one: %s', (key, near) => {
  const known = ['sizeMin', 'sizeMax', 'pool']
  const { message } = unknownOption('test', {}, key, known)
  expect(/did you mean (\w+)\?/.exec(message)?.[1]).toBe(near)
})

test.each([
  ['__proto__', JSON.parse('{ "__proto__": { "sizeMax": 3 } }')],
  ['constructor', { constructor: 3 }],
  ['toString', { toString: () => 'x' }],
  ['0', { 0: 3 }],
  ['', { '': 3 }],
])('the key %j is unknown, like any other', (key, given) => {
  expect(() => read(given)).toThrow(`test: unknown option ${key}, got `)
})

test('what tools mark an object with, hidden or by a symbol, is no option', () => {
  const given = { sizeMax: 3, [Symbol('draft')]: true }
  expect(read(Object.defineProperty(given, '__esModule', { value: true })).count('sizeMax')).toBe(3)
})

test('a getter is asked once, so that what was checked is what counts', () => {
  let asked = 0
  const reader = read({
    get sizeMax() {
      asked += 1
      return asked === 1 ? 3 : -1
    },
  })
  expect(reader.has('sizeMax')).toBe(true)
  expect(reader.count('sizeMax')).toBe(3)
  expect(reader.value('sizeMax')).toBe(3)
  expect(asked).toBe(1)
})

test('what changes in the object later does not count', () => {
  const given = { sizeMax: 3 }
  const reader = read(given)
  given.sizeMax = -1
  expect(reader.count('sizeMax')).toBe(3)
})

// Slipped through: the names that other pools have for them were tried on adapt() alone.
test.each([
  ['max', 'limitMax'],
  ['connectionLimit', 'limitMax'],
  ['min', 'limitMin'],
  ['acquireTimeoutMillis', 'acquireTimeoutMs'],
  ['idleTimeoutMillis', 'idleTimeoutMs'],
])('createPool() knows what is meant by the %s of other pools', (theirs, ours) => {
  const options = { create: async () => 1, destroy: async () => {}, [theirs]: 5 }
  expect(() => createPool(options)).toThrow(
    `createPool: unknown option ${theirs}, got 5; did you mean ${ours}? allowed: `,
  )
})

const NO_NUMBERS: readonly [string, unknown][] = [
  ['null', null],
  ['NaN', Number.NaN],
  ["'5'", '5'],
  ['5n', 5n],
  ['true', true],
  ['an array of 1', [5]],
  ['an object', {}],
  ['an object of class Number', Object(5)],
  ['an object of class Date', new Date(5)],
  ['Symbol(5)', Symbol('5')],
]

test.each(NO_NUMBERS)('%s is no count, no duration and no ratio', (shown, value) => {
  const refusals: readonly [() => number, string][] = [
    [() => read({ sizeMax: value }).count('sizeMax', { min: 1 }), 'sizeMax must be an integer >= 1'],
    [
      () => read({ waitMs: value }).durationMs('waitMs'),
      'waitMs must be a number of milliseconds >= 0 (Infinity allowed)',
    ],
    [() => read({ share: value }).ratio('share', { max: 1 }), 'share must be a number from 0 to 1'],
  ]
  for (const [refused, text] of refusals) {
    expect(refused).toThrow(TypeError)
    expect(refused).toThrow(`test: ${text}, got ${shown}`)
  }
})

test('a count is an integer within its range', () => {
  fc.assert(
    fc.property(fc.oneof(fc.integer({ min: -20, max: 40 }), fc.double()), (value) => {
      const count = () => read({ sizeMax: value }).count('sizeMax', { min: 1, max: 20 })
      if (Number.isInteger(value) && value >= 1 && value <= 20) expect(count()).toBe(value)
      else expect(count).toThrow(/^test: sizeMax must be an integer from 1 to 20, got /)
    }),
  )
})

test('a count is infinite only where its range says so', () => {
  const reader = read({ sizeMax: Number.POSITIVE_INFINITY })
  expect(() => reader.count('sizeMax')).toThrow(RangeError)
  expect(() => reader.count('sizeMax')).toThrow('sizeMax must be an integer >= 0, got Infinity')
  expect(reader.count('sizeMax', { max: Number.POSITIVE_INFINITY })).toBe(Number.POSITIVE_INFINITY)
})

test('a duration may be infinite, a fraction, and nothing below its range', () => {
  expect(read({ waitMs: Number.POSITIVE_INFINITY }).durationMs('waitMs')).toBe(Number.POSITIVE_INFINITY)
  expect(read({ waitMs: 0.5 }).durationMs('waitMs')).toBe(0.5)
  expect(() => read({ waitMs: -1 }).durationMs('waitMs')).toThrow(RangeError)
  expect(() => read({ waitMs: Number.NEGATIVE_INFINITY }).durationMs('waitMs')).toThrow('>= 0')
})

test('a range that begins just above 0 is shown as such', () => {
  const reader = read({ waitMs: 0 })
  const refusal = 'test: waitMs must be a number of milliseconds > 0'
  expect(() => reader.durationMs('waitMs', { min: Number.MIN_VALUE })).toThrow(`${refusal} (Infinity allowed), got 0`)
  expect(() => reader.durationMs('waitMs', { min: Number.MIN_VALUE, max: 5 })).toThrow(`${refusal} and <= 5, got 0`)
})

test('a ratio lies within its range, bounds included', () => {
  for (const share of [0.1, 0.5, 1]) expect(read({ share }).ratio('share', { min: 0.1, max: 1 })).toBe(share)
  for (const share of [0.09, 1.01]) {
    expect(() => read({ share }).ratio('share', { min: 0.1, max: 1 })).toThrow(
      new RangeError(`test: share must be a number from 0.1 to 1, got ${share}`),
    )
  }
})

test('texts, flags, functions and objects are what they say', () => {
  const act = (): number => 1
  const clock = { nowMs: act }
  const given = { name: 'orders', isLoud: true, act, clock }
  const reader = read(given)
  expect(reader.text('name')).toBe('orders')
  expect(reader.flag('isLoud')).toBe(true)
  expect(reader.fn('act')).toBe(act)
  expect(reader.optionalFn('act')).toBe(act)
  expect(reader.optionalFn('hook')).toBeUndefined()
  expect(reader.object('clock', ['nowMs'])).toBe(clock)
})

test.each([
  [{ name: '' }, "name must be a string that is not empty, got ''"],
  [{ name: 5 }, 'name must be a string that is not empty, got 5'],
  [{ isLoud: 'yes' }, "isLoud must be true or false, got 'yes'"],
  [{ act: 'x' }, "act must be a function, got 'x'"],
  [{ hook: null }, 'hook must be a function, got null'],
  [{ clock: () => 5 }, 'clock must be an object with nowMs(), got a function clock'],
  [{ clock: { nowMs: 5 } }, 'clock must be an object with nowMs(), got an object'],
  [{ clock: null }, 'clock must be an object with nowMs(), got null'],
])('%o is refused with what is allowed', (given, text) => {
  const reader = read({ act: () => 1, clock: { nowMs: () => 1 }, ...given })
  const readAll = (): void => {
    reader.text('name')
    reader.flag('isLoud')
    reader.fn('act')
    reader.optionalFn('hook')
    reader.object('clock', ['nowMs'])
  }
  expect(readAll).toThrow(new TypeError(`test: ${text}`))
})

test('a contradiction names the option and shows its value', () => {
  expect(() => read({ sizeMax: 3 }).contradiction('sizeMax', 'must not exceed waitMs (2)')).toThrow(
    new RangeError('test: sizeMax must not exceed waitMs (2), got 3'),
  )
})

test.each([
  ["'text'", 'text'],
  [`'${'a'.repeat(57)}…'`, 'a'.repeat(100)],
  ['a function', () => {}],
  ['a function save', function save() {}],
  ['-5n', -5n],
  ['undefined', undefined],
  ['an array of 2', [1, 2]],
  ['an object', { a: 1 }],
  ['an object', Object.create(null)],
  ['an object of class Map', new Map()],
  ['Symbol(a)', Symbol('a')],
])('a value is shown as %s', (shown, value) => {
  expect(show(value)).toBe(shown)
})

test('nothing that can be shown makes the message throw', () => {
  const { proxy, revoke } = Proxy.revocable({}, {})
  revoke()
  const named = Object.defineProperty(function save() {}, 'name', { value: Symbol('a') })
  const trapped = {
    get constructor(): never {
      throw new Error('no')
    },
  }
  for (const value of [proxy, named, trapped, { constructor: { name: Symbol('a') } }]) {
    expect(typeof show(value)).toBe('string')
  }
})

test('anything at all can be shown', () => {
  fc.assert(
    fc.property(fc.anything({ withBigInt: true, withNullPrototype: true }), (value) => show(value).length < 100),
  )
})
