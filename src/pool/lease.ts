import type { Lease, LeaseInfo } from './contract.ts'
import type { Entry } from './ledger.ts'

/** What a lease needs of the pool that granted it. */
export interface Lender<T> {
  endLease(entry: Entry<T>, lease: LeaseInfo, end: 'release' | 'destroy', reason: unknown): void
  /** The error for a lease that is ended twice. */
  leaseEndedError(): Error
}

/** The holder's handle. It knows its entry until it ends; without one, it has ended (I5). */
export class PoolLease<T> implements Lease<T>, LeaseInfo {
  readonly resource: T
  readonly sinceMs: number
  readonly tag: string | undefined
  readonly #lender: Lender<T>
  #entry: Entry<T> | undefined

  constructor(lender: Lender<T>, entry: Entry<T>, sinceMs: number, tag: string | undefined) {
    this.#lender = lender
    this.#entry = entry
    this.resource = entry.resource as T
    this.sinceMs = sinceMs
    this.tag = tag
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

  #end(end: 'release' | 'destroy', reason: unknown): void {
    const entry = this.#entry
    if (entry === undefined) throw this.#lender.leaseEndedError()
    this.#entry = undefined
    // A drain that ran out of patience has cut the lease: for its holder this is still the first end, and no error.
    if (entry.lease === this) this.#lender.endLease(entry, this, end, reason)
  }
}
