import { expect, test } from 'vitest'
import { fixed } from '../../src/control/fixed.ts'
import { hybrid } from '../../src/control/hybrid.ts'
import { NO_FORECAST, nextForecast } from '../../src/measure/season.ts'
import { uslBackend } from '../../src/sim/backend.ts'
import { type SimulatedPoolOptions, simulate } from '../../src/sim/simulate.ts'
import { poisson } from '../../src/sim/workload.ts'
import { sampleOf } from '../support/sample-of.ts'

const HOUR_MS = 3_600_000
/** Where virtual time begins: a Monday, midnight UTC. */
const START_MS = 1_704_067_200_000

/** Two minutes past each full hour, eight times the traffic for twenty seconds; leases of 100 ms, connects of 300. */
const PEAK_MS = 120_000
const isPeak = (atMs: number): boolean => {
  const inHourMs = ((atMs % HOUR_MS) + HOUR_MS) % HOUR_MS
  return inHourMs >= PEAK_MS && inHourMs < PEAK_MS + 20_000
}
const backend = uslBackend({ serviceMsMean: 100, connectMs: 300 })

/** What a pool has learnt on the day before. */
function learntYesterday() {
  let forecast = NO_FORECAST
  for (let atMs = -24 * HOUR_MS; atMs < 0; atMs += 5_000) {
    const inUseMean = isPeak(atMs) ? 16 : 2
    forecast = nextForecast(forecast, sampleOf({ windowMs: 5_000, epochMs: START_MS + atMs, inUseMean }))
  }
  return { forecast }
}

async function run(pool: SimulatedPoolOptions) {
  const { rows, summary } = await simulate({
    durationMs: PEAK_MS + 30_000,
    workload: poisson((atMs) => (isPeak(atMs) ? 160 : 20)),
    backend,
    sloMs: 400,
    pool: { limitMin: 2, limitMax: 100, acquireTimeoutMs: 1_000, ...pool },
  })
  return { summary, before: rows.findLast(({ atMs }) => atMs < PEAK_MS - 500) }
}

const onTime = ({ summary }: Awaited<ReturnType<typeof run>>): number => summary.offered - summary.withinSlo

test('a step at every full hour is met on the second day before it comes: as if the pool had known', async () => {
  const learnt = await run({ controller: hybrid({ learnt: JSON.parse(JSON.stringify(learntYesterday())) }) })
  const naive = await run({ controller: hybrid({ forecast: false }) })
  const seer = await run({ limitMin: 40, limitMax: 40, warmUp: 40, idleTimeoutMs: 1e9, controller: fixed() })
  expect(learnt.before?.sample.live).toBeGreaterThanOrEqual(14)
  expect(naive.before?.sample.live).toBeLessThan(12)
  expect(learnt.summary.withinSlo / seer.summary.withinSlo).toBeGreaterThan(0.99)
  expect(onTime(learnt) - onTime(seer)).toBeLessThan(0.2 * (onTime(naive) - onTime(seer)))
})

/** What a pool of a fixed size is warned of, leases of so many ms in the mean, requests per second. */
async function warned(
  seed: number,
  limit: number,
  serviceMs: number,
  perSecond: (atMs: number) => number,
  forMs: number,
) {
  const { warnings } = await simulate({
    seed,
    durationMs: forMs,
    workload: poisson(perSecond),
    backend: uslBackend({ serviceMsMean: serviceMs }),
    pool: { limitMin: 1, limitMax: limit, limitInitial: limit, warmUp: limit, controller: fixed() },
  })
  return warnings.map(({ kind, atMs, counts }) => ({ kind, atMs, waiters: counts.waiters }))
}

// Slipped through, since a trace of the bench begins once: of ten processes that began at 60 % load, six foretold it.
test('a pool that has just begun, and is busy, foretells nothing', async () => {
  for (const seed of [1, 2, 3, 4, 5, 6]) expect(await warned(seed, 20, 250, () => 48, 90_000)).toEqual([])
})

// Slipped through, since nobody had run the bench again: nothing was foretold above the level that fills the pool by
// calculation, unless somebody waited.
test('a steep rise is foretold while nobody waits, though by calculation some should', async () => {
  const rising = (atMs: number) => Math.max(24, 24 + (atMs - 100_000) / 250)
  const [first] = await warned(1, 60, 750, rising, 120_000)
  expect(first).toMatchObject({ kind: 'exhaustion-forecast', waiters: 0 })
})
