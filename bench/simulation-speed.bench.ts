/**
 * The question: how fast is the simulator, and does its memory depend on the length of a run?
 *
 *     npm run bench:simulation-speed
 *
 * Times are of the wall clock and of the processor: on a machine that others use as well, the latter tells.
 */
import { hybrid } from '../src/index.ts'
import { poisson, type SimulateOptions, simulate, uslBackend } from '../src/sim/index.ts'

const HOUR_MS = 3_600_000

function options(ratePerSecond: number, durationMs: number): SimulateOptions {
  return {
    durationMs,
    workload: poisson((tMs) => ratePerSecond * (tMs % 60_000 < 30_000 ? 0.5 : 1.5)), // so that hybrid has work to do
    backend: uslBackend({ serviceMsMean: 10, sigma: 0.02, kappa: 0.0008, holdMsMean: 1 }),
    pool: { limitMax: 200, acquireTimeoutMs: 1_000, controller: hybrid() },
  }
}

async function timed(title: string, given: SimulateOptions): Promise<void> {
  const startedAtMs = performance.now()
  const cpuBefore = process.cpuUsage()
  const result = await simulate(given)
  const cpu = process.cpuUsage(cpuBefore)
  const wallS = (performance.now() - startedAtMs) / 1000
  const cpuS = (cpu.user + cpu.system) / 1e6
  globalThis.gc?.()
  const heapMb = process.memoryUsage().heapUsed / 1e6
  const { acquires, goodput, windows } = result.summary
  const rates = `${Math.round(acquires / wallS / 1000)} k/s of wall time, ${Math.round(acquires / cpuS / 1000)} k/s of CPU time`
  const memory = `heap ${heapMb.toFixed(0)} MB with the result`
  const told = `goodput ${(100 * goodput).toFixed(2)} %, ${windows} windows, ${result.rows.length} rows`
  console.log(
    `${title}: ${acquires} requests in ${wallS.toFixed(1)} s (CPU ${cpuS.toFixed(1)} s): ${rates}; ${memory}; ${told}`,
  )
}

console.log(`Node ${process.versions.node}`)
await timed('warm-up', options(500, 60_000))
await timed('700 requests/s for half an hour', options(700, HOUR_MS / 2))
await timed('100 requests/s for an hour', options(100, HOUR_MS))
await timed('100 requests/s for a day', options(100, 24 * HOUR_MS))
