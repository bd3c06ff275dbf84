import type { Lease } from '../pool/contract.ts'

/**
 * One resource of the factory's, as the engine has it. It outlives its leases, so that an acquire and a release need
 * one look-up between them: from the resource, which is all that generic-pool's callers have in their hands.
 */
export class Slot<T> {
  readonly resource: T
  /** When it was created, in ms since 1970. */
  readonly createdAtMs: number
  /** While somebody has it. */
  lease: Lease<Slot<T>> | undefined
  /** When it was last lent, on the pool's clock; NaN: never yet. */
  lentAtMs: number = Number.NaN
  /** Of a factory that makes the same thing twice: the one before. */
  twin: Slot<T> | undefined
  /** The evictor's round in which it was last looked at. */
  testedIn = 0

  constructor(resource: T, createdAtMs: number) {
    this.resource = resource
    this.createdAtMs = createdAtMs
  }
}

/** The slots of a pool, by their resources. */
export class Slots<T> {
  readonly #byResource = new Map<T, Slot<T>>()

  add(slot: Slot<T>): void {
    slot.twin = this.#byResource.get(slot.resource)
    this.#byResource.set(slot.resource, slot)
  }

  /** The slot in which somebody holds the resource. */
  held(resource: T): Slot<T> | undefined {
    let slot = this.#byResource.get(resource)
    while (slot !== undefined && slot.lease === undefined) slot = slot.twin
    return slot
  }

  delete(slot: Slot<T>): void {
    const newest = this.#byResource.get(slot.resource)
    if (newest !== slot) {
      for (let s = newest; s !== undefined; s = s.twin) if (s.twin === slot) s.twin = slot.twin
    } else if (slot.twin === undefined) this.#byResource.delete(slot.resource)
    else this.#byResource.set(slot.resource, slot.twin)
  }
}
