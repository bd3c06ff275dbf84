import type { PoolCounts } from './contract.ts'

/** What the engine can do next, one step at a time. */
export type Move = 'lend' | 'evict' | 'create' | 'rest'

/** All that the next move depends on. */
export interface Situation extends PoolCounts {
  /** Granting is suspended by hand. */
  readonly isPaused: boolean
  /** Live resources asked for ahead of any waiter (warm-up). */
  readonly liveWanted: number
  /** Creates that may be under way at once now; 0 while backing off after a failure. */
  readonly creatingMax: number
  /** Do the waiters justify one more create now? (creation-pace.ts.) Read only when one may be started. */
  readonly isCreateDue: boolean
}

/**
 * The pool's next move. The engine performs it and asks again until there is nothing to do, after every event, so
 * that no event has to know what it makes possible.
 *
 * - *lend*: who waits beside an idle entry with headroom is served (I2); one entry readied for each waiter is enough.
 * - *evict*: live, not size: what is leaving needs no second push.
 * - *create*: size, not live: what is leaving still holds its slot at the backend (I1). A waiter is not bound to a
 *   create of its own: it is served by whatever comes first.
 */
export function nextMove(p: Situation): Move {
  const isWanted = p.waiters > p.validating && !p.isPaused
  if (isWanted && p.idle > 0 && p.inUse + p.validating < p.limit) return 'lend'
  if (p.idle > 0 && p.live > p.limit) return 'evict'
  if (p.size < p.limit && p.creating < p.creatingMax) {
    if (p.live < p.liveWanted) return 'create'
    if (isWanted && p.waiters > p.validating + p.creating && p.isCreateDue) return 'create'
  }
  return 'rest'
}
