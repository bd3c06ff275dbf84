import { describe, expect, test } from 'vitest'
import { seededRandom } from '../../../src/base/random.ts'
import { fixed } from '../../../src/control/fixed.ts'
import { fifo } from '../../../src/pool/queue-policy.ts'
import { curveBackend, type UslBackendOptions, uslBackend } from '../../../src/sim/backend.ts'
import type { Disturbance } from '../../../src/sim/disturbance.ts'
import { mixed } from '../../../src/sim/mixed.ts'
import type { ServiceTimes } from '../../../src/sim/service-times.ts'
import { type SimulatedPoolOptions, type SimulateOptions, simulate } from '../../../src/sim/simulate.ts'
import { VirtualClock } from '../../../src/sim/virtual-clock.ts'
import { fromCounts, poisson } from '../../../src/sim/workload.ts'

const never = new AbortController().signal

function fixedPool(n: number, more: Partial<SimulatedPoolOptions> = {}): SimulatedPoolOptions {
  return { limitMin: n, limitMax: n, warmUp: n, controller: fixed(), queue: fifo(), acquireTimeoutMs: 1_000, ...more }
}

/** Ten seconds of 200 requests per second on ten resources, disturbed. */
async function run(disturbances: readonly Disturbance[], more: Partial<SimulateOptions> = {}) {
  return simulate({
    durationMs: 10_000,
    workload: poisson(200),
    backend: uslBackend({ serviceMsMean: 10, disturbances }),
    pool: fixedPool(10),
    ...more,
  })
}

function start(options: UslBackendOptions) {
  const clock = new VirtualClock()
  return { clock, backend: uslBackend(options).start(clock, seededRandom(1)) }
}

/** How many statements leave in a second with `n` inside all the time. */
async function throughput(backend: ReturnType<typeof curveBackend>, n: number, fromMs = 0): Promise<number> {
  const clock = new VirtualClock()
  const running = backend.start(clock, seededRandom(1))
  const random = seededRandom(2)
  let left = 0
  await clock.advance(fromMs)
  const enter = (): void =>
    running.serve(running.connectAtOnce(), running.drawJob(random), () => {
      left += 1
      enter()
    })
  for (let i = 0; i < n; i++) enter()
  await clock.advance(20_000)
  return left / 20
}

describe('a measured curve', () => {
  const backend = curveBackend({
    throughput: [
      [1, 100],
      [4, 400],
      [10, 200],
    ],
  })

  test.each([
    [1, 100],
    [2, 200],
    [4, 400],
    [7, 300],
    [10, 200],
    [40, 200],
  ])('is followed, and interpolated between its points: %i inside, %i a second', async (n, perSecond) => {
    expect(Math.abs((await throughput(backend, n)) / perSecond - 1)).toBeLessThan(0.05)
  })

  test.each<[unknown, string]>([
    [[], 'must be an array of points'],
    [[[2, 100]], 'got [2, 100] at 0'],
    [
      [
        [1, 100],
        [1, 90],
      ],
      'got [1, 90] at 1',
    ],
    [[[1, 0]], 'perSecond > 0'],
  ])('that is none is refused: %j', (points, message) => {
    expect(() => curveBackend({ throughput: points as never })).toThrow(message)
  })

  test('has no kappa to change', () => {
    const disturbances = [{ fromMs: 0, toMs: 1, kappa: 1 }]
    expect(() => curveBackend({ throughput: [[1, 100]], disturbances })).toThrow('a measured curve has none')
  })
})

test('kappa moves the knee, and neighbours take their share, as long as they last', async () => {
  const plant = { serviceMsMean: 10, sigma: 0.02, kappa: 0.0008 }
  const span = { fromMs: 0, toMs: 1e6 }
  expect(await throughput(uslBackend(plant), 35)).toBeGreaterThan(1_250)
  expect(await throughput(uslBackend({ ...plant, disturbances: [{ ...span, kappa: 0.0096 }] }), 35)).toBeLessThan(300)
  const crowded = uslBackend({ ...plant, disturbances: [{ ...span, neighbours: 35 }] })
  expect(Math.abs((await throughput(crowded, 35)) / (1_119 / 2) - 1)).toBeLessThan(0.05) // half of what 70 get
})

