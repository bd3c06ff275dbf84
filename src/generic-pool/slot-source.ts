import { isThenable } from '../base/at-once.ts'
import { type Clock, wallClockMs } from '../base/clock.ts'
import { settleWithin } from '../base/deadline.ts'
import { ignore } from '../base/ignore.ts'
import type { Source } from '../pool/contract.ts'
import type { Factory } from './pool-options.ts'
import { Slot, type Slots } from './slot.ts'

/** What a source of slots works with. */
export interface SlotSourceParts<T> {
  /** Its functions are looked up at each call, as generic-pool does: people replace them. */
  readonly factory: Factory<T>
  readonly slots: Slots<T>
  readonly clock: Clock
  readonly testOnBorrow: boolean
  /** In ms; Infinity: none. */
  readonly destroyTimeoutMs: number
  /** Is somebody waiting for what is being created? */
  readonly isAwaited: () => boolean
  readonly onDestroyError: (error: unknown) => void
}

/** generic-pool's factory as a source of the engine's. */
export class SlotSource<T> implements Source<Slot<T>> {
  readonly #parts: SlotSourceParts<T>
  readonly #creating = new Set<Promise<unknown>>()
  readonly #destroying = new Set<Promise<unknown>>()

  constructor(parts: SlotSourceParts<T>) {
    this.#parts = parts
  }

  create(): Promise<Slot<T>> {
    return tracked(this.#creating, this.#open())
  }

  isReady(): boolean {
    return !this.#parts.testOnBorrow
  }

  prepare(slot: Slot<T> | undefined): Promise<Slot<T>> | undefined {
    return this.#parts.testOnBorrow ? this.#validated(slot as Slot<T>) : undefined
  }

  giveBack(): boolean {
    return true
  }

  destroy(slot: Slot<T> | undefined): Promise<void> | undefined {
    const { slots, clock, destroyTimeoutMs, onDestroyError } = this.#parts
    if (slot === undefined) return undefined
    slots.delete(slot)
    const work = this.#close(slot.resource)
    if (work === undefined) return undefined // by the time somebody looks, it is gone, as with generic-pool
    const late = () => new Error('destroy timed out')
    const closed = settleWithin(clock, destroyTimeoutMs, work, late).catch((error: unknown) => {
      onDestroyError(error)
      throw error
    })
    return tracked(this.#destroying, closed)
  }

  /** Resolves when every create that is under way now has ended, whichever way. */
  created(): Promise<unknown> {
    return Promise.allSettled(this.#creating)
  }

  /** Resolves when every destroy that is under way now has ended, whichever way, or has timed out. */
  destroyed(): Promise<unknown> {
    return Promise.allSettled(this.#destroying)
  }

  async #open(): Promise<Slot<T>> {
    const { factory, slots, testOnBorrow, isAwaited } = this.#parts
    const slot = new Slot(await factory.create(), wallClockMs())
    slots.add(slot)
    // It goes to its first holder unprepared. One that is unfit is a create that failed: the next has to wait a while.
    if (testOnBorrow && isAwaited()) await this.#validated(slot).catch((error: unknown) => this.#reject(slot, error))
    return slot
  }

  async #reject(slot: Slot<T>, error: unknown): Promise<never> {
    await this.destroy(slot)?.catch(ignore)
    throw error
  }

  async #validated(slot: Slot<T>): Promise<Slot<T>> {
    if ((await this.#parts.factory.validate?.(slot.resource)) === false) throw new Error('validate answered false')
    return slot
  }

  #close(resource: T): Promise<void> | undefined {
    try {
      const answer: unknown = this.#parts.factory.destroy(resource)
      return isThenable(answer) ? Promise.resolve(answer).then(ignore) : undefined
    } catch (error) {
      return Promise.reject(error)
    }
  }
}

function tracked<R>(underWay: Set<Promise<unknown>>, work: Promise<R>): Promise<R> {
  underWay.add(work)
  const done = () => underWay.delete(work)
  work.then(done, done)
  return work
}
