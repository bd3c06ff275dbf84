import type { Sample } from '../measure/sample.ts'

/**
 * Whose turn it is, by the wall clock. Processes that share a backend cannot tell their siblings' loss from their own
 * gain: of four, each that opens half as many more serves a third more, though the backend serves less. So what one
 * tries they all try, at the same time, and each sees what all of them do to the backend.
 *
 * Less has two turns for each of more: what is too much costs everybody, and who has most of it gives most.
 */
export type Turn = 'more' | 'less'

const TURN_MS = 4_000
const TURNS: readonly (Turn | undefined)[] = ['more', 'less', undefined, 'less']
/** Trials of a turn begin in its first half, since they are to end with it, and in steps of so many ms. */
const STEP_MS = 500

/** What may be tried now. */
export function turnAt({ epochMs }: Pick<Sample, 'epochMs'>): Turn | undefined {
  const turn = epochMs / TURN_MS
  return turn % 1 < 0.5 ? TURNS[Math.floor(turn) % TURNS.length] : undefined
}

/** Is this a moment to take one more step? By the process's own clock: tests stop the wall's. */
export function isStep({ atMs, windowMs }: Pick<Sample, 'atMs' | 'windowMs'>): boolean {
  return Math.floor(atMs / STEP_MS) > Math.floor((atMs - windowMs) / STEP_MS)
}

/** When the turn under way ends, as an epoch in ms. */
export function turnEndMs({ epochMs }: Pick<Sample, 'epochMs'>): number {
  return (Math.floor(epochMs / TURN_MS) + 1) * TURN_MS
}
