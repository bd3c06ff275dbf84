/**
 * Whose turn it is, by the wall clock. Processes that share a backend cannot tell their siblings' loss from their own
 * gain: of four, each that opens half as many more serves a third more, though the backend serves less. So what one
 * tries they all try, at the same instants, and each sees what all of them do to the backend.
 *
 * Less has two turns for each of more: what is too much costs everybody, and who has most of it gives most.
 */
export type Turn = 'more' | 'less'

/** How long a trial may last, in ms: clocks are apart by a few of them, and a trial tells in a few hundred. */
const TURN_MS = 4_000
const TURNS: readonly (Turn | undefined)[] = ['more', 'less', undefined, 'less']
/** Steps within a turn, and those of who has not failed yet, begin together too, in ms. */
const STEP_MS = 500

/** A window, by its end and its length, in ms. */
interface Window {
  readonly epochMs: number
  readonly windowMs: number
}

/** What may be tried at the end of this window, if a turn began within it. */
export function turnBegun(window: Window): Turn | undefined {
  return hasPassed(window, TURN_MS) ? TURNS[Math.floor(window.epochMs / TURN_MS) % TURNS.length] : undefined
}

/** Is this a moment to take one more step? */
export function isStep(window: Window): boolean {
  return hasPassed(window, STEP_MS)
}

/** When the turn under way ends, as an epoch in ms. */
export function turnEndMs({ epochMs }: Window): number {
  return (Math.floor(epochMs / TURN_MS) + 1) * TURN_MS
}

function hasPassed({ epochMs, windowMs }: Window, everyMs: number): boolean {
  return Math.floor(epochMs / everyMs) > Math.floor((epochMs - windowMs) / everyMs)
}
