import { readOptions } from '../base/options.ts'

/** How callers try again whose request ended without a lease, or on a broken connection. */
export interface RetryOptions {
  /** How often, at most. Integer >= 0. */
  readonly count: number
  /** Before the first retry, in ms, > 0. @defaultValue 200 */
  readonly delayMs?: number
  /** Each further delay is so many times the one before: a ratio >= 1; 2 is the usual back-off. @defaultValue 1 */
  readonly factor?: number
  /** No delay is longer than this, in ms, > 0. @defaultValue 10_000 */
  readonly delayMsMax?: number
  /** Each delay is drawn evenly within this share around it: a ratio, 0..1. @defaultValue 0.5 */
  readonly jitter?: number
}

export type ResolvedRetries = Required<RetryOptions>

export const RETRY_DEFAULTS: Omit<ResolvedRetries, 'count'> = {
  delayMs: 200, // with the jitter, 100 to 300 ms: what simple clients do
  factor: 1, // a back-off is what careful clients do
  delayMsMax: 10_000,
  jitter: 0.5,
}

/** Reads the option `retries`: a number, or how they are made. */
export function readRetries(owner: string, given: unknown): ResolvedRetries {
  if (typeof given !== 'object' || given === null) {
    const count = readOptions<{ retries?: unknown }>(owner, { retries: given }, {}, ['retries']).count('retries')
    return { ...RETRY_DEFAULTS, count }
  }
  const read = readOptions<RetryOptions>(`${owner}: retries`, given as RetryOptions, RETRY_DEFAULTS, ['count'])
  return {
    count: read.count('count', { max: 1e6 }),
    delayMs: read.durationMs('delayMs', { min: Number.MIN_VALUE, max: 1e9 }),
    factor: read.ratio('factor', { min: 1, max: 1e3 }),
    delayMsMax: read.durationMs('delayMsMax', { min: Number.MIN_VALUE, max: 1e9 }),
    jitter: read.ratio('jitter', { min: 0, max: 1 }),
  }
}

/**
 * The delay before the next retry, in ms.
 *
 * @param made how many there have been
 * @param draw evenly distributed in 0..1
 */
export function retryDelayMs(
  { delayMs, factor, delayMsMax, jitter }: ResolvedRetries,
  made: number,
  draw: number,
): number {
  let fullMs = delayMs
  for (let i = 0; i < made && fullMs < delayMsMax; i++) fullMs *= factor
  return Math.min(fullMs, delayMsMax) * (1 - jitter + 2 * jitter * draw)
}
