import { describe, expect, test } from 'vitest'
import { fixed } from '../../../src/control/fixed.ts'
import { codel, fifo } from '../../../src/pool/queue-policy.ts'
import { uslBackend } from '../../../src/sim/backend.ts'
import { closedLoop } from '../../../src/sim/closed-loop.ts'
import { scenarios } from '../../../src/sim/scenarios.ts'
import { type SimulatedPoolOptions, type SimulateOptions, simulate } from '../../../src/sim/simulate.ts'
import { fromCounts, poisson, type Workload } from '../../../src/sim/workload.ts'

/** A pool of n resources, open from the start, of which nothing moves. */
function fixedPool(n: number, more: Partial<SimulatedPoolOptions> = {}): SimulatedPoolOptions {
  return { limitMin: n, limitMax: n, warmUp: n, controller: fixed(), queue: fifo(), ...more }
}

const SHORT: SimulateOptions = {
  durationMs: 5_000,
  workload: poisson(300),
  backend: uslBackend({ serviceMsMean: 10, holdMsMean: 1 }),
  pool: fixedPool(10),
}

/** Probability that an arrival waits, for offered load a on c servers. @source Erlang 1917 */
function erlangC(a: number, c: number): number {
  let blocked = 1
  for (let k = 1; k <= c; k++) blocked = (a * blocked) / (k + a * blocked)
  return blocked / (1 - (a / c) * (1 - blocked))
}

test.each([
  [1, 60],
  [4, 240],
  [10, 800],
])('the mean wait for %i resources at %i requests per second is that of queueing theory', async (c, perSecond) => {
  const backend = uslBackend({ serviceMsMean: 10 }) // no contention: c servers, each as fast as if alone
  const pool = fixedPool(c, { acquireTimeoutMs: Number.POSITIVE_INFINITY })
  const { summary } = await simulate({ durationMs: 60_000, workload: poisson(perSecond), backend, pool })
  const a = perSecond / 100
  const waitMsMean = (erlangC(a, c) * 10) / (c - a)
  expect(Math.abs(summary.waitMsMean / waitMsMean - 1)).toBeLessThan(0.2) // a minute's mean is off by 10 % as a rule
  expect(summary.liveMean).toBe(c)
})

describe('determinism', () => {
  const overloaded: SimulateOptions = {
    ...SHORT,
    workload: poisson(1_500),
    pool: { limitMax: 20, acquireTimeoutMs: 200 },
  }
  const told = async (options: SimulateOptions): Promise<string> => {
    const result = await simulate(options)
    return JSON.stringify(result) + result.toCsv()
  }

  test('the same seed gives the same result, byte for byte', async () => {
    expect(await told(overloaded)).toBe(await told(overloaded))
  })

  test('two runs at a time do not disturb each other', async () => {
    const [one, two] = await Promise.all([told(overloaded), told(overloaded)])
    expect(one).toBe(two)
  })

  test('another seed gives another result', async () => {
    expect(await told({ ...overloaded, seed: 2 })).not.toBe(await told(overloaded))
  })

  test('the same requests come, whatever the pool makes of them', async () => {
    const small = await simulate({ ...overloaded, pool: fixedPool(2, { queue: codel() }) })
    const large = await simulate({ ...overloaded, pool: fixedPool(50) })
    expect(small.summary.offered).toBe(large.summary.offered)
    expect(small.summary.completed).toBeLessThan(large.summary.completed)
  })
})

describe('several processes', () => {
  test('have a pool each, and the summary is of all of them', async () => {
    const { summary } = await simulate({ ...SHORT, processes: 3, workload: poisson(200), pool: fixedPool(2) })
    expect(summary.liveMax).toBe(6)
    expect(summary.liveMean).toBe(6)
    expect(summary.acquires).toBe(summary.offered)
    expect(summary.completed).toBe(summary.offered)
  })

  test('wait for longer than one that has it all, since nobody is helped by an idle resource elsewhere', async () => {
    const workload = poisson(400)
    const apart = await simulate({ ...SHORT, processes: 3, workload, pool: fixedPool(2) })
    const together = await simulate({ ...SHORT, workload, pool: fixedPool(6) })
    expect(apart.summary.waitMsMean).toBeGreaterThan(1.5 * together.summary.waitMsMean)
  })

  test('are told of by the first: its decisions, its warnings', async () => {
    const { rows, summary } = await simulate({ ...SHORT, processes: 3, workload: poisson(900), pool: fixedPool(2) })
    expect(new Set(rows.map(({ sample }) => sample.live))).toEqual(new Set([2]))
    expect(rows.reduce((sum, { sample }) => sum + sample.arrivals, 0)).toBeLessThan(0.4 * summary.offered)
  })
})

