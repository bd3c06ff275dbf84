import { expect, test, vi } from 'vitest'
import type { PoolCounts } from '../../../src/pool/contract.ts'
import {
  AcquireAbortedError,
  AcquireTimeoutError,
  CreateFailedError,
  DrainingError,
  describeCounts,
  LeaseEndedError,
  PoolError,
  type PoolErrorInfo,
  QueueFullError,
  ShedError,
  UnsupportedPoolError,
} from '../../../src/pool/pool-errors.ts'

const COUNTS: PoolCounts = {
  limit: 2,
  size: 2,
  live: 2,
  creating: 0,
  idle: 0,
  validating: 0,
  inUse: 2,
  destroying: 0,
  waiters: 3,
}
const INFO: PoolErrorInfo = { pool: 'orders', counts: COUNTS }
const NOTHING_LEFT: PoolErrorInfo = { ...INFO, counts: { ...COUNTS, size: 0, live: 0, idle: 0, inUse: 0 } }
const CAUSE = Object.assign(new Error('connect refused'), { code: 'ECONNREFUSED' })

const ERRORS: readonly { readonly error: PoolError; readonly name: string; readonly code: string }[] = [
  { error: new AcquireTimeoutError(100, [], INFO), name: 'AcquireTimeoutError', code: 'ERR_POOL_ACQUIRE_TIMEOUT' },
  { error: new ShedError(100, INFO), name: 'ShedError', code: 'ERR_POOL_SHED' },
  { error: new QueueFullError(3, INFO), name: 'QueueFullError', code: 'ERR_POOL_QUEUE_FULL' },
  { error: new AcquireAbortedError(100, INFO), name: 'AcquireAbortedError', code: 'ERR_POOL_ABORTED' },
  { error: new DrainingError(INFO), name: 'DrainingError', code: 'ERR_POOL_DRAINING' },
  { error: new CreateFailedError(3, INFO), name: 'CreateFailedError', code: 'ERR_POOL_CREATE_FAILED' },
  { error: new LeaseEndedError(INFO), name: 'LeaseEndedError', code: 'ERR_POOL_LEASE_ENDED' },
  { error: new UnsupportedPoolError('no pool', INFO), name: 'UnsupportedPoolError', code: 'ERR_POOL_UNSUPPORTED' },
]

// Slipped through: an error's message is no part of its JSON unless it says so.
test.each(ERRORS)('$name is logged as JSON with its message, code, pool and counts', ({ error, name, code }) => {
  const told = JSON.parse(JSON.stringify({ err: error }))
  expect(told.err).toMatchObject({ name, code, message: error.message, pool: 'orders', counts: COUNTS })
})

// Slipped through: none of those that were logged had a cause.
test('what an error was caused by is logged with it, as far as it is known what is in it', () => {
  const cause = Object.assign(new Error('connect refused'), { code: 'ECONNREFUSED', config: { password: 'secret' } })
  const told = JSON.parse(JSON.stringify(new AcquireTimeoutError(100, [], { ...INFO, cause })))
  const { name, message, code } = told.cause
  expect({ name, message, code }).toEqual({
    name: 'Error',
    message: 'connect refused (ECONNREFUSED)',
    code: 'ECONNREFUSED',
  })
  expect(JSON.stringify(told)).not.toContain('secret')
  expect(JSON.parse(JSON.stringify(new ShedError(100, INFO)))).not.toHaveProperty('cause')
})

test.each(ERRORS)('$name carries its code, the name of the pool and the counts', ({ error, name, code }) => {
  expect(error).toMatchObject({ name, code, pool: 'orders', counts: COUNTS })
  expect(error.stack).toContain(error.message)
})

test('every error has a code and a class of its own', () => {
  expect(new Set(ERRORS.map(({ code }) => code)).size).toBe(ERRORS.length)
  expect(new Set(ERRORS.map(({ error }) => error.constructor)).size).toBe(ERRORS.length)
})

test('a cause is carried where there is one, and is not even a key where there is none', () => {
  expect(new DrainingError({ ...INFO, cause: CAUSE }).cause).toBe(CAUSE)
  expect(Object.hasOwn(new DrainingError(INFO), 'cause')).toBe(false)
})

