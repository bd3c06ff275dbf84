import { expect } from 'vitest'
import type { PoolCounts } from '../../src/pool/contract.ts'
import type { FakeFactory } from './fake-factory.ts'

/** What the invariants need to know beyond the counts. */
export interface Known {
  /** pause() was called, and resume() was not. @defaultValue false */
  readonly isPaused?: boolean
  /** Creation has failed and waits for its time. @defaultValue false */
  readonly isBackingOff?: boolean
  /** @defaultValue Infinity */
  readonly waitersMax?: number
}

/**
 * Checks what must hold whenever nothing can happen without time passing: I2, I3, I4, I7, and that the pool and the
 * backend agree on what is open. I1 and I5 belong to single moments: see FakeFactory.onCreate, and any lease's end.
 *
 * @throws AssertionError naming the invariant
 */
export function checkInvariants(
  pool: { counts(): PoolCounts },
  factory?: Pick<FakeFactory, 'count' | 'creating' | 'faults'>,
  known: Known = {},
): void {
  const counts = pool.counts()
  const broken = brokenInvariant(counts, known) ?? (factory === undefined ? undefined : disagreement(counts, factory))
  if (broken !== undefined) expect.fail(`${broken}: ${JSON.stringify(counts)}`)
}

function brokenInvariant(p: PoolCounts, known: Known): string | undefined {
  const { isPaused = false, isBackingOff = false, waitersMax = Number.POSITIVE_INFINITY } = known
  for (const count of [p.creating, p.idle, p.validating, p.inUse, p.destroying, p.waiters, p.limit]) {
    if (!Number.isInteger(count) || count < 0) return `I4: ${count} is no count`
  }
  if (p.live !== p.creating + p.idle + p.validating + p.inUse) return 'I4: live is the sum of its states'
  if (p.size !== p.live + p.destroying) return 'I4: size is live and destroying'
  if (p.waiters > waitersMax) return `I7: waiters <= waitersMax (${waitersMax})`
  if (p.idle > 0 && p.live > p.limit) return 'nothing is idle beyond the limit'
  const isUnanswered = p.waiters > p.validating && !isPaused
  if (!isUnanswered) return undefined
  if (p.idle > 0 && p.inUse + p.validating < p.limit) return 'I2: nobody waits beside an idle entry with headroom'
  const isRoom = p.size < p.limit
  if (isRoom && p.creating === 0 && !isBackingOff) return 'I3: with waiters and room, a create is under way or due'
  return undefined
}

function disagreement(p: PoolCounts, factory: Pick<FakeFactory, 'count' | 'creating' | 'faults'>): string | undefined {
  const [fault] = factory.faults
  if (fault !== undefined) return fault
  const open = factory.count('open')
  if (open !== p.idle + p.validating + p.inUse) return `${open} resources are open at the backend`
  // The pool may have given up what the backend is still at: a timeout frees the slot.
  if (p.creating > factory.creating) return `${factory.creating} creates are under way at the backend`
  const closing = factory.count('closing')
  if (p.destroying > closing) return `${closing} destroys are under way at the backend`
  return undefined
}
