import type { Sample } from '../../src/measure/sample.ts'

/** A quiet window of a quarter second: limit 10 of 2..100, ten resources idle, nothing asked for. */
export const QUIET: Sample = {
  atMs: 0,
  epochMs: 0,
  windowMs: 250,
  limit: 10,
  limitMin: 2,
  limitMax: 100,
  arrivals: 0,
  waitingMs: 0,
  grants: 0,
  completions: 0,
  timedOut: 0,
  shed: 0,
  aborted: 0,
  queueFull: 0,
  createRefused: 0,
  waiters: 0,
  oldestWaitMs: 0,
  waitMsMean: 0,
  waitMsP50: 0,
  waitMsP95: 0,
  waitMsMax: 0,
  slowGrants: 0,
  leaseMsMean: 0,
  leaseMsP50: 0,
  leaseMsP95: 0,
  inUseMean: 0,
  inUseMax: 0,
  inUse: 0,
  offeredMean: 0,
  offeredVariance: 0,
  utilization: 0,
  live: 10,
  idle: 10,
  creating: 0,
  liveMean: 10,
  created: 0,
  createMsMean: 0,
  createFailed: 0,
  createFailedRefusing: 0,
  loopDelayMs: 0,
}

/** A window that differs from {@link QUIET} in what matters to the test. */
export function sampleOf(seen: Partial<Sample>): Sample {
  return { ...QUIET, ...seen }
}
