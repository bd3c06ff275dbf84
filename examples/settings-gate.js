// Your pool's settings, judged in your CI: virtual time, so that it takes a second and is the same on every machine.
import { hybrid } from 'adaptive-pool'
import { poisson, simulate, uslBackend } from 'adaptive-pool/sim'

const settings = { limitMin: 2, limitMax: 50, acquireTimeoutMs: 1_000, controller: hybrid() } // as in production

const { summary } = await simulate({
  seed: 1,
  durationMs: 60_000,
  workload: poisson((tMs) => (tMs < 20_000 ? 200 : 900)), // your worst minute, requests per second
  backend: uslBackend({ serviceMsMean: 10, sigma: 0.02, kappa: 0.0008, connectMs: 50 }), // your database
  pool: settings,
  sloMs: 500,
})
console.log(`${(100 * summary.goodput).toFixed(2)} % in time, p99 ${summary.latencyMsP99.toFixed(0)} ms`)
process.exitCode = summary.goodput >= 0.99 ? 0 : 1
