import { describe, expect, test } from 'vitest'
import type { Clock } from '../../../src/base/clock.ts'
import { createPool } from '../../../src/create-pool.ts'
import { type DrivenHandle, type DrivePoolOptions, drive } from '../../../src/sim/drive.ts'
import { mixed } from '../../../src/sim/mixed.ts'
import { VirtualClock } from '../../../src/sim/virtual-clock.ts'
import { fromCounts, poisson } from '../../../src/sim/workload.ts'
import { sleep } from '../../support/sleep.ts'

function newPool(clock: Clock, options: object = {}) {
  let lastId = 0
  const create = () => ({ id: ++lastId })
  return createPool<{ readonly id: number }>({ create, destroy: () => {}, clock, limitMin: 2, ...options })
}

/** Drives a pool whose work takes 20 ms, on a clock of our own. */
async function run(options: Partial<DrivePoolOptions<unknown>> = {}, pool: object = {}) {
  return (await runWhole(options, pool)).summary
}

async function runWhole(options: Partial<DrivePoolOptions<unknown>> = {}, pool: object = {}) {
  const clock = new VirtualClock()
  const result = drive(newPool(clock, pool), {
    workload: poisson(200),
    durationMs: 5_000,
    clock,
    work: () => sleep(clock, 20),
    ...options,
  })
  await clock.advance(20_000)
  return await result
}

test('load that is served tells so, and who waited', async () => {
  const summary = await run()
  expect(summary.offered).toBeGreaterThan(900)
  expect(summary).toMatchObject({ completed: summary.offered, goodput: 1, failed: 0, unfinished: 0 })
  expect(summary.lateMsMax).toBeLessThan(0.02)
  expect(summary.acquires).toBe(summary.offered)
  expect(summary.latencyMsP50).toBeGreaterThanOrEqual(19)
  expect(summary.liveMean).toBeGreaterThan(2)
  expect(summary.created).toBe(summary.liveMax)
})

test('arrivals do not wait for answers: while nothing is served they go on, and their time counts', async () => {
  const clock = new VirtualClock()
  const work = () => sleep(clock, Math.max(1, 2_000 - clock.nowMs())) // nothing is served for two seconds
  const workload = poisson(200)
  const result = drive(newPool(clock, { queue: 'fifo' }), { workload, durationMs: 3_000, sloMs: 100, clock, work })
  await clock.advance(5_000)
  const { summary } = await result
  expect(summary.completed).toBe(summary.offered)
  expect(summary.goodput).toBeLessThan(0.4)
})

test('requests that the generator offers late are as late as they were due', async () => {
  const clock = new VirtualClock()
  const pool = newPool(clock, { limitMax: 50, warmUp: 50 })
  const result = drive(pool, { workload: fromCounts([10], { binMs: 100 }), durationMs: 1_000, clock, work: () => {} })
  clock.leap(500) // the event loop was blocked, or the timer slept
  await clock.advance(5_000)
  const { summary } = await result
  expect(summary.lateMsMax).toBeGreaterThan(400)
  expect(summary.latencyMsP50).toBeGreaterThan(400)
})

test('an arrival that falls due between two looks at the clock comes, and the run goes on', async () => {
  const virtual = new VirtualClock()
  let looksMs = 0 // each takes a third of a millisecond: on a busy machine, more
  const clock: Clock = {
    nowMs() {
      looksMs += 1 / 3
      return virtual.nowMs() + looksMs
    },
    startTimer: (delayMs, fire) => virtual.startTimer(delayMs, fire),
  }
  const pool = newPool(virtual, { limitMax: 50, warmUp: 50 })
  const workload = fromCounts(Array(10).fill(50), { binMs: 100 })
  const result = drive(pool, { workload, durationMs: 1_000, clock, work: () => {} })
  await virtual.advance(5_000)
  expect((await result).summary.offered).toBe(500)
})

test.each([
  [{ code: 'ERR_POOL_SHED' }, 'shed'],
  [Object.assign(new Error('driver'), { cause: { code: 'ERR_POOL_ACQUIRE_TIMEOUT' } }), 'timedOut'],
  [new Error('syntax error'), 'failed'],
  [undefined, 'failed'],
])('what is rejected with %s counts as %s', async (error, kind) => {
  const summary = await run({ work: () => Promise.reject(error) })
  expect(summary[kind as 'shed']).toBe(summary.offered)
})

