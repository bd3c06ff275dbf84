import { AsyncLocalStorage, executionAsyncResource } from 'node:async_hooks'
import type { Caller, CodePlace, LeaseInfo, LeaseWitness, LiveCounts } from '../pool/contract.ts'
import { type Frame, framesOf, pathOf, type Stack, siteOf, takeStack } from './call-site.ts'

/** What a witness is made of. */
export interface WitnessParts {
  readonly counts: LiveCounts
  /** Call sites looked at per ms, at most; >= 0. 0: nobody is looked at, and no context followed. */
  readonly sitesPerMs: number
  /** A lease has ended whose caller or tag is known; `weight`: for how many leases it stands. */
  readonly ended: (lease: LeaseInfo, nowMs: number, weight: number) => void
  /** Whether following contexts costs next to nothing. @defaultValue as Node's own are made */
  readonly isFollowingCheap?: boolean
}

/** How the pool stands for somebody who asks: most of it is in the cupboard; it is not; he will have to wait. */
const CALM = 0
const CROWDED = 1
const FULL = 2
/** Call sites that may be looked at in a burst, in each: all fifty of one delayed its first grants by 7 to 10 ms. */
const BURST = 16
/** While most leases are in the cupboard, so many of the looks are enough to know who takes how long: a ratio. */
const CALM_SHARE = 1 / 3
/** Everything stands still: no lease has ended for so long, in ms, and for so many times what one takes. */
const STILL_MS_MIN = 250
const STILL_LEASES = 2
/** For so long after that, in ms, contexts are followed: longer than most wait before they try again. */
const FOLLOW_MS = 60_000
const LEASE_SMOOTHING = 0.1
/** Who gives a lease back and asks again does so within a few microtasks: in ms. */
const ASKS_AGAIN_WITHIN_MS = 0.1

/**
 * DOER: sees who asks, and in whose async context.
 *
 * **Where** costs some microseconds a look, so that there is a budget: all callers of a service that asks for fewer
 * leases a second are seen, and of a busier one a fair sample; of a burst, the first. What is saved is kept for each
 * situation apart: calm traffic must not use up what is wanted of those who take the last leases, and of those who
 * wait.
 *
 * **In whose context** needs an AsyncLocalStorage, whose mere existence makes, on Node before 24, every `await` of the
 * process three times as slow (40 → 130 ns). There it exists only once everything stands still, and for a while after:
 * those who are stuck by then are told apart by their stacks (see knot.ts), those who come next by their contexts.
 */
export class Witness implements LeaseWitness {
  readonly #parts: WitnessParts
  readonly #isFollowingCheap: boolean
  /** Looks left, in each situation. */
  readonly #budgets = [BURST, BURST, BURST]
  #seenAtMs = Number.NEGATIVE_INFINITY
  /** When a lease last ended, or could have been had. */
  #movedAtMs = Number.NEGATIVE_INFINITY
  #followUntilMs = Number.NEGATIVE_INFINITY
  #endedAtMs = Number.NEGATIVE_INFINITY
  /** Leases given back at that moment, by somebody who has not asked again. */
  #givenBack = 0
  #leaseMs = 0
  #contexts: AsyncLocalStorage<CallerRecord> | undefined
  /** Leases whose caller and tag are unknown, since one was known. */
  #unknown = 0
  /** Which synchronous run of code this is. */
  #run = 0
  #isRunOpen = false

  constructor(parts: WitnessParts) {
    this.#parts = parts
    this.#isFollowingCheap = parts.isFollowingCheap ?? !('kResourceStore' in new AsyncLocalStorage())
  }

