import { describe, expect, test } from 'vitest'
import { fixed } from '../../src/control/fixed.ts'
import { hybrid } from '../../src/control/hybrid.ts'
import { littlesLaw } from '../../src/control/littles-law.ts'
import { createPool } from '../../src/create-pool.ts'
import { codel } from '../../src/pool/queue-policy.ts'
import { uslBackend } from '../../src/sim/backend.ts'
import type { Disturbance } from '../../src/sim/disturbance.ts'
import { mixed } from '../../src/sim/mixed.ts'
import { scenarios } from '../../src/sim/scenarios.ts'
import { type SimulatedPoolOptions, type SimulateOptions, simulate } from '../../src/sim/simulate.ts'
import type { SimulationRow } from '../../src/sim/summary.ts'
import { VirtualClock } from '../../src/sim/virtual-clock.ts'
import { poisson } from '../../src/sim/workload.ts'
import { sleep } from '../support/sleep.ts'

/** Throughput peaks at 1330 requests per second with 35 inside; with 200 it is 543. */
const PLANT = { serviceMsMean: 10, sigma: 0.02, kappa: 0.0008, connectMs: 50, holdMsMean: 1 }
const KNEE = 35
const QUEUE = codel({ targetMs: 50, intervalMs: 500 })

/** The pool under test: every option that matters is its default. */
const ADAPTIVE: SimulatedPoolOptions = { limitMax: 200, acquireTimeoutMs: 1_000, warmUp: 10, queue: QUEUE }

function fixedAt(n: number): SimulatedPoolOptions {
  return { ...ADAPTIVE, limitMin: n, limitMax: n, warmUp: n, controller: fixed() }
}

function plant(...disturbances: Disturbance[]): SimulateOptions['backend'] {
  return uslBackend({ ...PLANT, disturbances })
}

function msUntil(rows: readonly SimulationRow[], fromMs: number, isSo: (row: SimulationRow) => boolean): number {
  return (rows.find((row) => row.atMs > fromMs && isSo(row))?.atMs ?? Number.POSITIVE_INFINITY) - fromMs
}

describe('four and a half times the traffic within a moment', () => {
  const options = {
    durationMs: 25_000,
    workload: poisson((tMs) => (tMs >= 8_000 && tMs < 18_000 ? 900 : 200)),
    backend: plant(),
    recoverFromMs: 8_000,
  }

  test('is ridden out: hardly a request is late, and the limit follows at once', async () => {
    const { summary } = await simulate({ ...options, pool: ADAPTIVE })
    expect(summary.goodput).toBeGreaterThan(0.995)
    expect(summary.recoveryMs).toBeLessThanOrEqual(1_000)
    expect(summary.liveMax).toBeLessThanOrEqual(2 * KNEE)
  })

  test('is what a pool of ten does not survive', async () => {
    const { summary } = await simulate({ ...options, pool: fixedAt(10) })
    expect(summary.goodput).toBeLessThan(0.95)
    expect(summary.recoveryMs).toBeGreaterThan(9_000)
  })
})

test('three times the traffic where a connect takes longer than a lease: opened for those who will come meanwhile, too', async () => {
  const { summary } = await simulate({
    seed: 2,
    durationMs: 12_000,
    workload: poisson((tMs) => (tMs >= 4_000 && tMs < 9_000 ? 680 : 220)),
    backend: uslBackend({ serviceMsMean: 10, sigma: 0, kappa: 0, connectMs: 400, holdMsMean: 120 }),
    pool: { limitMax: 200, warmUp: 10, acquireTimeoutMs: 1_000 },
  })
  expect(summary.goodput).toBeGreaterThan(0.74) // opened for those who wait only: 0.64
})

test('constant traffic leaves the limit alone: no reversal, and hardly a resource more than is needed', async () => {
  const { summary } = await simulate({ durationMs: 60_000, workload: poisson(300), backend: plant(), pool: ADAPTIVE })
  expect(summary.goodput).toBeGreaterThan(0.999)
  expect(summary.reversals).toBe(0)
  expect(summary.liveMean).toBeLessThan(15)
})

test('a third more than the backend can do: as much is done in time as by a pool sized at the knee by a seer', async () => {
  const options = { durationMs: 20_000, workload: poisson((tMs) => (tMs < 3_000 ? 200 : 1_800)), backend: plant() }
  const adaptive = await simulate({ ...options, pool: ADAPTIVE })
  const seer = await simulate({ ...options, pool: fixedAt(KNEE) })
  expect(adaptive.summary.goodput).toBeGreaterThan(0.92 * seer.summary.goodput)
  expect(adaptive.summary.liveMean).toBeLessThan(1.3 * KNEE)
})