test('noise leaves the mean of capacity, and makes it waver', async () => {
  const noisy = uslBackend({ serviceMsMean: 10, disturbances: [{ fromMs: 0, toMs: 1e6, noise: 0.5 }] })
  const perSecond = await throughput(noisy, 10)
  expect(perSecond).not.toBeCloseTo(await throughput(uslBackend({ serviceMsMean: 10 }), 10), 3)
  expect(Math.abs(perSecond / 1_000 - 1)).toBeLessThan(0.2)
})

describe('service times', () => {
  const drawsOf = (serviceTimes: ServiceTimes): number[] => {
    const { backend } = start({ serviceMsMean: 10, serviceTimes })
    const random = seededRandom(5)
    return Array.from({ length: 200_000 }, () => backend.drawJob(random).work)
  }
  const mean = (values: readonly number[]): number => values.reduce((a, b) => a + b, 0) / values.length

  test.each<[string, ServiceTimes]>([
    ['exponential', 'exponential'],
    ['constant', 'constant'],
    ['heavy', { heavyShare: 0.05, heavyRatio: 40 }],
    ['pareto', { paretoShape: 3 }],
    ['staged', { stages: 16 }],
  ])('%s have mean 1', (_, serviceTimes) => {
    expect(Math.abs(mean(drawsOf(serviceTimes)) - 1)).toBeLessThan(0.03)
  })

  test('constant ones are all alike, and a heavy tail is heavier than an exponential one', () => {
    expect(new Set(drawsOf('constant'))).toEqual(new Set([1]))
    const beyond10 = (serviceTimes: ServiceTimes): number => drawsOf(serviceTimes).filter((work) => work > 10).length
    expect(beyond10({ heavyShare: 0.05, heavyRatio: 40 })).toBeGreaterThan(20 * beyond10('exponential') + 100)
    expect(beyond10({ paretoShape: 1.5 })).toBeGreaterThan(20 * beyond10('exponential') + 100)
  })

  test('those of k stages vary by the square root of 1 / k: between exponential and constant', () => {
    const draws = drawsOf({ stages: 16 })
    const deviation = Math.sqrt(mean(draws.map((work) => (work - 1) ** 2)))
    expect(Math.abs(deviation - 0.25)).toBeLessThan(0.005)
  })

  test.each<[unknown, string]>([
    ['normal', "serviceTimes must be 'exponential', 'constant'"],
    [{ paretoShape: 1 }, 'paretoShape must be'],
    [{ heavyShare: 2, heavyRatio: 5 }, 'heavyShare must be'],
    [{ stages: 0 }, 'stages must be'],
  ])('that are none are refused: %j', (serviceTimes, message) => {
    expect(() => uslBackend({ serviceMsMean: 1, serviceTimes: serviceTimes as never })).toThrow(message)
  })
})

test('a request of a heavy class takes its multiple', async () => {
  const workload = mixed([
    { workload: fromCounts([1], { binMs: 1_000 }) },
    { work: 50, holdMsMean: 0, workload: fromCounts([0, 0, 1], { binMs: 1_000 }) },
  ])
  const backend = uslBackend({ serviceMsMean: 10, serviceTimes: 'constant' })
  const { summary } = await simulate({ durationMs: 10_000, workload, backend, pool: fixedPool(2), sloMs: 100 })
  expect(summary).toMatchObject({ offered: 2, completed: 2, withinSlo: 1 })
})

test('connecting costs the backend, if it says so, and takes longer while connects are slow', async () => {
  const connectMs = async (options: Partial<UslBackendOptions>): Promise<number> => {
    const { clock, backend } = start({ serviceMsMean: 10, connectMs: 50, ...options })
    let openedAtMs = 0
    await clock.advance(1)
    void backend.connect(never).then(() => {
      openedAtMs = clock.nowMs() - 1
    })
    await clock.advance(5_000)
    return openedAtMs
  }
  expect(await connectMs({})).toBeCloseTo(50, 9)
  expect(await connectMs({ connectWork: 3 })).toBeCloseTo(80, 9)
  expect(await connectMs({ disturbances: [{ fromMs: 0, toMs: 10, extraConnectMs: 200 }] })).toBeCloseTo(250, 9)
})

