import { expect, test } from 'vitest'
import { readOptions } from '../../../src/base/options.ts'
import {
  CREATE_BACKOFF_DEFAULTS,
  CREATING_AT_FIRST,
  POOL_DEFAULTS,
  type PoolOptions,
  type ResolvedPoolOptions,
  resolvePoolOptions,
} from '../../../src/pool/pool-options.ts'

function resolve(given: PoolOptions): ResolvedPoolOptions {
  return resolvePoolOptions('test', readOptions<PoolOptions>('test', given, POOL_DEFAULTS, ['destroyOnError']))
}

test('without options the defaults hold', () => {
  expect(resolve({})).toEqual({
    ...POOL_DEFAULTS,
    pinMin: 1,
    creatingAtFirst: CREATING_AT_FIRST,
    destroyOnError: undefined,
  })
})

test.each([
  [{ limitMax: 1 }, { limitMin: 1, limitInitial: 1, limitMax: 1 }],
  [{ limitMax: 5 }, { limitMin: 2, limitInitial: 5, limitMax: 5 }],
  [{ limitMin: 20 }, { limitMin: 20, limitInitial: 20, limitMax: 50 }],
  [{ limitInitial: 1 }, { limitMin: 1, limitInitial: 1, limitMax: 50 }],
  [
    { limitMin: 7, limitMax: 7 },
    { limitMin: 7, limitInitial: 7, limitMax: 7 },
  ],
])('of the limits what is not given gives way to what is: %o', (given, limits) => {
  expect(resolve(given)).toMatchObject(limits)
})

test.each([
  [{}, 1],
  [{ limitMin: 2 }, 2],
  [{ limitMin: 7 }, 7],
])('the least that a person may pin the limit to is limitMin if a person gave it: %o', (given, pinMin) => {
  expect(resolve(given).pinMin).toBe(pinMin)
})

test.each([
  [{ initialMs: 5_000 }, { initialMs: 5_000, maxMs: 5_000 }],
  [{ maxMs: 50 }, { initialMs: 50, maxMs: 50 }],
  [{ maxMs: Number.POSITIVE_INFINITY }, { initialMs: 100, maxMs: Number.POSITIVE_INFINITY }],
  [{ jitter: 1 }, { ...CREATE_BACKOFF_DEFAULTS, jitter: 1 }],
])('of the back-off what is not given gives way to what is: %o', (createBackoff, resolved) => {
  expect(resolve({ createBackoff }).createBackoff).toMatchObject(resolved)
})

test.each([
  [{ limitMin: 60 }, 'test: limitMin must not exceed limitMax (50), got 60'],
  [{ limitMax: 5, limitMin: 6 }, 'test: limitMin must not exceed limitMax (5), got 6'],
  [{ limitMin: 5, limitInitial: 4 }, 'test: limitInitial must lie within limitMin..limitMax (5..50), got 4'],
  [{ limitInitial: 51 }, 'test: limitInitial must lie within limitMin..limitMax (2..50), got 51'],
  [{ limitMax: 5, warmUp: 6 }, 'test: warmUp must be an integer from 0 to 5, got 6'],
  [{ limitInitial: 5, warmUp: 6 }, 'test: warmUp must not exceed limitInitial (5), got 6'],
  [
    { createBackoff: { initialMs: 9, maxMs: 8 } },
    'test: createBackoff: maxMs must not be less than initialMs (9), got 8',
  ],
])('two options that contradict each other are refused: %o', (given, text) => {
  expect(() => resolve(given)).toThrow(new RangeError(text))
})

test('fifo by name is the policy', () => {
  expect(resolve({ queue: 'fifo' }).queue.name).toBe('fifo')
})

test('durations may be infinite, and so may the counts that are only bounds', () => {
  const never = Number.POSITIVE_INFINITY
  const given = {
    acquireTimeoutMs: never,
    createTimeoutMs: never,
    destroyTimeoutMs: never,
    idleTimeoutMs: never,
    lifetimeMs: never,
    waitersMax: never,
    usesMax: never,
  }
  expect(resolve(given)).toMatchObject(given)
})