describe('a backend that loses most of its capacity for ten seconds', () => {
  const options = {
    durationMs: 28_000,
    workload: poisson(700),
    backend: plant({ fromMs: 6_000, toMs: 16_000, capacity: 0.4 }),
    recoverFromMs: 16_000,
  }

  test('is not dragged down further, and service is back with it', async () => {
    const adaptive = await simulate({ ...options, pool: ADAPTIVE })
    const seer = await simulate({ ...options, pool: fixedAt(KNEE) })
    expect(adaptive.summary.goodput).toBeGreaterThan(0.95 * seer.summary.goodput)
    expect(adaptive.summary.recoveryMs).toBeLessThanOrEqual(1_000)
  })

  test('stays down behind a pool of two hundred, though all its capacity is back', async () => {
    const { summary } = await simulate({ ...options, pool: fixedAt(200) })
    expect(summary.recoveryMs).toBeUndefined()
  })
})

// Slipped through: in all brown-outs the limit had been reached before it was over, or connects cost the backend nothing.
// Each was served beside more statements than the backend bears, and took seconds; while they last nothing is measured.
test.each([1, 2, 3])(
  'a brown-out of two seconds is over when it ends, though more is wanted than can be opened beside it: seed %i',
  async (seed) => {
    const { summary } = await simulate({
      seed,
      durationMs: 20_000,
      sloMs: 1_000,
      workload: poisson(450),
      // Best with 70 to 90 leases, most of which wait for somebody else; with 130, half of that.
      backend: uslBackend({
        serviceMsMean: 7,
        sigma: 0.02,
        kappa: 0.006,
        holdMsMean: 150,
        connectMs: 50,
        connectWork: 4,
        disturbances: [{ fromMs: 8_000, toMs: 10_000, capacity: 0.09 }],
      }),
      pool: { limitMax: 200, acquireTimeoutMs: 1_000 },
    })
    expect(summary.recoveryMs).toBeLessThan(4_000)
  },
)

// They compute for a second: ten times as long on a machine that is busy.
describe('after minutes of overload, in which trials have failed', { timeout: 30_000 }, () => {
  const afterMs = 120_000

  test.each([0.006, 0.02])('a backend that falls ill (kappa %d) is given less within seconds', async (kappa) => {
    const { rows } = await simulate({
      durationMs: afterMs + 20_000,
      workload: poisson((tMs) => (tMs < afterMs ? 1_700 : 700)),
      // Best with 13 inside, or 7; two thirds of that, or a quarter, with 35.
      backend: plant({ fromMs: afterMs, toMs: afterMs + 20_000, kappa }),
      pool: { ...ADAPTIVE, limitMax: 35 },
    })
    expect(msUntil(rows, afterMs, ({ limit }) => limit <= 16)).toBeLessThan(9_000)
  })

  test.each([0.006, 0.02])(
    'a backend that was ill (kappa %d) and recovers is given more with the next turn of more',
    async (kappa) => {
      const { rows } = await simulate({
        durationMs: afterMs + 20_000,
        workload: poisson(1_500),
        backend: plant({ fromMs: 5_000, toMs: afterMs, kappa }),
        pool: { ...ADAPTIVE, limitMax: 60 },
      })
      // It begins eight seconds later: that this serves more could be the doing of siblings who have tried less.
      const ill = rows.findLast(({ atMs }) => atMs < afterMs)?.limit ?? Number.NaN
      expect(msUntil(rows, afterMs, ({ limit }) => limit >= 2 * ill)).toBeLessThan(9_000)
      expect(msUntil(rows, afterMs, ({ limit }) => limit >= 24)).toBeLessThan(10_000)
    },
  )
})

// The arm of the old limit took in the time in which nobody could be let in, and any trial of more then looked better;
// the next was kept on 36 completions. Twelve seconds too late, in one run of 720: nobody had looked at the seeds.
test('a fail-over to a smaller server: seconds without any resource do not speak for having more of them', async () => {
  const { summary } = await simulate({ ...scenarios['smaller-replica'].options, durationMs: 50_000, seed: 13 })
  expect(summary.recoveryMs).toBeLessThan(4_500)
})

