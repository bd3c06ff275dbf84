import { expect, test } from 'vitest'
import type { QueueDecider, QueuePolicy } from '../../../src/pool/queue-policy.ts'
import { newTestPool, recordEvents, watch } from '../../support/new-test-pool.ts'

const WORKS: QueueDecider = { order: () => 'oldest', admit: () => 'grant', emptied: () => {} }

function policyOf(decider: Partial<Record<keyof QueueDecider, unknown>>): QueuePolicy {
  return { name: 'mine', start: () => ({ ...WORKS, ...decider }) as QueueDecider }
}

const fails = (): never => {
  throw new Error('a bug of the user’s own')
}

test.each([
  ['order throws', { order: fails }],
  ['admit throws', { admit: fails }],
  ['emptied throws', { emptied: fails }],
  ['order answers what is no order', { order: () => 'middle' }],
  ['admit answers nothing', { admit: () => undefined }],
  ['admit answers a promise', { admit: async () => 'grant' }],
])(
  'a queue policy that fails loses nobody: who waits is served in order of arrival, and it is told once: %s',
  async (_, bug) => {
    const { pool, clock } = newTestPool({ limitMax: 1, queue: policyOf(bug) })
    const failures = recordEvents(pool, 'queueFailed')
    const lease = await pool.acquire()
    const waiting = [pool.acquire({ tag: 'a' }), pool.acquire({ tag: 'b' })].map(watch)
    lease.release()
    await clock.advance(0)
    expect(waiting.map(({ value }) => value !== undefined)).toEqual([true, false])
    waiting[0]?.value?.release()
    await clock.advance(0)
    waiting[1]?.value?.release()
    expect(pool.counts()).toMatchObject({ live: 1, idle: 1, inUse: 0, waiters: 0 })
    expect(failures.map(({ payload }) => payload)).toEqual([{ policy: 'mine', error: expect.any(Error) }])
  },
)

// Slipped through: the asynchronous answer that was tested did not reject, and what answers nothing was never async.
test.each(['order', 'admit', 'emptied', 'grown'] as const)(
  'what an async %s rejects with ends no process: it is no answer, told once',
  async (method) => {
    const unhandled: unknown[] = []
    const note = (reason: unknown): void => void unhandled.push(reason)
    process.on('unhandledRejection', note)
    const { pool, clock } = newTestPool({ limitMax: 1, queue: policyOf({ [method]: async () => fails() }) })
    const failures = recordEvents(pool, 'queueFailed')
    for (let i = 0; i < 2; i++) {
      const waiting = pool.acquire()
      await clock.advance(0)
      ;(await waiting).destroy()
      await clock.advance(0)
    }
    await new Promise(setImmediate) // Node tells of what is unhandled once all promises have been seen to
    process.off('unhandledRejection', note)
    expect(unhandled).toEqual([])
    const error = new TypeError(`${method} must answer at once, got a promise: it must not be async`)
    expect(failures.map(({ payload }) => payload)).toEqual([{ policy: 'mine', error }])
  },
)

test('a policy that has worked again and fails anew is told of anew', async () => {
  const answers = [fails, () => 'grant', fails, fails]
  const { pool, clock } = newTestPool({ limitMax: 1, queue: policyOf({ admit: () => answers.shift()?.() }) })
  const failures = recordEvents(pool, 'queueFailed')
  for (let i = 0; i < 4; i++) {
    const waiting = pool.acquire()
    await clock.advance(0)
    ;(await waiting).destroy()
    await clock.advance(0)
  }
  expect(failures).toHaveLength(2)
})

test.each([
  ['nothing', undefined],
  ['a decider that lacks emptied()', { order: () => 'oldest', admit: () => 'grant' }],
])('a policy that starts with %s is refused when the pool is made', (_, decider) => {
  const queue: QueuePolicy = { name: 'mine', start: () => decider as unknown as QueueDecider }
  expect(() => newTestPool({ queue })).toThrow(/^queue: mine\.start must answer \{ order, admit, emptied \}, got/)
})

// Slipped through, since no listener to this event came back to the pool.
test.each(['order', 'admit'] as const)('a waiter who leaves while %s fails is granted nothing', async (method) => {
  const leaving = new AbortController()
  let isFailing = false
  const queue = policyOf({ [method]: () => (isFailing ? fails() : WORKS[method](0, 0, 1, 0)) })
  const { pool, clock } = newTestPool({ limitMax: 1, queue })
  const held = watch(pool.acquire())
  await clock.advance(0)
  const gone = watch(pool.acquire({ signal: leaving.signal }))
  pool.on('queueFailed', () => leaving.abort())
  isFailing = true
  held.value?.release()
  await clock.advance(0)
  expect(gone.error).toMatchObject({ code: 'ERR_POOL_ABORTED' })
  expect(pool.counts()).toMatchObject({ idle: 1, size: 1, waiters: 0 })
})