// Slipped through, since every test knew why its work failed: whoever mistyped it saw a goodput of 0, and nothing else.
test('what requests failed with is told, numbers within it aside, the most frequent first', async () => {
  let calls = 0
  const work = () => {
    calls += 1
    if (calls === 1) throw Object.assign(new TypeError('c.qurey is not a function'), { code: 'ERR_TYPO' })
    if (calls === 2) throw { code: 'ERR_POOL_SHED' }
    throw new Error(`socket ${calls} closed`)
  }
  const { errors } = await runWhole({ work, workload: fromCounts([5], { binMs: 1_000 }) })
  expect(errors).toEqual([
    { message: 'socket 3 closed', count: 3 },
    { message: 'c.qurey is not a function (ERR_TYPO)', count: 1 },
  ])
})

test('of errors that are all different twenty are told, and how many others there were', async () => {
  let calls = 0
  const work = () => {
    throw new Error('x'.repeat(++calls))
  }
  const { errors, summary } = await runWhole({ work, workload: fromCounts([50], { binMs: 1_000 }) })
  expect(errors).toHaveLength(21)
  expect(errors.at(-1)).toEqual({ message: 'other errors', count: 30 })
  expect(summary.failed).toBe(50)
})

// Slipped through: errors of drivers have few causes, and none that leads back to itself.
test('an error that is a cause of its own cause is a failure like any other', async () => {
  const error = new Error('a')
  error.cause = new Error('b', { cause: error })
  expect(await run({ work: () => Promise.reject(error) })).toMatchObject({ completed: 0, unfinished: 0 })
})

// Slipped through: only simulations were asked how long a warning had lasted.
test('a warning that is over by the end tells how long it lasted', async () => {
  const workload = poisson((tMs) => (tMs < 3_000 ? 20 : tMs < 7_000 ? 500 : 20))
  const { warnings } = await runWhole({ workload, durationMs: 15_000 }, { limitMax: 4, acquireTimeoutMs: 1_000 })
  expect(warnings).toContainEqual(expect.objectContaining({ kind: 'limit-ceiling', lastedMs: expect.any(Number) }))
})

test('work that throws at once fails like work that rejects', async () => {
  const work = () => {
    throw new Error('at once')
  }
  expect((await run({ work })).failed).toBeGreaterThan(0)
})

test('who fails asks again, as often as he may', async () => {
  let calls = 0
  const work = () => (++calls % 2 === 1 ? Promise.reject(new Error('every other')) : undefined)
  const workload = fromCounts([1, 1, 1, 1, 1], { binMs: 1_000 })
  expect(await run({ work, workload, retries: 1 })).toMatchObject({ offered: 5, completed: 5, failed: 0, acquires: 10 })
})

test('what is not answered in time is unfinished, and does not keep the run', async () => {
  const summary = await run({ work: () => new Promise(() => {}) }, { acquireTimeoutMs: Number.POSITIVE_INFINITY })
  expect(summary).toMatchObject({ completed: 0, unfinished: summary.offered })
})

test('an adopted pool is asked by its own means, and told of the class of each request', async () => {
  const clock = new VirtualClock()
  const pool = newPool(clock)
  const adopted: DrivenHandle = {
    counts: () => pool.counts(),
    stats: () => pool.stats(),
    on: (event, listener) => pool.on(event, listener),
    off: (event, listener) => pool.off(event, listener),
  }
  const seen = new Set<string | undefined>()
  const workload = mixed([
    { tag: 'page', workload: poisson(50) },
    { tag: 'report', workload: poisson(50) },
  ])
  const result = drive(adopted, {
    workload,
    durationMs: 1_000,
    clock,
    work: (kind) => {
      seen.add(kind?.tag)
      return pool.use(() => sleep(clock, 5))
    },
  })
  await clock.advance(5_000)
  expect((await result).summary.goodput).toBe(1)
  expect([...seen].sort()).toEqual(['page', 'report'])
})

describe('wrong options are refused', () => {
  test.each<[object, string]>([
    [{ durationMs: 0 }, 'durationMs must be a number of milliseconds'],
    [{ work: 5 }, 'work must be a function'],
    [
      { workload: poisson },
      'workload must be poisson(…), bursts(…), fromCounts(…), closedLoop(…), mixed(…) or an object with',
    ],
    [{ retries: { count: 1, factor: 0.5 } }, 'drive: retries: factor'],
    [{ rate: 1 }, 'unknown option rate'],
  ])('%j', async (wrong, message) => {
    await expect(run(wrong)).rejects.toThrow(message)
  })

  test('and so is what is no pool', async () => {
    await expect(drive({} as DrivenHandle, {} as never)).rejects.toThrow(
      'expected a pool of createPool() or the handle of adapt(), got an object',
    )
  })
})
