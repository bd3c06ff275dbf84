import { expect, test } from 'vitest'
import { seededRandom } from '../../../src/base/random.ts'
import { curveBackend, type RunningBackend, type UslBackendOptions, uslBackend } from '../../../src/sim/backend.ts'
import { VirtualClock } from '../../../src/sim/virtual-clock.ts'

/** The plant of CONTROL.md, without the application's hold. */
const PLANT: UslBackendOptions = { serviceMsMean: 10, sigma: 0.02, kappa: 0.0008 }

function startBackend(options: UslBackendOptions) {
  const clock = new VirtualClock()
  return { clock, backend: uslBackend(options).start(clock, seededRandom(1)) }
}

/** Keeps n statements inside, one entering whenever one leaves; counts those that have left. */
function keepInside(backend: RunningBackend, n: number, seed = 1): { left: number } {
  const random = seededRandom(seed)
  const connection = backend.connectAtOnce()
  const seen = { left: 0 }
  const enter = (): void =>
    backend.serve(connection, backend.drawJob(random), () => {
      seen.left += 1
      enter()
    })
  for (let i = 0; i < n; i++) enter()
  return seen
}

const never = new AbortController().signal

test.each([
  [1, 100],
  [5, 456],
  [10, 799],
  [20, 1188],
  [35, 1330],
  [75, 1084],
  [200, 543],
])('throughput follows the curve: %i inside, %i leave a second', async (n, perSecond) => {
  const { clock, backend } = startBackend(PLANT)
  const seen = keepInside(backend, n)
  await clock.advance(20_000)
  expect(Math.abs(seen.left / 20 / perSecond - 1)).toBeLessThan(n === 1 ? 0.06 : 0.03)
})

test('two statements share: the one that entered alone is slowed from then on, and both leave at their time', async () => {
  const { clock, backend } = startBackend({ serviceMsMean: 10, sigma: 1 }) // a single processor
  const leftAtMs: Record<string, number> = {}
  const enter = (name: string, work: number): void =>
    backend.serve(backend.connectAtOnce(), { work, holdMs: 0 }, () => {
      leftAtMs[name] = clock.nowMs()
    })
  enter('a', 1) // alone until 4 ms, 6 ms of its 10 left
  await clock.advance(4)
  enter('b', 0.3)
  await clock.advance(100)
  // Half speed from 4 ms on: b's 3 ms take 6, until 10 ms, when a has 3 ms left and the processor for itself.
  expect(leftAtMs.b).toBeCloseTo(10, 9)
  expect(leftAtMs.a).toBeCloseTo(13, 9)
})

test('a loss of capacity slows those inside at once, and to a stop at 0', async () => {
  const disturbances = [
    { fromMs: 5, toMs: 105, capacity: 0 },
    { fromMs: 105, toMs: 109, capacity: 0.5 },
  ]
  const { clock, backend } = startBackend({ serviceMsMean: 10, disturbances })
  let leftAtMs = 0
  backend.serve(backend.connectAtOnce(), { work: 1, holdMs: 0 }, () => {
    leftAtMs = clock.nowMs()
  })
  await clock.advance(1_000)
  expect(leftAtMs).toBeCloseTo(112, 9) // 5 ms before, nothing until 105, 2 ms until 109, 3 ms after
})

test('a lease goes on after its statement for the hold, and loads nothing meanwhile', async () => {
  const { clock, backend } = startBackend({ serviceMsMean: 10, sigma: 1 })
  const leftAtMs: number[] = []
  backend.serve(backend.connectAtOnce(), { work: 1, holdMs: 100 }, () => leftAtMs.push(clock.nowMs()))
  await clock.advance(10)
  backend.serve(backend.connectAtOnce(), { work: 1, holdMs: 0 }, () => leftAtMs.push(clock.nowMs()))
  await clock.advance(1_000)
  expect(leftAtMs[0]).toBeCloseTo(20, 9)
  expect(leftAtMs[1]).toBeCloseTo(110, 9)
})

test('extraLeaseMs adds to the mean hold of those that arrive meanwhile', async () => {
  const disturbances = [{ fromMs: 100, toMs: 200, extraLeaseMs: 89 }]
  const { clock, backend } = startBackend({ serviceMsMean: 10, holdMsMean: 1, disturbances })
  const meanHoldMs = (): number => {
    const random = seededRandom(1)
    return Array.from({ length: 20_000 }, () => backend.drawJob(random).holdMs).reduce((a, b) => a + b) / 20_000
  }
  expect(meanHoldMs()).toBeCloseTo(1, 1)
  await clock.advance(100)
  expect(Math.abs(meanHoldMs() - 90)).toBeLessThan(2)
  await clock.advance(100)
  expect(meanHoldMs()).toBeCloseTo(1, 1)
})

