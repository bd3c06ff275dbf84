import type { LiveCounts } from '../../src/pool/contract.ts'

/** Live counts that a test sets, in place of an engine's. */
export type CountsByHand = { -readonly [K in keyof LiveCounts]: LiveCounts[K] }

/** Of a pool at limit 10 with nothing in it. */
export function countsByHand(counts: Partial<LiveCounts> = {}): CountsByHand {
  return {
    limit: 10,
    size: 0,
    live: 0,
    creating: 0,
    idle: 0,
    validating: 0,
    inUse: 0,
    destroying: 0,
    waiters: 0,
    oldestWaitSinceMs: undefined,
    waitingSinceMs: undefined,
    ...counts,
  }
}
