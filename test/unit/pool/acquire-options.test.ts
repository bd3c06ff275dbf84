import { runInNewContext } from 'node:vm'
import { expect, test } from 'vitest'
import { resolveAcquireOptions, resolveTryAcquireOptions } from '../../../src/pool/acquire-options.ts'

const DEFAULT_MS = 30_000

function resolve(given: unknown) {
  return resolveAcquireOptions(given as object, DEFAULT_MS)
}

test('without options, and for what is undefined, the defaults of the pool hold', () => {
  const defaults = { timeoutMs: DEFAULT_MS, signal: undefined, priority: 0, tag: undefined }
  expect(resolve(undefined)).toEqual(defaults)
  expect(resolve({})).toEqual(defaults)
  expect(resolve({ timeoutMs: undefined, signal: undefined, priority: undefined, tag: undefined })).toEqual(defaults)
})

test('what is given counts', () => {
  const { signal } = new AbortController()
  const given = { timeoutMs: 0.5, signal, priority: -5, tag: 'orders' }
  expect(resolve(given)).toEqual(given)
  expect(resolve({ timeoutMs: Number.POSITIVE_INFINITY, priority: 5, tag: '' })).toMatchObject({
    timeoutMs: Number.POSITIVE_INFINITY,
    priority: 5,
    tag: '',
  })
})

test('a signal is known by its members: that of another library or realm is one too', () => {
  const signal = runInNewContext('({ aborted: false, addEventListener() {}, removeEventListener() {} })')
  expect(resolve({ signal }).signal).toBe(signal)
})

test.each([
  [{ timeoutMs: '100' }, TypeError, "acquire: timeoutMs must be a number > 0, got '100'"],
  [{ timeoutMs: null }, TypeError, 'acquire: timeoutMs must be a number > 0, got null'],
  [{ timeoutMs: Number.NaN }, TypeError, 'acquire: timeoutMs must be a number > 0, got NaN'],
  [{ timeoutMs: 5n }, TypeError, 'acquire: timeoutMs must be a number > 0, got 5n'],
  [{ timeoutMs: 0 }, RangeError, 'acquire: timeoutMs must be > 0, got 0; to not wait at all, use tryAcquire()'],
  [{ timeoutMs: -1 }, RangeError, 'acquire: timeoutMs must be > 0, got -1; to not wait at all, use tryAcquire()'],
  [{ priority: '1' }, TypeError, "acquire: priority must be an integer from -100 to 100, got '1'"],
  [{ priority: 0.5 }, RangeError, 'acquire: priority must be an integer from -100 to 100, got 0.5'],
  [{ priority: 101 }, RangeError, 'acquire: priority must be an integer from -100 to 100, got 101'],
  [{ priority: -101 }, RangeError, 'acquire: priority must be an integer from -100 to 100, got -101'],
  [{ priority: Number.NaN }, RangeError, 'acquire: priority must be an integer from -100 to 100, got NaN'],
  [{ tag: 5 }, TypeError, 'acquire: tag must be a string, got 5'],
  [{ tag: null }, TypeError, 'acquire: tag must be a string, got null'],
  [{ signal: null }, TypeError, 'acquire: signal must be an AbortSignal, got null'],
  [
    { signal: new AbortController() },
    TypeError,
    'acquire: signal must be an AbortSignal, got an object of class AbortController',
  ],
  [
    { signal: new EventTarget() },
    TypeError,
    'acquire: signal must be an AbortSignal, got an object of class EventTarget',
  ],
  [{ signal: true }, TypeError, 'acquire: signal must be an AbortSignal, got true'],
])('%o is refused', (given, type, text) => {
  expect(() => resolve(given)).toThrow(new type(text))
})

test.each([
  ['null', null],
  ['5', 5],
  ["'orders'", 'orders'],
  ['a function', () => {}],
  ['an array of 0', []],
  ['an object of class Map', new Map()],
  ['an object of class AbortSignal', new AbortController().signal],
])('%s is no object of options', (shown, given) => {
  const text = `expected an object of options, got ${shown}`
  expect(() => resolve(given)).toThrow(new TypeError(`acquire: ${text}`))
  expect(() => resolveTryAcquireOptions(given as object)).toThrow(new TypeError(`tryAcquire: ${text}`))
})

test.each([
  [{ timeout: 5 }, 'timeout, got 5; did you mean timeoutMs?'],
  [Object.create({ prio: 5 }), 'prio, got 5;'],
  [JSON.parse('{ "__proto__": 5 }'), '__proto__, got 5;'],
])('an unknown option is refused with the likely one, and those that are allowed: %o', (given, text) => {
  expect(() => resolve(given)).toThrow(TypeError)
  expect(() => resolve(given)).toThrow(`acquire: unknown option ${text}`)
  expect(() => resolve(given)).toThrow('allowed: timeoutMs, signal, priority, tag')
})

test('tryAcquire takes a tag, and nothing that only means something to who waits', () => {
  expect(resolveTryAcquireOptions(undefined).tag).toBeUndefined()
  expect(resolveTryAcquireOptions({ tag: 'orders' }).tag).toBe('orders')
  for (const given of [{ timeoutMs: 5 }, { signal: new AbortController().signal }, { priority: 1 }]) {
    expect(() => resolveTryAcquireOptions(given as object)).toThrow(/^tryAcquire: unknown option .*; allowed: tag$/)
  }
  expect(() => resolveTryAcquireOptions({ tag: 5 } as object)).toThrow('tryAcquire: tag must be a string, got 5')
})
