import { expect, test } from 'vitest'
import type { Clock } from '../../src/base/clock.ts'
import { aimd } from '../../src/control/aimd.ts'
import type { Controller } from '../../src/control/controller.ts'
import { fixed } from '../../src/control/fixed.ts'
import { hybrid } from '../../src/control/hybrid.ts'
import { createPool } from '../../src/create-pool.ts'
import {
  poisson,
  type SimulatedPoolOptions,
  type SimulationResult,
  simulate,
  type UslBackendOptions,
  uslBackend,
} from '../../src/sim/index.ts'
import { ProcessClock } from '../../src/sim/process-clock.ts'
import { scenarios } from '../../src/sim/scenarios.ts'
import { VirtualClock } from '../../src/sim/virtual-clock.ts'
import { sleep } from '../support/sleep.ts'

/** Leases of 20 ms, however many there are: an I/O-bound backend with nothing to be saturated. */
const IO_BOUND: UslBackendOptions = { serviceMsMean: 20, sigma: 0, kappa: 0, connectMs: 5 }
/** Its throughput peaks at 35 leases at a time. */
const CPU_BOUND: UslBackendOptions = { serviceMsMean: 10, sigma: 0.02, kappa: 0.0008, connectMs: 20 }

/** 200 requests a second, 1500 from the second to the sixth second, then 200 again. */
const SPIKE = poisson((tMs) => (tMs >= 2_000 && tMs < 6_000 ? 1_500 : 200))

/** A pool of a size chosen by hand. */
function sizedByHand(size: number): SimulatedPoolOptions {
  return { limitMin: 1, limitMax: size, limitInitial: size, warmUp: size, controller: fixed(), acquireTimeoutMs: 1_000 }
}

function firstFailureAtMs({ rows }: SimulationResult): number {
  return rows.find(({ sample }) => sample.timedOut + sample.shed > 0)?.atMs ?? Number.POSITIVE_INFINITY
}

test.each([1, 2, 3])('a spike on a pool sized by hand: warned before the first caller fails, seed %d', async (seed) => {
  for (const queue of ['fifo', undefined] as const) {
    const pool = { ...sizedByHand(10), ...(queue === undefined ? {} : { queue }) }
    const result = await simulate({ seed, durationMs: 8_000, workload: SPIKE, backend: uslBackend(IO_BOUND), pool })
    const [first] = result.warnings
    expect(first).toMatchObject({ kind: 'exhaustion-forecast', cause: 'surge', severity: 'critical' })
    expect(first?.atMs).toBeGreaterThan(2_000)
    expect(first?.atMs).toBeLessThan(2_300)
    expect(firstFailureAtMs(result) - (first?.atMs ?? 0)).toBeGreaterThan(250)
    expect(result.warnings.map(({ kind }) => kind)).toEqual(['exhaustion-forecast', 'limit-ceiling'])
  }
})

test('a spike that lets nobody time out for half a minute is critical only once callers have stood in line', async () => {
  const pool = { ...sizedByHand(10), acquireTimeoutMs: 30_000 }
  const { warnings } = await simulate({ durationMs: 8_000, workload: SPIKE, backend: uslBackend(IO_BOUND), pool })
  expect(warnings).toMatchObject([
    { kind: 'exhaustion-forecast', severity: 'warn' },
    { kind: 'limit-ceiling', severity: 'critical' },
  ])
})

test('the same spike on a pool that sizes itself: nothing fails, and nobody is alarmed', async () => {
  const pool = { limitMin: 2, limitMax: 100, limitInitial: 10, controller: hybrid(), acquireTimeoutMs: 1_000 }
  const result = await simulate({ durationMs: 8_000, workload: SPIKE, backend: uslBackend(IO_BOUND), pool })
  expect(result.summary.timedOut + result.summary.shed).toBe(0)
  expect(result.warnings).toEqual([])
})

test('five minutes of Poisson traffic at 70 % of a pool sized by hand: nobody is alarmed', async () => {
  const options = { durationMs: 300_000, workload: poisson(350), backend: uslBackend(IO_BOUND), pool: sizedByHand(10) }
  expect((await simulate(options)).warnings).toEqual([])
}, 30_000)