test('what a connect needs for itself is done one at a time, and the rest beside the others', async () => {
  const { clock, backend } = start({ serviceMsMean: 10, connectMs: 50, connectSerialMs: 20 })
  const openedAtMs: number[] = []
  for (let i = 0; i < 3; i++) void backend.connect(never).then(() => openedAtMs.push(clock.nowMs()))
  await clock.advance(500)
  expect(openedAtMs).toEqual([50, 70, 90])
})

test('a hang holds up statements and connects alike, and lets them go on afterwards', async () => {
  const disturbances = [{ fromMs: 10, toMs: 1_000, hang: true as const }]
  const { clock, backend } = start({ serviceMsMean: 10, connectMs: 50, disturbances })
  const seen: Record<string, number> = {}
  await clock.advance(5)
  backend.serve(backend.connectAtOnce(), { work: 1, holdMs: 0 }, () => {
    seen.served = clock.nowMs()
  })
  void backend.connect(never).then(() => {
    seen.connected = clock.nowMs()
  })
  await clock.advance(5_000)
  expect(seen.served).toBeCloseTo(1_005, 6)
  expect(seen.connected).toBeCloseTo(1_000, 6)
})

test('killed connections fail what they serve at once, and the next statement of who was idle; nobody is let in', async () => {
  const disturbances = [{ fromMs: 5, toMs: 100, kill: true as const }]
  const { clock, backend } = start({ serviceMsMean: 10, connectMs: 50, connectionsMax: 2, disturbances })
  const [busy, idle] = [backend.connectAtOnce(), backend.connectAtOnce()]
  const codes: unknown[] = []
  backend.serve(busy, { work: 1, holdMs: 0 }, (error) => codes.push((error as { code?: string } | undefined)?.code))
  await clock.advance(6)
  expect(codes).toEqual(['57P01'])
  expect([busy.isAlive, idle.isAlive]).toEqual([false, false])
  backend.serve(idle, { work: 1, holdMs: 0 }, (error) => codes.push((error as { code?: string } | undefined)?.code))
  const refused = expect(backend.connect(never)).rejects.toMatchObject({ code: 'ECONNREFUSED' })
  await clock.advance(10)
  await refused
  expect(codes).toEqual(['57P01', '57P01'])
  backend.disconnect(busy)
  await clock.advance(100)
  const opened = Promise.all([backend.connect(never), backend.connect(never)]) // the dead hold no slots
  await clock.advance(60)
  await expect(opened).resolves.toHaveLength(2)
})

test('others may leave fewer connections for us', async () => {
  const disturbances = [{ fromMs: 0, toMs: 1_000, connectionsMax: 1 }]
  const { clock, backend } = start({ serviceMsMean: 10, connectMs: 50, disturbances })
  await clock.advance(1)
  backend.connectAtOnce()
  const refused = expect(backend.connect(never)).rejects.toMatchObject({ code: '53300' })
  await clock.advance(60)
  await refused
})

test('a pool loses its connections in a fail-over, and serves again after it', async () => {
  const { summary, rows } = await run([{ fromMs: 3_000, toMs: 4_000, kill: true }], { retries: 2 })
  expect(summary.failed + summary.timedOut).toBeGreaterThan(20)
  expect(summary.created).toBeGreaterThan(10) // those of the warm-up, and those that took their place
  expect(rows.at(-1)?.sample.completions).toBeGreaterThan(20)
})

test('leaked leases are never given back: in the end nobody is served', async () => {
  const { summary, rows } = await run([{ fromMs: 1_000, toMs: 9_000, leakEveryMs: 500 }])
  expect(summary.goodput).toBeLessThan(0.75)
  expect(rows.at(-1)?.sample.inUse).toBe(10)
  expect(rows.at(-1)?.sample.completions).toBe(0)
})

