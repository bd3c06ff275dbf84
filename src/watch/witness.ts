import { AsyncLocalStorage, executionAsyncResource } from 'node:async_hooks'
import type { Caller, LeaseInfo, LeaseWitness, LiveCounts } from '../pool/contract.ts'
import { type Stack, siteOf, takeStack } from './call-site.ts'

/** What a witness is made of. */
export interface WitnessParts {
  readonly counts: LiveCounts
  /** Call sites looked at per ms, at most, and while callers wait; >= 0. */
  readonly sitesPerMs: number
  /** Whether async contexts may be followed while the pool is busy. */
  readonly follows: boolean
  /** A lease has ended whose caller or tag is known; `weight`: for how many leases it stands. */
  readonly ended: (lease: LeaseInfo, nowMs: number, weight: number) => void
}

/** Call sites that may be looked at in a burst: all fifty of one delayed its first grants by 7 to 10 ms. */
const BURST = 16
/** While callers wait, it matters more who they are. */
const PRESSED_TIMES = 4
/** For so long after the pool was busy, in ms, contexts are followed: switching that on and off has its price, too. */
const FOLLOW_MS = 60_000

/**
 * DOER: sees who asks, and in whose async context.
 *
 * **Where** costs some microseconds a look, so that there is a budget: all callers of a service that asks for less than
 * a thousand leases a second are seen, and of a busier one a fair sample; of a burst, the first.
 *
 * **In whose context** needs an AsyncLocalStorage. `enterWith` takes 13 ns, but on Node before 24 its mere existence
 * makes every `await` of the process three times as slow (40 → 130 ns). So it exists only while more than half of the
 * limit is out or callers wait: with fewer leases out, nobody can be locked out by them.
 */
export class Witness implements LeaseWitness {
  readonly #parts: WitnessParts
  #budget = BURST
  #seenAtMs = Number.NEGATIVE_INFINITY
  #followUntilMs = Number.NEGATIVE_INFINITY
  #contexts: AsyncLocalStorage<CallerRecord> | undefined
  /** Leases whose caller and tag are unknown, since one was known. */
  #unknown = 0
  /** Of Node's with AsyncContextFrame: which synchronous run this is. */
  #section = 0
  #isSectionOpen = false

  constructor(parts: WitnessParts) {
    this.#parts = parts
  }

  asked(nowMs: number): Caller | undefined {
    const { counts, follows, sitesPerMs } = this.#parts
    const { waiters } = counts
    const perMs = waiters > 0 ? PRESSED_TIMES * sitesPerMs : sitesPerMs
    const budget = this.#budget + (nowMs - this.#seenAtMs) * perMs
    this.#seenAtMs = nowMs
    this.#budget = budget < BURST ? budget : BURST
    const isBusy = follows && (waiters > 0 || 2 * (counts.inUse + 1) > counts.limit)
    if (isBusy) this.#followUntilMs = nowMs + FOLLOW_MS
    const isFollowed = isBusy || nowMs < this.#followUntilMs
    const isLookedAt = this.#budget >= 1 && sitesPerMs > 0
    if (isLookedAt) this.#budget -= 1
    if (isFollowed) return this.#follow(isLookedAt ? takeStack() : undefined)
    if (this.#contexts !== undefined) this.#followNoMore()
    return isLookedAt ? new CallerRecord(takeStack(), false, undefined, undefined) : undefined
  }

  /** Nothing is out and nobody asks: a process should not go on paying for contexts that nobody looks at. */
  rest(): void {
    if (this.#contexts !== undefined) this.#followNoMore()
  }

  ended(lease: LeaseInfo, nowMs: number): void {
    const { caller } = lease
    // Else leases that overlap, each asked for under the one before, would keep a chain alive that never ends.
    if (caller !== undefined) (caller as CallerRecord).above = undefined
    if (lease.tag !== undefined || this.#parts.sitesPerMs === 0) this.#parts.ended(lease, nowMs, 1)
    else if ((caller as CallerRecord | undefined)?.isLookedAt === true) {
      this.#parts.ended(lease, nowMs, this.#unknown + 1)
      this.#unknown = 0
    } else this.#unknown += 1
  }

  /**
   * What the caller does after its `await`, it does in the context in which it asked; so that is where the mark is put.
   * Others that ask in the same run of code (`Promise.all`), or later from the same socket or interval, find it, too,
   * but have not been granted anything there: they are siblings, not descendants.
   */
  #follow(stack: Stack | undefined): Caller {
    this.#contexts ??= new AsyncLocalStorage()
    const found = this.#contexts.getStore()
    const place = this.#place()
    const above = found === undefined ? undefined : heldFrom(found.place === place ? found.above : found)
    const caller = new CallerRecord(stack, true, above, place)
    this.#contexts.enterWith(caller)
    return caller
  }

  /** What is the same for those who ask in one run of code, and differs after any `await`. */
  #place(): unknown {
    if ('kResourceStore' in (this.#contexts as object)) return executionAsyncResource()
    if (!this.#isSectionOpen) {
      this.#isSectionOpen = true
      this.#section += 1
      queueMicrotask(() => {
        this.#isSectionOpen = false
      })
    }
    return this.#section
  }

  #followNoMore(): void {
    this.#contexts?.disable()
    this.#contexts = undefined
    this.#followUntilMs = Number.NEGATIVE_INFINITY
  }
}

function heldFrom(caller: Caller | undefined): Caller | undefined {
  let held = caller
  while (held !== undefined && held.lease?.hasEnded !== false) held = held.above
  return held
}

class CallerRecord implements Caller {
  readonly isFollowed: boolean
  above: Caller | undefined
  lease: LeaseInfo | undefined = undefined
  readonly place: unknown
  #stack: Stack | undefined
  #site: string | undefined

  constructor(stack: Stack | undefined, isFollowed: boolean, above: Caller | undefined, place: unknown) {
    this.#stack = stack
    this.isFollowed = isFollowed
    this.above = above
    this.place = place
  }

  get isLookedAt(): boolean {
    return this.#stack !== undefined || this.#site !== undefined
  }

  get site(): string | undefined {
    if (this.#stack === undefined) return this.#site
    this.#site = siteOf(this.#stack) ?? ''
    this.#stack = undefined
    return this.#site === '' ? undefined : this.#site
  }
}