test('a connect takes longer the more statements are inside', async () => {
  const { clock, backend } = startBackend({ ...PLANT, connectMs: 50 })
  keepInside(backend, 100)
  let openedAtMs = 0
  void backend.connect(never).then(() => {
    openedAtMs = clock.nowMs()
  })
  await clock.advance(99)
  expect(openedAtMs).toBe(0)
  await clock.advance(1)
  expect(openedAtMs).toBe(100)
})

test('connections beyond connectionsMax are refused as PostgreSQL refuses them, until one closes', async () => {
  const { clock, backend } = startBackend({ serviceMsMean: 10, connectMs: 50, connectionsMax: 2 })
  const first = backend.connectAtOnce()
  const second = backend.connect(never)
  const third = backend.connect(never)
  const refused = expect(third).rejects.toMatchObject({ code: '53300' })
  await clock.advance(50)
  await second
  await refused
  backend.disconnect(first)
  const fourth = backend.connect(never)
  await clock.advance(50)
  await expect(fourth).resolves.toMatchObject({ isAlive: true })
})

test.each<[unknown, string | RegExp]>([
  [[5], 'throughput must be an array of points [inside, perSecond], inside rising from 1, perSecond > 0, got 5 at 0'],
  [[[1, 100], null], /got null at 1$/],
  [[['1', 100]], /got \['1', 100\] at 0$/],
  [
    [
      [1, 100],
      ['2', 150],
    ],
    /got \['2', 150\] at 1$/,
  ],
  [[[1]], /got \[1, undefined\] at 0$/],
  [[], /got an array of 0$/],
])('a measured curve that is none is refused: %j', (throughput, message) => {
  expect(() => curveBackend({ throughput: throughput as never })).toThrow(message)
})

test('new connections are refused while a disturbance says so', async () => {
  const disturbances = [{ fromMs: 100, toMs: 200, refuse: true as const }]
  const { clock, backend } = startBackend({ serviceMsMean: 10, connectMs: 50, disturbances })
  await clock.advance(120)
  const refused = expect(backend.connect(never)).rejects.toMatchObject({ code: '53300' })
  await clock.advance(100)
  await refused
  const opened = backend.connect(never)
  await clock.advance(50)
  await expect(opened).resolves.toMatchObject({ isAlive: true })
})

test('a connect given up leaves neither a connection nor a timer', async () => {
  const { clock, backend } = startBackend({ serviceMsMean: 10, connectionsMax: 1 })
  const abort = new AbortController()
  const given = backend.connect(abort.signal)
  abort.abort(new Error('enough'))
  await expect(given).rejects.toThrow('enough')
  expect(clock.timerCount).toBe(0)
  const next = backend.connect(never)
  await clock.advance(50)
  await expect(next).resolves.toMatchObject({ isAlive: true })
})

test.each<[unknown, string]>([
  [{}, 'serviceMsMean must be a number of milliseconds'],
  [{ serviceMsMean: 0 }, 'serviceMsMean'],
  [{ serviceMsMean: 10, sigma: 1.5 }, 'sigma must be a number from 0 to 1, got 1.5'],
  [{ serviceMsMean: 10, kapa: 1 }, 'unknown option kapa'],
  [{ serviceMsMean: 10, disturbances: { fromMs: 1 } }, 'disturbances must be an array'],
  [{ serviceMsMean: 10, disturbances: [{ fromMs: 2, toMs: 1, capacity: 1 }] }, 'toMs must be > fromMs (2), got 1'],
  [{ serviceMsMean: 10, disturbances: [{ fromMs: 1, toMs: 2 }] }, 'capacity'],
  [{ serviceMsMean: 10, disturbances: [{ fromMs: 1, toMs: 2, capacity: 1, refuse: true }] }, 'refuse'],
  [{ serviceMsMean: 10, disturbances: [{ fromMs: 1, toMs: 2, refuse: false }] }, 'refuse must be true'],
])('wrong options are refused: %j', (options, message) => {
  expect(() => uslBackend(options as UslBackendOptions)).toThrow(message)
})