test('leases that last nine times as long on an idle backend: the limit grows, and does not take them for overload', async () => {
  const options = {
    durationMs: 25_000,
    workload: poisson(300),
    backend: plant({ fromMs: 8_000, toMs: 18_000, extraLeaseMs: 89 }),
    recoverFromMs: 8_000,
  }
  const { summary } = await simulate({ ...options, pool: ADAPTIVE })
  expect(summary.recoveryMs).toBeLessThanOrEqual(2_000)
  expect(summary.goodput).toBeGreaterThan(0.97)
})

test('what a surge has opened is closed again when it is over', async () => {
  const workload = poisson((tMs) => (tMs >= 3_000 && tMs < 8_000 ? 1_000 : 100))
  const { rows, summary } = await simulate({ durationMs: 150_000, workload, backend: plant(), pool: ADAPTIVE })
  expect(summary.liveMax).toBeGreaterThan(15)
  expect(rows.at(-1)?.limit).toBeLessThan(12)
  expect(rows.at(-1)?.sample.live).toBeLessThan(12)
})

// The law of once stopped a surge where it stood whenever its connects slowed leases down: 16 reversals a minute, and a
// tenth of a second lost at each.
test('a surge beside processes that burn the CPU is met in one go', async () => {
  const { summary } = await simulate({ ...scenarios['crowded-surge'].options, seed: 2 })
  expect(summary.goodput).toBeGreaterThan(0.98)
  expect(summary.reversals).toBeLessThanOrEqual(4)
})

describe('a cold start at which no lease ends for seconds', () => {
  async function started({ callers = 30, limitInitial = 10, heldMs = 2_000, acquireTimeoutMs = 1_000 }) {
    const clock = new VirtualClock()
    const pool = createPool({
      create: () => ({}),
      destroy: () => {},
      limitInitial,
      limitMax: 100,
      acquireTimeoutMs,
      clock,
    })
    let failed = 0
    const hold = async () => {
      const lease = await pool.acquire()
      if (heldMs < Number.POSITIVE_INFINITY) clock.startTimer(heldMs, () => lease.release())
    }
    for (let i = 0; i < callers; i++) hold().catch(() => (failed += 1))
    return { clock, pool, failed: () => failed }
  }

  test.each([
    { callers: 30, limitInitial: 10, heldMs: 2_000 },
    { callers: 20, limitInitial: 2, heldMs: 900 },
  ])('fails none of $callers callers beside an idle backend, with a limit of $limitInitial', async (cold) => {
    const { clock, failed } = await started(cold)
    await clock.advance(10_000)
    expect(failed()).toBe(0)
  })

  test('does not flood a backend that answers nobody', async () => {
    const { clock, pool } = await started({
      callers: 500,
      heldMs: Number.POSITIVE_INFINITY,
      acquireTimeoutMs: 10_000,
    })
    await clock.advance(900)
    expect(pool.counts().limit).toBe(40)
    await clock.advance(900)
    expect(pool.counts().limit).toBe(80)
  })
})

describe('a quiet service that is asked for something long', () => {
  /** Five short leases a second for half a minute; then they go on. */
  async function quietService() {
    const clock = new VirtualClock()
    const create = () => ({})
    const pool = createPool({ create, destroy: () => {}, limitMax: 50, acquireTimeoutMs: 1_000, clock })
    let failed = 0
    let waitMsMax = 0
    pool.on('acquired', ({ waitMs }) => (waitMsMax = Math.max(waitMsMax, waitMs)))
    const hold = async (ms: number, then?: () => Promise<void>) => {
      const lease = await pool.acquire()
      await sleep(clock, ms)
      await then?.()
      lease.release()
    }
    const ask = (ms: number, then?: () => Promise<void>) => void hold(ms, then).catch(() => (failed += 1))
    const goOn = async (forMs: number) => {
      for (const endsAtMs = clock.nowMs() + forMs; clock.nowMs() < endsAtMs; await clock.advance(200)) ask(2)
    }
    await goOn(30_000)
    expect(pool.counts().limit).toBe(2)
    waitMsMax = 0
    return { ask, hold, goOn, failed: () => failed, waitMsMax: () => waitMsMax }
  }

  test.each([2, 4, 12, 30])('serves it, %i times at once, and all others meanwhile', async (reports) => {
    const { ask, goOn, failed, waitMsMax } = await quietService()
    for (let i = 0; i < reports; i++) ask(3_000)
    await goOn(10_000)
    expect(failed()).toBe(0)
    expect(waitMsMax()).toBeLessThanOrEqual(reports < 10 ? 25 : 1_000) // up to what the pool began with, at once
  })

  test('serves those who take a second lease beside their first', async () => {
    const { ask, hold, goOn, failed } = await quietService()
    for (let i = 0; i < 4; i++) ask(2, () => hold(2))
    await goOn(3_000)
    expect(failed()).toBe(0)
  })
})

