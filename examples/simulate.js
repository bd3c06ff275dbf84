// Your service in twenty lines: what would a pool of ten have made of that afternoon, and what the default?
import { fixed, hybrid } from 'adaptive-pool'
import { poisson, simulate, uslBackend } from 'adaptive-pool/sim'

const afternoon = {
  durationMs: 60_000,
  workload: poisson((tMs) => (tMs < 20_000 ? 200 : 900)), // requests per second
  backend: uslBackend({
    serviceMsMean: 10, // a query alone
    sigma: 0.02, // contention and crosstalk: throughput peaks at 1330 per second with 35 inside
    kappa: 0.0008,
    connectMs: 50,
    disturbances: [{ fromMs: 40_000, toMs: 50_000, extraLeaseMs: 40 }],
  }),
  sloMs: 500,
}

const pools = {
  'ten, fixed': { limitMin: 10, limitMax: 10, warmUp: 10, acquireTimeoutMs: 1_000, controller: fixed() },
  'two to 200': { limitMin: 2, limitMax: 200, warmUp: 10, acquireTimeoutMs: 1_000, controller: hybrid() },
}

for (const [name, pool] of Object.entries(pools)) {
  const { summary, warnings } = await simulate({ ...afternoon, pool })
  const { goodput, liveMean, latencyMsP99 } = summary
  const told = warnings.map(({ kind, atMs }) => `${kind} at ${(atMs / 1000).toFixed(1)} s`)
  console.log(
    `${name}: ${(100 * goodput).toFixed(1)} % in time, p99 ${latencyMsP99.toFixed(0)} ms, ` +
      `${liveMean.toFixed(1)} connections; warnings: ${told.slice(0, 3).join(', ') || 'none'}`,
  )
}
