import { isThenable } from '../base/at-once.ts'
import { show } from '../base/options.ts'
import type { Caller, GateLease, LeaseInfo, LeaseWork, WorkObserver } from './contract.ts'
import type { Entry } from './ledger.ts'

/** What a lease needs of the pool that granted it. */
export interface Lender<T> {
  /** Is told of measured work; undefined: nobody wants to know. */
  readonly work?: WorkObserver | undefined
  endLease(entry: Entry<T>, lease: LeaseInfo, end: 'release' | 'destroy', reason: unknown): void
  /** The error for a lease that is ended twice. */
  leaseEndedError(): Error
}

/** The holder's handle. It knows its entry until it ends; without one, it has ended (I5). */
export class PoolLease<T> implements GateLease<T> {
  readonly sinceMs: number
  readonly tag: string | undefined
  readonly caller: Caller | undefined
  work: LeaseWork | undefined = undefined
  reclaimError: Error | undefined = undefined
  #resource: T
  readonly #lender: Lender<T>
  #entry: Entry<T> | undefined

  constructor(lender: Lender<T>, entry: Entry<T>, sinceMs: number, tag: string | undefined, caller?: Caller) {
    this.#lender = lender
    this.#entry = entry
    this.#resource = entry.resource as T
    this.sinceMs = sinceMs
    this.tag = tag
    this.caller = caller
    if (caller !== undefined) caller.lease = this
  }

  get resource(): T {
    if (this.reclaimError !== undefined) throw this.reclaimError
    return this.#resource
  }

  /** What was leased before anybody knew which it would be: see Gate.setAside. */
  deliver(resource: T): void {
    this.#resource = resource
    if (this.#entry !== undefined) this.#entry.resource = resource
  }

  get hasEnded(): boolean {
    return this.#entry === undefined || this.#entry.lease !== this
  }

  release(): void {
    this.#end('release', undefined)
  }

  destroy(reason?: unknown): void {
    this.#end('destroy', reason)
  }

  [Symbol.dispose](): void {
    if (this.#entry !== undefined) this.#end('release', undefined)
  }

  /** For logs: nothing of the resource, which may hold a password, nor of who asked, who leads back to here. */
  toJSON(): object {
    return { tag: this.tag, hasEnded: this.hasEnded }
  }

  measure<R>(text: string, fn: () => R): R {
    if (typeof text !== 'string') throw new TypeError(`measure: text must be a string, got ${show(text)}`)
    if (typeof fn !== 'function') throw new TypeError(`measure: fn must be a function, got ${show(fn)}`)
    const { work } = this.#lender
    if (work === undefined || this.hasEnded) return fn()
    const ended = work.measureBegan(this, text)
    let result: R
    try {
      result = fn()
    } catch (error) {
      ended()
      throw error
    }
    if (!isThenable(result)) {
      ended()
      return result
    }
    // The caller gets a promise of its own, and with it the rejection to handle.
    return result.then(
      (value) => {
        ended()
        return value
      },
      (error: unknown) => {
        ended()
        throw error
      },
    ) as R
  }

  #end(end: 'release' | 'destroy', reason: unknown): void {
    const entry = this.#entry
    if (entry === undefined) throw this.#lender.leaseEndedError()
    this.#entry = undefined
    // A drain that ran out of patience, or a reclaim, has cut the lease: for its holder this is still the first end,
    // and no error.
    if (entry.lease === this) this.#lender.endLease(entry, this, end, reason)
  }
}