// ---------------------------------------------------------------------------------------------- messages

test('a timeout at the limit tells the numbers, who holds the resources, and what to do', () => {
  const holders = [
    { holder: 'checkout', count: 9, oldestMs: 12_340 },
    { holder: 'report', count: 4, oldestMs: 99.6 },
    { holder: 'untagged', count: 2, oldestMs: 5 },
    { holder: 'other', count: 1, oldestMs: 5 },
  ]
  const error = new AcquireTimeoutError(99.7, holders, INFO)
  expect(error.message).toBe(
    "No resource from pool 'orders' after 100 ms: limit 2, 2 in use, 0 idle, 0 being created, 3 waiting. " +
      'Leases are held too long, or limitMax is too low. ' +
      'Held by: checkout × 9 (oldest 12.3 s), report × 4 (oldest 100 ms), untagged × 2 (oldest 5 ms), and 1 more.',
  )
  expect(error).toMatchObject({ waitedMs: 99.7, holders })
})

test('a timeout below the limit speaks of creation', () => {
  const info = { pool: 'orders', counts: { ...COUNTS, inUse: 1, creating: 1 } }
  expect(new AcquireTimeoutError(100, [], info).message).toBe(
    "No resource from pool 'orders' after 100 ms: limit 2, 1 in use, 0 idle, 1 being created, 3 waiting. " +
      'Resources are created too slowly, or the backend does not answer.',
  )
})

// Slipped through: no message was read of a pool that somebody had paused. It blamed the backend.
test('a timeout while the pool is paused says so, whatever else there is', () => {
  const info = { pool: 'orders', counts: { ...COUNTS, inUse: 0 }, cause: CAUSE, isPaused: true }
  expect(new AcquireTimeoutError(100, [], info).message).toMatch(/3 waiting\. The pool is paused, until resume\(\)\.$/)
})

test('a timeout while creation fails says with what, where to look, and who holds what there is', () => {
  const holders = [{ holder: 'report', count: 2, oldestMs: 5 }]
  expect(new AcquireTimeoutError(100, holders, { ...INFO, cause: CAUSE }).message).toMatch(
    /3 waiting\. Creating one fails: connect refused \(ECONNREFUSED\)\. See .* Held by: report × 2 \(oldest 5 ms\)\.$/,
  )
})

test('what is about to be lent is told where there is any: else all would seem to be missing', () => {
  expect(describeCounts({ ...COUNTS, inUse: 1, validating: 1 })).toBe(
    'limit 2, 1 in use, 1 about to be lent, 0 idle, 0 being created, 3 waiting',
  )
})

test('what is being destroyed is told where there is any', () => {
  expect(describeCounts({ ...COUNTS, destroying: 1 })).toBe(
    'limit 2, 2 in use, 0 idle, 0 being created, 1 being destroyed, 3 waiting',
  )
})