// Slipped through: in all other surges those before take as long as those who come. What the last few leases had taken
// in a quiet hour passed for a loaded backend, and demand was held to twice what that hour had completed.
test('a quiet hour of a few reports is followed by a surge of pages: their connections are open in a moment', async () => {
  const { rows } = await simulate({
    durationMs: 27_000,
    workload: mixed([
      { tag: 'page', workload: poisson((tMs) => (tMs < 5_000 ? 100 : tMs < 24_000 ? 0 : 600)) },
      { tag: 'report', holdMsMean: 2_000, workload: poisson(2) },
    ]),
    backend: uslBackend({ serviceMsMean: 10, connectMs: 20, holdMsMean: 100 }),
    pool: { limitMax: 200, acquireTimeoutMs: 5_000 },
  })
  expect(msUntil(rows, 24_000, ({ limit }) => limit >= 66)).toBeLessThan(400) // of those who wait, it took a second
})

// Slipped through: ten that end within three seconds tell little, and the first trial failed in every third run.
test.each([10, 13, 14, 22])(
  'transactions that come to last three seconds, beside an idle backend: seed %i',
  async (seed) => {
    const options = {
      seed,
      durationMs: 120_000,
      sloMs: 20_000,
      workload: poisson((tMs) => (tMs < 30_000 ? 2.5 : 20)),
      backend: uslBackend({
        serviceMsMean: 5,
        holdMsMean: 10,
        disturbances: [{ fromMs: 30_000, toMs: 120_000, extraLeaseMs: 3_000 }],
      }),
      pool: { limitInitial: 5, limitMax: 200, acquireTimeoutMs: 10_000 },
    }
    expect((await simulate(options)).summary.goodput).toBeGreaterThan(0.85) // was 0.17 to 0.78
  },
)

// Slipped through: each burst was given back what it had been found not to bear.
test('what the pool began with is not given back once a trial has shown it to be too much', async () => {
  const { summary } = await simulate({
    durationMs: 60_000,
    workload: poisson((tMs) => (tMs % 12_000 < 3_000 ? 1_500 : 100)),
    backend: plant(),
    pool: { limitMax: 100, limitInitial: 100, acquireTimeoutMs: 1_000 },
  })
  expect(summary.goodput).toBeGreaterThan(0.87)
})

/** A pool at its ceiling; its backend has room for far more. What `fn` is given holds a lease for so long, in ms. */
async function atCeiling(fn: (work: (ms: number) => Promise<void>, clock: VirtualClock) => void, forMs: number) {
  const clock = new VirtualClock()
  const pool = createPool({ create: async () => ({}), destroy: () => {}, limitInitial: 10, limitMax: 10, clock })
  fn(async (ms) => {
    const lease = await pool.acquire()
    await sleep(clock, ms)
    lease.release()
  }, clock)
  await clock.advance(forMs)
  const stats = pool.stats()
  const end = pool.drain({ timeoutMs: 1 })
  await clock.advance(1)
  await end
  return stats
}