test('demand that rises evenly is foretold at least five seconds before callers stand in line', async () => {
  const workload = poisson((tMs) => (tMs < 20_000 ? 200 : 200 + (tMs - 20_000) * 0.01))
  const options = { durationMs: 56_000, workload, backend: uslBackend(IO_BOUND), pool: sizedByHand(10) }
  const result = await simulate(options)
  const [first] = result.warnings
  expect(first).toMatchObject({ kind: 'exhaustion-forecast', severity: 'warn' })
  const standingAtMs = result.rows.find(({ sample }) => sample.oldestWaitMs > 100)?.atMs ?? Number.POSITIVE_INFINITY
  expect(standingAtMs - (first?.atMs ?? Number.POSITIVE_INFINITY)).toBeGreaterThan(5_000)
})

test('a backend that has lost more than half its capacity is named, and a larger pool is advised against', async () => {
  const disturbances = [{ fromMs: 10_000, toMs: 30_000, capacity: 0.4 }]
  const result = await simulate({
    durationMs: 30_000,
    workload: poisson(700),
    backend: uslBackend({ ...CPU_BOUND, disturbances }),
    pool: { limitMin: 2, limitMax: 200, limitInitial: 10, controller: hybrid(), acquireTimeoutMs: 1_000 },
  })
  const saturated = result.warnings.find(({ kind }) => kind === 'backend-saturated')
  expect(saturated?.atMs).toBeGreaterThan(10_000)
  expect(saturated?.atMs).toBeLessThan(15_000)
  expect(saturated?.advice[0]).toMatch(/^Do not raise limitMax/)
  expect(result.warnings.map(({ kind }) => kind)).not.toContain('limit-ceiling')
})

// The controller's first trial is kept, since somewhat more is completed; that was taken for a backend with room.
test('nor is it taken for slow leases while a limit from before is made up for', async () => {
  const disturbances = [{ fromMs: 20_000, toMs: 30_000, capacity: 0.4 }]
  const result = await simulate({
    seed: 201,
    durationMs: 30_000,
    workload: poisson(700),
    backend: uslBackend({ ...CPU_BOUND, connectMs: 50, holdMsMean: 1, disturbances }),
    pool: { limitMin: 2, limitMax: 200, warmUp: 10, controller: hybrid(), acquireTimeoutMs: 1_000 },
  })
  const [first] = result.warnings.filter(({ severity }) => severity !== 'info')
  expect(first).toMatchObject({ cause: 'backend-saturated' })
})

test('a leak is named, and the pool that grows to make up for it accuses no backend', async () => {
  const { warnings } = await simulate({ ...scenarios.leak.options, seed: 1 })
  expect(new Set(warnings.map(({ cause }) => cause))).toEqual(new Set(['leak']))
}, 30_000)

test('a backend that refuses connections is named within a second, and once', async () => {
  const result = await simulate({
    durationMs: 10_000,
    workload: poisson(100),
    backend: uslBackend({ ...IO_BOUND, disturbances: [{ fromMs: 0, toMs: 5_000, refuse: true }] }),
    pool: { limitMin: 2, limitMax: 100, controller: hybrid(), acquireTimeoutMs: 1_000 },
  })
  const [first] = result.warnings
  expect(first).toMatchObject({ kind: 'backend-refusing', cause: 'backend-refusing' })
  expect(first?.atMs).toBeLessThan(1_000)
  expect(result.warnings.filter(({ kind }) => kind === 'backend-refusing')).toHaveLength(1)
})

// Slipped through: the hangs that were tried lasted for a few windows, and no slow lease had ended in them.
test.each([
  [10, 200, { hang: true }, aimd],
  [10, 350, { extraLeaseMs: 4_000 }, fixed],
  [20, 700, { extraLeaseMs: 400 }, fixed],
  [20, 700, { capacity: 0.01 }, hybrid],
] as const)(
  'no more is wanted than limitMax, %i, for leases that hang or are slow, at %i a second, %j',
  async (limitMax, perSecond, what, controller) => {
    const disturbances = [{ fromMs: 20_000, toMs: 32_000, ...what }]
    const limits = { limitMin: 2, limitMax, limitInitial: limitMax, warmUp: limitMax }
    for (const acquireTimeoutMs of [1_000, 30_000]) {
      const { warnings } = await simulate({
        durationMs: 60_000,
        workload: poisson(perSecond),
        backend: uslBackend({ ...IO_BOUND, disturbances }),
        pool: { ...limits, controller: controller() as Controller, acquireTimeoutMs },
      })
      expect(warnings.map(({ kind }) => kind)).not.toContain('limit-ceiling')
      expect(warnings.map(({ kind }) => kind)).toContain('slow-leases')
    }
  },
)