  asked(nowMs: number): Caller | undefined {
    const { counts, sitesPerMs } = this.#parts
    if (sitesPerMs === 0) return undefined
    const { inUse, limit, waiters } = counts
    const wanted = inUse + waiters // a driver hands out by promise: within the limit, who waits is being served
    const situation = wanted >= limit ? FULL : 2 * (wanted + 1) > limit ? CROWDED : CALM
    const stack = this.#isDue(nowMs, situation) ? takeStack() : undefined
    const mayHaveGivenBack = this.#givenBack > 0 && nowMs - this.#endedAtMs <= ASKS_AGAIN_WITHIN_MS
    if (mayHaveGivenBack) this.#givenBack -= 1
    if (situation !== FULL) this.#movedAtMs = nowMs
    else if (nowMs - this.#movedAtMs > Math.max(STILL_MS_MIN, STILL_LEASES * this.#leaseMs)) {
      this.#followUntilMs = nowMs + FOLLOW_MS
    }
    const isFollowed = this.#isFollowingCheap ? situation !== CALM : nowMs < this.#followUntilMs
    if (isFollowed) return this.#follow(stack, mayHaveGivenBack)
    if (this.#contexts !== undefined) this.#followNoMore()
    if (stack === undefined) return undefined
    return new CallerRecord(stack, this.#runNow(), mayHaveGivenBack, false, undefined, undefined)
  }

  /** Nothing is out and nobody asks: a process should not go on paying for contexts that nobody looks at. */
  rest(): void {
    if (this.#contexts !== undefined) this.#followNoMore()
  }

  ended(lease: LeaseInfo, nowMs: number): void {
    const caller = lease.caller as CallerRecord | undefined
    this.#givenBack = nowMs - this.#endedAtMs <= ASKS_AGAIN_WITHIN_MS ? this.#givenBack + 1 : 1
    this.#endedAtMs = nowMs
    this.#movedAtMs = nowMs
    this.#leaseMs += LEASE_SMOOTHING * (nowMs - lease.sinceMs - this.#leaseMs)
    // Else leases that overlap, each asked for under the one before, would keep a chain alive that never ends.
    if (caller !== undefined) caller.above = undefined
    if (lease.tag !== undefined || this.#parts.sitesPerMs === 0) this.#parts.ended(lease, nowMs, 1)
    else if (caller?.isLookedAt === true) {
      this.#parts.ended(lease, nowMs, this.#unknown + 1)
      this.#unknown = 0
    } else this.#unknown += 1
  }

  #isDue(nowMs: number, situation: number): boolean {
    const budgets = this.#budgets
    const share = situation === CALM ? CALM_SHARE : 1
    let earned = share * (nowMs - this.#seenAtMs) * this.#parts.sitesPerMs
    this.#seenAtMs = nowMs
    // What one cannot save is saved for the others: else a pause would serve those alone who come first after it.
    for (let i = 0; i < budgets.length && earned > 0; i++) {
      const at = (situation + i) % budgets.length
      const saved = budgets[at] as number
      budgets[at] = Math.min(BURST, saved + earned)
      earned -= BURST - saved
    }
    const budget = budgets[situation] as number
    if (budget < 1) return false
    budgets[situation] = budget - 1
    return true
  }

  /**
   * What the caller does after its `await`, it does in the context in which it asked; so that is where the mark is put.
   * Others that ask in the same run of code (`Promise.all`), or later from the same socket or interval, find it, too,
   * but have not been granted anything there: they are siblings, not descendants.
   */
  #follow(stack: Stack | undefined, mayHaveGivenBack: boolean): Caller {
    this.#contexts ??= new AsyncLocalStorage()
    const found = this.#contexts.getStore()
    const run = this.#runNow()
    const place = 'kResourceStore' in this.#contexts ? executionAsyncResource() : run
    const above = found === undefined ? undefined : heldFrom(found.place === place ? found.above : found)
    const caller = new CallerRecord(stack, run, mayHaveGivenBack, true, above, place)
    this.#contexts.enterWith(caller)
    return caller
  }

  /** The same for those who ask in one run of code, another after any `await`. */
  #runNow(): number {
    if (!this.#isRunOpen) {
      this.#isRunOpen = true
      this.#run += 1
      queueMicrotask(this.#endRun)
    }
    return this.#run
  }

  readonly #endRun = (): void => {
    this.#isRunOpen = false
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

const NO_FRAMES: readonly Frame[] = []

class CallerRecord implements Caller {
  readonly isFollowed: boolean
  readonly mayHaveGivenBack: boolean
  readonly run: number
  above: Caller | undefined
  lease: LeaseInfo | undefined = undefined
  /** In which async resource, or run, it asked. */
  readonly place: unknown
  readonly isLookedAt: boolean
  #stack: Stack | undefined
  #frames: readonly Frame[] = NO_FRAMES

  constructor(
    stack: Stack | undefined,
    run: number,
    mayHaveGivenBack: boolean,
    isFollowed: boolean,
    above: Caller | undefined,
    place: unknown,
  ) {
    this.#stack = stack
    this.isLookedAt = stack !== undefined
    this.run = run
    this.mayHaveGivenBack = mayHaveGivenBack
    this.isFollowed = isFollowed
    this.above = above
    this.place = place
  }

  get site(): string | undefined {
    return siteOf(this.#read())
  }

  get path(): readonly CodePlace[] {
    return pathOf(this.#read())
  }

  #read(): readonly Frame[] {
    if (this.#stack !== undefined) {
      this.#frames = framesOf(this.#stack)
      this.#stack = undefined
    }
    return this.#frames
  }
}
