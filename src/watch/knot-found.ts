/** Who holds leases and waits for more: a knot, if it is nearly all of them. */
export interface Knot {
  /** Leases out of which it is known in whose async context, or from which code, they were asked for. */
  readonly known: number
  /** Of these, held by somebody who waits for another. */
  readonly blocked: number
  /** Held by somebody who waits himself, and not for what he has called: of these, or of all that they stand for. */
  readonly directlyBlocked: number
  /** Where the oldest of them was asked for, and where its holder asks now. */
  readonly heldAt: string | undefined
  readonly askedAt: string | undefined
  /** What its holder asked last, with its values: many an ORM hides who called it. */
  readonly heldText: string | undefined
}

export const NO_KNOT: Knot = {
  known: 0,
  blocked: 0,
  directlyBlocked: 0,
  heldAt: undefined,
  askedAt: undefined,
  heldText: undefined,
}
