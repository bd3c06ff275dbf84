import { expect, test } from 'vitest'
import { fixed } from '../../src/control/fixed.ts'
import { adaptiveLifo, codel, fifo, type QueuePolicy } from '../../src/pool/queue-policy.ts'
import { scenarios } from '../../src/sim/scenarios.ts'
import { type SimulateOptions, simulate } from '../../src/sim/simulate.ts'
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

test('adaptive lifo, too, serves in time whom it serves', async () => {
  const summary = await underOverload(adaptiveLifo({ intervalMs: 500 }))
  expect(summary.goodput).toBeGreaterThan(0.65)
})