describe('the summary', () => {
  test('accounts for every request', async () => {
    const pool = fixedPool(2, {
      queue: codel({ targetMs: 50, intervalMs: 200 }),
      acquireTimeoutMs: 110,
      waitersMax: 60,
    })
    const { summary } = await simulate({ ...SHORT, workload: poisson(1_500), pool })
    const { offered, completed, timedOut, shed, failed, unfinished } = summary
    expect(completed + timedOut + shed + failed + unfinished).toBe(offered)
    for (const part of [completed, timedOut, shed, failed]) expect(part).toBeGreaterThan(0)
    expect(summary.acquires).toBe(offered)
  })

  test('counts as good what is completed within sloMs of its arrival', async () => {
    // Five requests a second, hardly ever two at once: its time is exponential with mean 10 ms, so that 1 - 1/e are within 10 ms.
    const workload = fromCounts(new Array(2_000).fill(1), { binMs: 200 })
    const backend = uslBackend({ serviceMsMean: 10 })
    const { summary } = await simulate({ durationMs: 400_000, workload, backend, pool: fixedPool(2), sloMs: 10 })
    expect(summary.completed).toBe(2_000)
    expect(summary.goodput).toBeGreaterThan(0.6)
    expect(summary.goodput).toBeLessThan(0.66)
    expect(summary.latencyMsP50).toBeCloseTo(Math.LN2 * 10, 0)
  })

  test('tells nothing lost where nothing was offered', async () => {
    const { summary } = await simulate({ ...SHORT, workload: poisson(0) })
    expect(summary).toMatchObject({ offered: 0, goodput: 1, latencyMsP99: 0, recoveryMs: undefined, liveMean: 10 })
  })

  test('tells of a backend that lets nobody in', async () => {
    const disturbances = [{ fromMs: 0, toMs: 60_000, refuse: true as const }]
    const backend = uslBackend({ serviceMsMean: 10, disturbances })
    const { summary } = await simulate({ ...SHORT, backend, pool: { acquireTimeoutMs: 200 } })
    expect(summary.completed).toBe(0)
    expect(summary.createFailed).toBeGreaterThan(0)
    expect(summary.timedOut).toBeGreaterThan(0)
    expect(summary.liveMax).toBeGreaterThan(0)
  })

  test('tells when service was back, after a brown-out that no pool can ride out', async () => {
    const backend = uslBackend({ serviceMsMean: 10, disturbances: [{ fromMs: 2_000, toMs: 4_000, capacity: 0 }] })
    const options = { ...SHORT, durationMs: 10_000, backend, pool: fixedPool(10, { acquireTimeoutMs: 500 }) }
    const fromOnset = await simulate({ ...options, recoverFromMs: 2_000 })
    const fromEnd = await simulate({ ...options, recoverFromMs: 4_000 })
    expect(fromOnset.summary.recoveryMs).toBeGreaterThanOrEqual(1_400) // who came 500 ms before the end is still served
    expect(fromOnset.summary.recoveryMs).toBeLessThanOrEqual(3_000)
    expect(fromEnd.summary.recoveryMs).toBeLessThanOrEqual(1_000)
    const byDefault = await simulate(options)
    expect(byDefault.summary.recoveryMs).toBe(fromEnd.summary.recoveryMs)
    const never = await simulate({ ...options, recoverFromMs: 9_000 })
    expect(never.summary.recoveryMs).toBeUndefined()
  })
})

test('a refused request asks again, as often as it may, and its time counts from its arrival', async () => {
  const disturbances = [{ fromMs: 0, toMs: 1_000, capacity: 0 }]
  const backend = uslBackend({ serviceMsMean: 1, disturbances })
  // Two are stuck in the backend until it is back; eight wait 50 ms a try. Three retries do not reach the end of the
  // stall (at most 4 × 50 + 3 × 300 ms is 1100 ms, but on average 800), twenty do.
  const options = { durationMs: 1_000, backend, workload: fromCounts([10], { binMs: 10 }), sloMs: 3_000 }
  const pool = fixedPool(2, { acquireTimeoutMs: 50 })
  const once = await simulate({ ...options, pool })
  expect(once.summary).toMatchObject({ offered: 10, completed: 2, timedOut: 8, acquires: 10 })
  const patient = await simulate({ ...options, pool, retries: 20 })
  expect(patient.summary).toMatchObject({ offered: 10, completed: 10, timedOut: 0 })
  expect(patient.summary.acquires).toBeGreaterThan(30)
  expect(patient.summary.latencyMsP50).toBeGreaterThan(980)
})

test('warmUp resources are open when the run begins', async () => {
  const warm = await simulate({ ...SHORT, durationMs: 30 })
  expect(warm.summary).toMatchObject({ liveMean: 10, waitMsP99: 0 })
  const cold = await simulate({ ...SHORT, durationMs: 30, pool: fixedPool(10, { warmUp: 0 }) })
  expect(cold.summary.liveMean).toBeLessThan(10)
  expect(cold.summary.waitMsP99).toBeGreaterThan(10)
})

