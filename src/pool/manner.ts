import type { LiveCounts } from './contract.ts'
import { PRIORITY_LEVELS } from './waiter-queue.ts'

/** What the engine does in another way where it stands in for somebody else's pool (src/generic-pool). */
export interface Manner {
  /** Which idle resource is lent. */
  readonly lends: 'newest' | 'oldest'
  /** How many creates waiters justify: as many as will still be wanted when they are done, or one each. */
  readonly creates: 'paced' | 'perWaiter'
  /** How many priorities there are. Integer >= 1. */
  readonly levels: number
  /** May one more not even wait? @defaultValue or undefined: waitersMax wait for whom nothing is idle or validating */
  readonly isFull?: (counts: LiveCounts) => boolean | undefined
}

export const OWN_MANNER: Manner = { lends: 'newest', creates: 'paced', levels: PRIORITY_LEVELS }