test.each([
  ['ShedError', new ShedError(250, INFO), /after 250 ms: limit 2, 2 in use.* fail this request fast/],
  ['QueueFullError', new QueueFullError(3, INFO), /waitersMax is 3, limit 2, 2 in use.* or raise waitersMax/],
  ['QueueFullError', new QueueFullError(Infinity, INFO), /full: the driver's own options let no more wait, limit 2/],
  ['AcquireAbortedError', new AcquireAbortedError(20, INFO), /'orders' aborted by its signal after 20 ms/],
  ['DrainingError', new DrainingError(INFO), /'orders' drains or is closed, so it lends no more/],
  ['LeaseEndedError', new LeaseEndedError(INFO), /has ended already.* release it in one place/],
  [
    'CreateFailedError',
    new CreateFailedError(3, { ...NOTHING_LEFT, cause: CAUSE }),
    /\(3 failed in a row\) .*: connect refused \(ECONNREFUSED\)\. Is the backend up, and are its address and cred/,
  ],
])('%s says what was seen and what to do', (_, error, text) => {
  expect(error.message).toMatch(text)
})

test.each([
  ['of a message and a code', CAUSE, 'connect refused (ECONNREFUSED)'],
  ['whose message has its code already', Object.assign(new Error('oh: E1'), { code: 'E1' }), 'oh: E1'],
  ['of a code alone', Object.assign(new AggregateError([]), { code: 'ECONNREFUSED' }), 'AggregateError (ECONNREFUSED)'],
  ['of another realm', { name: 'Error', message: 'not here', code: 'E2' }, 'not here (E2)'],
  ['that is a string', 'no route', 'no route'],
  ['that is nothing', null, 'null'],
  ['that cannot be a string', Object.create(null), 'an object'],
  ['whose message is none', { message: Symbol('a') }, 'an object'],
])('a cause %s is told as it is', (_, cause, text) => {
  expect(new CreateFailedError(1, { ...NOTHING_LEFT, cause }).message).toContain(
    `has none left: ${text}. Is the backend up`,
  )
})

test('a create that has failed beside what is open does not say that nothing is left', () => {
  const { message } = new CreateFailedError(3, { ...INFO, cause: CAUSE })
  expect(message).toMatch(/cannot create a resource \(3 failed in a row\): /)
})

test('a cause that throws when it is looked at does not hide the error', () => {
  const { proxy, revoke } = Proxy.revocable({}, {})
  revoke()
  expect(new CreateFailedError(1, { ...NOTHING_LEFT, cause: proxy }).message).toContain('has none left: an object. ')
})

// ---------------------------------------------------------------------------------------------- instanceof

test.each(ERRORS)('$name is an instance of itself, of PoolError and of Error, and of no other class', ({ error }) => {
  expect(error).toBeInstanceOf(PoolError)
  expect(error).toBeInstanceOf(Error)
  for (const other of ERRORS) {
    const itsClass = other.error.constructor as typeof ShedError
    expect(error instanceof itsClass).toBe(error === other.error)
  }
})

test('what is no error of a pool is no instance of one', () => {
  class Unrelated extends Error {
    readonly code = 'ERR_POOL_SHED'
  }
  const others = [new Error('x'), new Unrelated('x'), {}, null, undefined, 'ERR_POOL_SHED', 5, () => {}]
  for (const other of others) {
    expect(other instanceof PoolError).toBe(false)
    expect(other instanceof ShedError).toBe(false)
  }
})

test("a user's own subclass has instances of its own only", () => {
  class StaleError extends ShedError {}
  class OwnError extends PoolError {
    readonly code = 'ERR_OWN'
  }
  const stale = new StaleError(5, INFO)
  const own = new OwnError('mine', INFO)
  expect(stale).toBeInstanceOf(StaleError)
  expect(stale).toBeInstanceOf(ShedError)
  expect(stale).toBeInstanceOf(PoolError)
  expect(own).toBeInstanceOf(OwnError)
  expect(own).toBeInstanceOf(PoolError)
  expect(own instanceof ShedError).toBe(false)
  expect(new ShedError(5, INFO) instanceof StaleError).toBe(false)
  expect(stale instanceof OwnError).toBe(false)
})

test('instanceof holds between two copies of the library, loaded as ESM and as CommonJS', async () => {
  vi.resetModules()
  const copy = await import('../../../src/pool/pool-errors.ts')
  expect(copy.ShedError).not.toBe(ShedError)
  const theirs = new copy.ShedError(5, INFO)
  expect(theirs instanceof ShedError).toBe(true)
  expect(theirs instanceof PoolError).toBe(true)
  expect(theirs instanceof QueueFullError).toBe(false)
  expect(new ShedError(5, INFO) instanceof copy.ShedError).toBe(true)
  expect(new ShedError(5, INFO) instanceof copy.DrainingError).toBe(false)

  class StaleError extends copy.ShedError {}
  expect(new StaleError(5, INFO) instanceof ShedError).toBe(true)
  expect(theirs instanceof StaleError).toBe(false)
})

test('the brand does not show up when an error is printed or walked through', () => {
  const error = new ShedError(5, INFO)
  expect(Object.getOwnPropertySymbols(error)).toEqual([])
  const walked: string[] = []
  for (const key in error) walked.push(key)
  expect(walked).not.toContain('brand')
})