test.each([1, 2])('nor for a surge that is over, seed %i', async (seed) => {
  const workload = poisson((tMs) => (tMs >= 20_000 && tMs < 23_000 ? 1_500 : 200))
  const options = { seed, durationMs: 30_000, workload, backend: uslBackend(IO_BOUND), pool: sizedByHand(10) }
  const { warnings } = await simulate(options)
  expect(warnings.map(({ kind }) => kind)).toEqual(['exhaustion-forecast'])
})

// Slipped through, since every process in the tests had some seconds before it was hit.
test('a process that is hit in its first second knows what is usual all the same', async () => {
  const disturbances = [{ fromMs: 800, toMs: 30_000, extraLeaseMs: 400 }]
  const result = await simulate({
    durationMs: 20_000,
    workload: poisson(200),
    backend: uslBackend({ ...IO_BOUND, disturbances }),
    pool: sizedByHand(10),
  })
  const told = result.warnings.filter(({ atMs }) => atMs > 1_000)
  expect(told.map(({ kind, cause }) => [kind, cause])).toContainEqual(['slow-leases', 'slow-leases'])
  expect(told.map(({ cause }) => cause)).not.toContain('undersized')
})

// Slipped through: every backend of the tests fell ill only once it was known how long leases take without load.
test.each([
  ['sizes itself', { limitMin: 2, limitMax: 20, acquireTimeoutMs: 1_000 }],
  ['is sized by hand', { ...sizedByHand(30), warmUp: 0 }],
  ['has grown to the knee', { limitMin: 2, limitMax: 200, acquireTimeoutMs: 1_000 }],
] as const)('a process that starts behind a sick backend, and %s, is not sent to raise a limit', async (_, pool) => {
  const disturbances = [{ fromMs: 0, toMs: 20_000, capacity: 0.4 }]
  const backend = uslBackend({ ...CPU_BOUND, disturbances })
  const { warnings } = await simulate({ durationMs: 10_000, workload: poisson(700), backend, pool })
  expect(warnings[0]?.atMs).toBeLessThan(1_000)
  for (const { message, advice } of warnings) {
    expect(message).not.toContain('Raise limitMax')
    expect(advice[0]).toMatch(/^(Look at the backend's load first|Do not raise limitMax)/)
  }
})

// Slipped through: it said that callers had waited since the pool began.
test('a pool that has idled before it was hit is told what is not known, and not what was not so', async () => {
  const { warnings } = await simulate({
    durationMs: 70_000,
    workload: poisson((tMs) => (tMs < 60_000 ? 0 : 700)),
    backend: uslBackend(IO_BOUND),
    pool: { limitMin: 2, limitMax: 4, acquireTimeoutMs: 1_000 },
  })
  expect(warnings[0]?.advice[0]).toContain('how long leases take while nobody waits is not known yet')
})

/** What is told of a page that asks for all it needs at once, every three seconds; short queries, if any, come between. */
async function pageLoads(queries: number, queryMs: number, shortMs: number | undefined) {
  const clock = new VirtualClock()
  const told: string[] = []
  const limits = { limitInitial: 10, limitMax: 10, controller: fixed() }
  const pool = createPool<object>({ create: () => ({}), destroy: () => {}, clock, ...limits })
  pool.on('warning', ({ kind, severity }) => told.push(`${severity} ${kind}`))
  pool.on('exhausted', () => told.push('exhausted'))
  const query = async (ms: number) => {
    const lease = await pool.acquire()
    await sleep(clock, ms)
    lease.release()
  }
  for (let atMs = 0; atMs < 30_000; atMs += 50) {
    if (atMs % 3_000 === 0) for (let i = 0; i < queries; i++) query(queryMs)
    else if (shortMs !== undefined) query(shortMs)
    await clock.advance(50)
  }
  return told
}

// Slipped through, since all bursts that were tried were of leases as long as before: where none had ended, or none for
// five times as long, nothing seemed to be served.
test.each([
  [20, 500, undefined],
  [20, 900, undefined],
  [30, 200, undefined],
  [30, 100, 2],
  [30, 200, 2],
  [20, 300, 2],
])(
  'a page of %d queries of %d ms is told as waiting, not as exhaustion: it is served',
  async (queries, ms, shortMs) => {
    expect(await pageLoads(queries, ms, shortMs)).toEqual(['warn wait-slo-burn'])
  },
)

/** Requests of 20 ms, one after another, in a process that is stopped for a minute after each. Gives the warnings. */
async function frozenBetweenRequests(isComputing: boolean): Promise<readonly string[]> {
  const world = new VirtualClock()
  const process = new ProcessClock(world)
  let cpuMs = 0
  const clock: Clock = {
    nowMs: () => process.nowMs(),
    startTimer: (delayMs, fire) => process.startTimer(delayMs, fire),
    cpuMs: () => cpuMs,
  }
  const told: string[] = []
  const pool = createPool({ create: async () => ({}), destroy: () => {}, limitMin: 2, limitMax: 20, clock })
  pool.on('warning', ({ kind }) => told.push(kind))
  for (let i = 0; i < 5; i++) {
    const lease = await pool.acquire()
    await world.advance(20)
    lease.release()
    process.leap(60_000)
    cpuMs += isComputing ? 60_000 : 0
    await world.advance(5)
  }
  return told
}

// Slipped through, since no test had stopped a process that was at work a moment ago: each request to a function that is
// frozen between them ended in a warning.
test('a process that is frozen while nobody is in its pool has no event loop to warn of; one that computes has', async () => {
  expect(await frozenBetweenRequests(false)).toEqual([])
  expect(await frozenBetweenRequests(true)).toContain('event-loop-stall')
})

/** A loop that is blocked for `blockMs`, free for `freeMs`, and so on for 10 s. Gives what is told, and whether it ends. */
async function blockedAgainAndAgain(blockMs: number, freeMs: number, perSecond: number): Promise<readonly string[]> {
  const everyMs = blockMs + freeMs
  const disturbances = Array.from({ length: Math.floor(10_000 / everyMs) }, (_, i) => {
    const fromMs = 5_000 + i * everyMs
    return { fromMs, toMs: fromMs + blockMs, stall: true as const }
  })
  const backend = uslBackend({ serviceMsMean: 6, connectMs: 5, disturbances })
  const pool: SimulatedPoolOptions = { limitMin: 2, limitMax: 20 }
  const result = await simulate({ seed: 1, durationMs: 15_000, workload: poisson(perSecond), backend, pool })
  return result.warnings.flatMap(({ kind, lastedMs }) => (lastedMs === undefined ? [kind] : [kind, 'ended']))
}

// Slipped through, since stalls had come one by one, seconds apart: of those that are in step with the windows, no end
// of a window is late, and a process that was blocked for four fifths of its time was healthy.
test.each([
  [200, 50, 60],
  [250, 50, 60],
  [230, 20, 60],
  [200, 50, 8],
  [250, 20, 8],
  [250, 50, 8],
])('blocked for %d ms of each %d ms and more, the event loop is told of once', async (blockMs, freeMs, perSecond) => {
  expect(await blockedAgainAndAgain(blockMs, freeMs, perSecond)).toEqual(['event-loop-stall'])
})

test.each([
  [8, 2],
  [20, 5],
  [40, 10],
])(
  'a process that computes for %d ms of each %d ms and more, all the time, is none that stalls',
  async (blockMs, freeMs) => {
    expect(await blockedAgainAndAgain(blockMs, freeMs, 60)).toEqual([])
    expect(await blockedAgainAndAgain(blockMs, freeMs, 8)).toEqual([])
  },
)

test('blocks that are too short to be told of by themselves are why leases are slow, not the backend', async () => {
  const disturbances = Array.from({ length: 150 }, (_, i) => {
    return { fromMs: 5_000 + 105 * i, toMs: 5_100 + 105 * i, stall: true as const }
  })
  const backend = uslBackend({ serviceMsMean: 6, connectMs: 5, disturbances })
  const pool = { ...sizedByHand(4), acquireTimeoutMs: 30_000 }
  const { warnings } = await simulate({ seed: 1, durationMs: 20_000, workload: poisson(60), backend, pool })
  expect(warnings.map(({ kind }) => kind)).toContain('slow-leases')
  expect(new Set(warnings.map(({ cause }) => cause))).toEqual(new Set(['event-loop-stall']))
})
