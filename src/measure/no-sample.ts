import type { Sample } from './sample.ts'

/** Stands in for the last window until there is one. */
export const NO_SAMPLE: Sample = {
  atMs: Number.MIN_SAFE_INTEGER,
  epochMs: 0,
  windowMs: 1,
  limit: 1,
  limitMin: 1,
  limitMax: Number.MAX_SAFE_INTEGER, // Infinity is none in JSON, by which states go
  arrivals: 0,
  grants: 0,
  completions: 0,
  timedOut: 0,
  shed: 0,
  aborted: 0,
  queueFull: 0,
  createRefused: 0,
  waiters: 0,
  oldestWaitMs: 0,
  waitingMs: 0,
  waitMsMean: 0,
  waitMsP50: 0,
  waitMsP95: 0,
  waitMsMax: 0,
  slowGrants: 0,
  leaseMsMean: 0,
  leaseMsVariation: 0,
  leaseMsP50: 0,
  leaseMsP95: 0,
  inUseMean: 0,
  inUseMax: 0,
  inUse: 0,
  offeredMean: 0,
  offeredVariance: 0,
  utilization: 0,
  live: 0,
  idle: 0,
  creating: 0,
  liveMean: 0,
  created: 0,
  createMsMean: 0,
  createFailed: 0,
  createFailedRefusing: 0,
  loopDelayMs: 0,
  cpuMs: undefined,
}

/**
 * A sample made by hand, to try a controller on, may have only what its maker thought of. What is left out is what it
 * would be in a pool of `limit` resources that completes what arrives; by Little's law so many wait. All else is
 * nothing.
 */
export function wholeSample(given: Partial<Sample>): Sample {
  const { limit = 1, windowMs = 1, arrivals = 0, waitMsP95 = 0, utilization = 0 } = given
  const inUse = utilization * limit
  const waiters = Math.ceil((arrivals * waitMsP95) / windowMs)
  const likely = { completions: arrivals, inUseMean: inUse, inUseMax: inUse, inUse, live: limit, waiters }
  return { ...NO_SAMPLE, ...likely, ...given }
}