describe('a stalled event loop', () => {
  test('makes everybody late who came meanwhile, though the backend is idle', async () => {
    const { summary, rows } = await run([{ fromMs: 3_000, toMs: 4_500, stall: true }])
    expect(summary.withinSlo).toBeLessThan(summary.offered * 0.92)
    expect(summary.withinSlo).toBeGreaterThan(summary.offered * 0.85)
    expect(Math.max(...rows.map(({ sample }) => sample.loopDelayMs))).toBeGreaterThan(1_000)
  })

  test('does not stop the backend: what it has done meanwhile is done when the process comes back', async () => {
    const clock = new VirtualClock()
    const backend = uslBackend({ serviceMsMean: 10, sigma: 1 }).start(clock, seededRandom(1))
    const leftAtMs: number[] = []
    for (let i = 0; i < 4; i++) {
      backend.serve(backend.connectAtOnce(), { work: 1 + i, holdMs: 0 }, () => leftAtMs.push(clock.nowMs()))
    }
    clock.leap(75) // one processor, 100 ms of work: three have left by 90 ms, the second at 70
    await clock.advance(0)
    expect(leftAtMs).toEqual([75, 75])
    backend.serve(backend.connectAtOnce(), { work: 0.1, holdMs: 0 }, () => leftAtMs.push(clock.nowMs()))
    await clock.advance(1_000)
    expect(leftAtMs[2]).toBeCloseTo(78, 6) // beside two others
    expect(leftAtMs.at(-1)).toBeCloseTo(101, 6)
  })
})

test('a clock that leaps makes leases and waits look long, and due what was due within the leap', async () => {
  const { summary, rows } = await run([{ fromMs: 3_000, toMs: 3_001, leapMs: 60_000 }])
  expect(summary.goodput).toBeGreaterThan(0.98)
  expect(Math.max(...rows.map(({ sample }) => sample.windowMs))).toBeGreaterThan(59_000)
  expect(rows.every(({ atMs }) => atMs <= 10_000)).toBe(true)
})

test.each<[unknown, string | RegExp]>([
  [{ fromMs: 1, toMs: 2, noise: 2 }, 'noise must be'],
  [{ fromMs: 1, toMs: 2, neighbours: 0.5 }, 'neighbours must be an integer'],
  [{ fromMs: 1, toMs: 2, kappa: 1, hang: true }, /disturbances\[1\]: must have one of .*leapMs, got kappa and hang$/],
  [{ fromMs: 1, toMs: 2 }, /disturbances\[1\]: must have one of .*leapMs, got none of them$/],
  [{ fromMs: 1, toMs: 2, capacity: 1, sigma: 1 }, 'disturbances[1]: sigma has no meaning without kappa, got 1'],
  [{ fromMs: 2, toMs: 2, hang: true }, 'disturbances[1]: toMs must be > fromMs (2), got 2'],
  [{ fromMs: 1, toMs: 2, extraLeaseMs: 1e99 }, 'extraLeaseMs must be a number of milliseconds from 0 to 1000000000'],
  [5, 'uslBackend: disturbances[1]: expected an object of options, got 5'],
  [{ fromMs: 1, toMs: 2, leakEveryMs: 0 }, 'leakEveryMs must be'],
  [{ fromMs: 1, toMs: 2, stall: false }, 'stall must be true'],
])('a wrong disturbance is refused: %j', (disturbance, message) => {
  const disturbances = [{ fromMs: 1, toMs: 2, hang: true }, disturbance as Disturbance] as const
  expect(() => uslBackend({ serviceMsMean: 10, disturbances })).toThrow(message)
})

// Slipped through: each stall of the tests was over before the next began, and before the run was.
test('of two stalls that overlap the later end counts, and one without an end lasts until that of the run', async () => {
  const both = await run([
    { fromMs: 3_000, toMs: 5_000, stall: true },
    { fromMs: 4_000, toMs: 4_500, stall: true },
  ])
  const one = await run([{ fromMs: 3_000, toMs: 5_000, stall: true }])
  expect(both.summary).toEqual(one.summary)
  const endless = await run([{ fromMs: 3_000, toMs: Number.POSITIVE_INFINITY, stall: true }])
  expect(endless.summary.offered).toBe(one.summary.offered)
  expect(endless.summary.goodput).toBeLessThan(0.35)
})

test.each<[string, Disturbance]>([
  ['stall', { fromMs: 3e9, toMs: 4e9, stall: true }],
  ['leap', { fromMs: 3e9, toMs: 4e9, leapMs: 5 }],
])('a %s that comes after the run changes nothing', async (_, disturbance) => {
  expect((await run([disturbance])).summary).toMatchObject({ offered: (await run([])).summary.offered, failed: 0 })
})

test('a lease may be held for longer than any timer can keep', async () => {
  const { summary } = await run([{ fromMs: 3_000, toMs: 5_000, extraLeaseMs: 1e9 }], { pool: fixedPool(40) })
  expect(summary).toMatchObject({ failed: 0 })
  expect(summary.goodput).toBeLessThan(0.5)
})
