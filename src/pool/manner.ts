import type { LiveCounts } from './contract.ts'

/** What the engine does in another way where it stands in for somebody else's pool (src/generic-pool). */
export interface Manner {
  /** Which idle resource is lent. */
  readonly lends: 'newest' | 'oldest'
  /** How many creates waiters justify: as many as will still be wanted when they are done, or one each. */
  readonly creates: 'paced' | 'perWaiter'
  /** May one more not even wait? @defaultValue or undefined: waitersMax wait for whom nothing is idle or validating */
  readonly isFull?: (counts: LiveCounts) => boolean | undefined
}

export const OWN_MANNER: Manner = { lends: 'newest', creates: 'paced' }