describe('callers who wait for a pool that may not grow are hardly held up by trials of less', () => {
  test('jobs that all wait at once, and would end just in time', async () => {
    const all = (work: (ms: number) => Promise<void>) => {
      for (let i = 0; i < 500; i++) work(500).catch(() => {})
    }
    const { released, timedOut } = await atCeiling(all, 27_000) // ten at a time: 25 s
    expect({ released, timedOut }).toEqual({ released: 500, timedOut: 0 })
  })

  test('workers that ask again and again', async () => {
    const workers = (work: (ms: number) => Promise<void>) => {
      const again = (): Promise<void> => work(500).then(again)
      for (let i = 0; i < 40; i++) again().catch(() => {})
    }
    expect((await atCeiling(workers, 60_000)).released).toBeGreaterThan(0.97 * 1_200)
  })

  test('requests whose queries have become slow by themselves', async () => {
    const slow = { fromMs: 20_000, toMs: 50_000, capacity: 1 / 15 }
    const options = {
      durationMs: 60_000,
      workload: poisson((tMs) => (tMs >= slow.fromMs && tMs < slow.toMs ? 40 : 20)),
      backend: uslBackend({ serviceMsMean: 20, serviceTimes: 'constant', disturbances: [slow] }),
    }
    const pool: SimulatedPoolOptions = { limitInitial: 10, limitMax: 10, acquireTimeoutMs: 1_000, warmUp: 10 }
    const servedWith = async (more?: SimulatedPoolOptions) => {
      let served = 0
      for (let seed = 1; seed <= 3; seed++) {
        served += (await simulate({ ...options, seed, sloMs: 1_000, pool: { ...pool, ...more } })).summary.withinSlo
      }
      return served
    }
    expect(await servedWith()).toBeGreaterThan(0.975 * (await servedWith({ controller: fixed() })))
  })

  test('requests near the ceiling, some of whose leases are longer by chance', async () => {
    const servedWith = async (more?: SimulatedPoolOptions) => {
      const backend = uslBackend({ serviceMsMean: 120 })
      const workload = poisson((tMs) => (tMs < 15_000 ? 80 : 238)) // with 250, all thirty would be out all the time
      const pool = { limitInitial: 30, limitMax: 30, acquireTimeoutMs: 1_000, warmUp: 30, ...more }
      return (await simulate({ durationMs: 60_000, sloMs: 1_000, seed: 6, backend, workload, pool })).summary.withinSlo
    }
    expect(await servedWith()).toBeGreaterThan(0.999 * (await servedWith({ controller: fixed() })))
  })

  test('a page that asks for fifty every two seconds', async () => {
    const tookMs: number[] = []
    const page = (work: (ms: number) => Promise<void>, clock: VirtualClock) => {
      const load = async (): Promise<void> => {
        const startedAtMs = clock.nowMs()
        await Promise.all(Array.from({ length: 50 }, () => work(200)))
        tookMs.push(clock.nowMs() - startedAtMs)
        await sleep(clock, 1_000)
        return load()
      }
      load().catch(() => {})
    }
    await atCeiling(page, 60_000)
    // One second, if all ten serve it.
    expect(tookMs.filter((ms) => ms > 1_100).length).toBeLessThan(0.3 * tookMs.length)
  })
})

// Each raise made leases longer, by which more seemed to be wanted: 100 of them, where 18 serve most, and a third served
// in time. Seen in random backends; the bank's scenarios all begin in calm.
test.each([1, 2, 3])(
  'a process that begins under more load than its backend bears asks for no more than calm would: seed %i',
  async (seed) => {
    const { rows, summary } = await simulate({
      seed,
      durationMs: 8_000,
      sloMs: 700,
      workload: poisson(157),
      backend: uslBackend({ serviceMsMean: 66, sigma: 0.02, kappa: 0.003, connectMs: 51, holdMsMean: 2 }),
      pool: { limitMax: 100, acquireTimeoutMs: 1_000 },
    })
    expect(Math.max(...rows.map(({ limit }) => limit))).toBeLessThan(60)
    expect(summary.goodput).toBeGreaterThan(0.5)
  },
)

// A LISTEN, a minute of quiet, and then queries of 50 ms: the minute counted for them, and 200 were opened for ten.
test.each([
  ['hybrid', hybrid, 50],
  ['littlesLaw', littlesLaw, 25],
])('one lease that never ends does not pass for those to come: %s', async (_, controller, limitAtMost) => {
  const clock = new VirtualClock()
  const options = { limitMax: 200, acquireTimeoutMs: 1_000, clock, controller: controller() }
  const pool = createPool({ create: async () => ({}), destroy: async () => {}, ...options })
  let limitHighest = 0
  pool.on('limitChanged', ({ to }) => {
    limitHighest = Math.max(limitHighest, to)
  })
  void pool.acquire()
  await clock.advance(60_000)
  const query = () => pool.use(() => sleep(clock, 50))
  const queries = Array.from({ length: 20 }, query)
  for (let i = 0; i < 400; i++) {
    queries.push(query())
    await clock.advance(5)
  }
  await clock.advance(1_000)
  await Promise.all(queries)
  expect(limitHighest).toBeLessThanOrEqual(limitAtMost)
})
