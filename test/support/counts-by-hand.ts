import { NO_COUNTS } from '../../src/adopted-group.ts'
import type { LiveCounts } from '../../src/pool/contract.ts'

/** Live counts that a test sets, in place of an engine's. */
export type CountsByHand = { -readonly [K in keyof LiveCounts]: LiveCounts[K] }

/** Of a pool at limit 10 with nothing in it. */
export function countsByHand(counts: Partial<LiveCounts> = {}): CountsByHand {
  return {
    ...NO_COUNTS,
    limit: 10,
    oldestWaitSinceMs: undefined,
    waitingSinceMs: undefined,
    ...counts,
  }
}