test('there is a row for each window, and a line of CSV for each row', async () => {
  const result = await simulate({ ...SHORT, pool: fixedPool(10, { windowMs: 500 }) })
  expect(result.rows.length).toBeGreaterThanOrEqual(9)
  expect(result.rows.map(({ limit, decision }) => ({ limit, decision }))).toEqual(
    result.rows.map(() => ({ limit: 10, decision: { from: 10, to: 10, reason: 'fixed' } })),
  )
  const arrivals = result.rows.reduce((sum, { sample }) => sum + sample.arrivals, 0)
  expect(arrivals).toBeGreaterThan(0.85 * result.summary.offered)
  const [head, ...lines] = result.toCsv().trimEnd().split('\n')
  expect(head).toMatch(/^atMs,limit,reason,windowMs,/)
  expect(lines).toHaveLength(result.rows.length)
  expect(lines.every((line) => line.split(',').length === head?.split(',').length)).toBe(true)
})

test.each<[Partial<Record<keyof SimulateOptions, unknown>>, string]>([
  [{ durationMs: 0 }, 'durationMs must be a number of milliseconds'],
  [{ workload: 5 }, 'workload must be poisson(…), bursts(…), fromCounts(…), closedLoop(…), mixed(…) or an object with'],
  [{ backend: {} }, 'backend must be uslBackend(…), curveBackend(…) or an object with start(), got an object'],
  [{ pool: undefined }, 'pool must be an object of options, got undefined'],
  [{ pool: 5 }, 'pool: expected an object of options, got 5'],
  [{ pool: [] }, 'pool: expected an object of options, got an array of 0'],
  [{ pool: { create: () => ({}) } }, "pool: create is the simulation's own: leave it out, got a function create"],
  [{ pool: { clock: {} } }, "pool: clock is the simulation's own"],
  [{ pool: { validate: () => true } }, "pool: validate is the simulation's own"],
  [{ sloMs: -1 }, 'sloMs'],
  [{ processes: 0 }, 'processes must be an integer'],
  [{ retries: 1.5 }, 'retries must be an integer'],
  [{ seeds: 1 } as object, 'unknown option seeds'],
  [{ pool: { limitMx: 1 } }, 'unknown option limitMx'],
])('wrong options are refused: %j', async (wrong, message) => {
  await expect(simulate({ ...SHORT, ...wrong } as SimulateOptions)).rejects.toThrow(message)
})

// Slipped through: which options are named as allowed, and what else a user is likely to give, nobody had looked at.
test('an unknown option of the pool is refused with a list of those that a simulation takes', async () => {
  const wrong = { ...SHORT, pool: { limitMx: 1 } } as unknown as SimulateOptions
  const message = await simulate(wrong).then(String, (error: Error) => error.message)
  expect(message).toMatch(/^simulate: pool: unknown option limitMx, got 1; did you mean limitMax\? allowed: limitMin, /)
  expect(message).not.toMatch(/create\b|destroy\b|validate|clock|random/)
  const { options } = scenarios.overload
  await expect(simulate({ ...SHORT, pool: { ...options.pool, validateTimeoutMs: 5 } as never })).rejects.toThrow(
    "pool: validateTimeoutMs is the simulation's own: leave it out, got 5",
  )
})

test.each([
  ['as it is', scenarios.overload],
  ['with a seed', { ...scenarios.overload, seed: 2 }],
])('a scenario in place of its options is told where they are: %s', async (_, scenario) => {
  await expect(simulate(scenario as never)).rejects.toThrow(
    "simulate: expected an object of options, got a scenario: give scenarios['overload'].options",
  )
})

// Slipped through, since callers that wait for answers were never turned away.
test('a caller who is refused at once comes again a millisecond later, not in the same instant for ever', async () => {
  let answers = 0
  const impatient: Workload = {
    start(random, durationMs) {
      const inner = closedLoop({ clients: 10 }).start(random, durationMs)
      return {
        nextAtMs: () => inner.nextAtMs(),
        answered(atMs, kind) {
          answers += 1
          if (answers > 10_000) throw new Error('for ever')
          return inner.answered?.(atMs, kind) ?? Number.POSITIVE_INFINITY
        },
      }
    },
  }
  const { summary } = await simulate({
    durationMs: 1_000,
    workload: impatient,
    backend: uslBackend({ serviceMsMean: 10 }),
    pool: fixedPool(2, { waitersMax: 2 }),
  })
  expect(summary.completed).toBeGreaterThan(150) // two resources, 10 ms each
  expect(answers).toBeLessThan(7_000) // six are turned away, once a ms
})
