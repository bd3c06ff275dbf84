import { expect, test } from 'vitest'
import { fixed } from '../../src/control/fixed.ts'
import { type AdaptivePool, createPool } from '../../src/create-pool.ts'
import { adaptiveLifo, codel, fifo, type QueuePolicy } from '../../src/pool/queue-policy.ts'
import { scenarios } from '../../src/sim/scenarios.ts'
import { type SimulateOptions, simulate } from '../../src/sim/simulate.ts'
import { VirtualClock } from '../../src/sim/virtual-clock.ts'
import { poisson } from '../../src/sim/workload.ts'

const KNEE = 35

async function underOverload(queue: QueuePolicy) {
  const pool = { limitMin: KNEE, limitMax: KNEE, warmUp: KNEE, acquireTimeoutMs: 1_000, controller: fixed(), queue }
  const { backend } = scenarios.overload.options // throughput peaks at 1330 per second
  const options: SimulateOptions = { durationMs: 10_000, workload: poisson(1_800), backend, pool }
  return (await simulate(options)).summary
}

test('under a third too much traffic, codel keeps served requests in time where fifo serves nearly all too late', async () => {
  const served = await underOverload(codel({ targetMs: 50, intervalMs: 500 }))
  const late = await underOverload(fifo())
  // Both complete what the backend can do, 74 % of what is asked for.
  expect(served.completed / served.offered).toBeGreaterThan(0.7)
  expect(late.completed / late.offered).toBeGreaterThan(0.65)
  expect(served.goodput).toBeGreaterThan(0.65)
  expect(late.goodput).toBeLessThan(0.2)
  expect(served.timedOut).toBe(0)
})

test.each([
  [150, 50, { limitInitial: 5, limitMax: 10 }],
  [40, 200, { limitInitial: 5, limitMax: 10 }],
])(
  'codel sheds nobody of %i at once, %i ms each, whom the pool can serve in time',
  async (callers, leaseMs, limits) => {
    const clock = new VirtualClock()
    const pool = createPool({ create: async () => ({}), destroy: () => {}, acquireTimeoutMs: 1_000, clock, ...limits })
    const served = Promise.allSettled(
      Array.from({ length: callers }, async () => {
        const lease = await pool.acquire()
        clock.startTimer(leaseMs, () => lease.release())
      }),
    )
    await clock.advance(2_000)
    const failed = (await served).filter(({ status }) => status === 'rejected')
    expect(failed).toEqual([])
    await drained(pool, clock)
  },
)

test('of too many at once for codel to serve in time, as many are served as there is time for', async () => {
  const clock = new VirtualClock()
  const pool = createPool({
    create: async () => ({}),
    destroy: () => {},
    acquireTimeoutMs: 1_000,
    limitInitial: 5,
    limitMax: 10,
    clock,
  })
  const served = Promise.allSettled(
    Array.from({ length: 1_000 }, async () => {
      const lease = await pool.acquire()
      clock.startTimer(50, () => lease.release())
    }),
  )
  await clock.advance(2_000)
  const granted = (await served).filter(({ status }) => status === 'fulfilled')
  expect(granted.length).toBeGreaterThanOrEqual(180) // of 200
  await drained(pool, clock)
})

async function drained(pool: AdaptivePool<unknown>, clock: VirtualClock): Promise<void> {
  const end = pool.drain()
  await clock.advance(10_000)
  await end
}

test('adaptive lifo, too, serves in time whom it serves', async () => {
  const summary = await underOverload(adaptiveLifo({ intervalMs: 500 }))
  expect(summary.goodput).toBeGreaterThan(0.65)
})
