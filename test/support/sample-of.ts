import { NO_SAMPLE } from '../../src/measure/no-sample.ts'
import type { Sample } from '../../src/measure/sample.ts'

/** A quiet window of a quarter second: limit 10 of 2..100, ten resources idle, nothing asked for. */
export const QUIET: Sample = {
  ...NO_SAMPLE,
  atMs: 0,
  windowMs: 250,
  limit: 10,
  limitMin: 2,
  limitMax: 100,
  live: 10,
  idle: 10,
  liveMean: 10,
}

/** A window that differs from {@link QUIET} in what matters to the test. */
export function sampleOf(seen: Partial<Sample>): Sample {
  return { ...QUIET, ...seen }
}
