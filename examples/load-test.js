// A load test for CI: an open loop, so that an overload cannot hide; the exit code says whether the promise was kept.
import { createPool } from 'adaptive-pool'
import { drive, poisson } from 'adaptive-pool/sim'

const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms))

const pool = createPool({
  create: async () => ({ query: () => sleep(5) }), // your database here
  destroy: () => {},
  limitMax: 50,
  acquireTimeoutMs: 1_000,
})

const { summary, errors } = await drive(pool, {
  workload: poisson((tMs) => (tMs < 1_000 ? 100 : 400)),
  durationMs: 2_000,
  sloMs: 500,
  work: (connection) => connection.query(),
})
console.log(`${summary.offered} requests, ${(100 * summary.goodput).toFixed(1)} % within 500 ms`, errors)
await pool.drain()
process.exitCode = summary.goodput > 0.9 ? 0 : 1
