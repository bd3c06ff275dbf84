import { AsyncLocalStorage, executionAsyncResource } from 'node:async_hooks'
import type { Caller, CodePlace, LeaseInfo, LeaseWitness, LiveCounts } from '../pool/contract.ts'
import { type Frame, framesOf, isWithinUse, pathOf, type Stack, siteOf, takeStack } from './call-site.ts'

/** What a witness is made of. */
export interface WitnessParts {
  readonly counts: LiveCounts
  /** Call sites looked at per ms, at most; >= 0. 0: nobody is looked at, and no context followed. */
  readonly sitesPerMs: number
  /** A lease has ended whose caller or tag is known; `weight`: for how many leases it stands. */
  readonly ended: (lease: LeaseInfo, nowMs: number, weight: number) => void
  /** Whether the process pays nothing for contexts, but whoever is followed 0.3 µs. @defaultValue as Node's own are */
  readonly isFollowingCheap?: boolean
}

/** How the pool stands for somebody who asks: most of it is in the cupboard; it is not; he will have to wait. */
const CALM = 0
const CROWDED = 1
const FULL = 2
type Situation = typeof CALM | typeof CROWDED | typeof FULL
/**
 * So many looks in a row. A stack taken alone costs 20 µs, since V8's code for it has left the caches meanwhile; one
 * right after another costs 4. The last of a row are kept for those who find the pool crowded, and full.
 */
const LOOKS = [16, 24, 32] as const
/** Where so many times more ask than could be looked at, fewer are sample enough, but of those who have to wait. */
const LOOKS_WHEN_BUSY = [4, 8, 32] as const
const BUSY_TIMES = 3
/**
 * And so many more, once, of those who have to wait while nothing has come back yet: of a process that begins with a
 * burst, and is stuck at once, nothing else would ever be known.
 */
const LOOKS_AT_FIRST = 224
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
 * leases a second are seen, and of a busier one a fair sample, a row of callers at a time. Calm traffic must not use up
 * what is wanted of those who take the last leases, and of those who wait.
 *
 * **In whose context** needs an AsyncLocalStorage, whose mere existence makes, on Node before 24, every `await` of the
 * process three times as slow (40 → 130 ns). There, and in a busy pool, for which a mark on each caller is half of what
 * an acquire costs, it exists only once everything stands still, and for a while after: those who are stuck by then are
 * told apart by their stacks (see knot.ts), those who come next by their contexts.
 */
export class Witness implements LeaseWitness {
  readonly #parts: WitnessParts
  readonly #counts: LiveCounts
  /** Nobody is looked at. */
  readonly #isBlind: boolean
  readonly #isFollowingCheap: boolean
  /** From the beginning of one row of looks to the next, in ms. */
  readonly #everyMs: number
  #nextRowAtMs = Number.NEGATIVE_INFINITY
  /** Callers since this row began. */
  #asked = 0
  /** Looks taken of this row. */
  #looks = 0
  /** In the row before, many times more asked than could be looked at. */
  #isBusy = false
  /** When something last moved, or a first half of a standstill was over. */
  #stillSinceMs = Number.NEGATIVE_INFINITY
  /** Halves of a standstill that have been found since something moved: two are one. */
  #stillHalves = 0
  /** The run in which the latest was found. */
  #stillRun = 0
  #followUntilMs = Number.NEGATIVE_INFINITY
  #passedOnAtMs = Number.NEGATIVE_INFINITY
  /** Leases passed on at that moment, by somebody who has not asked again. */
  #passedOn = 0
  #leaseMs = 0
  /** How many of these are left, before those of this row. */
  #looksAtFirst: number = LOOKS_AT_FIRST
  #contexts: AsyncLocalStorage<CallerRecord> | undefined
  /** Whose holder goes on now: the queries on it have ended in this turn of the event loop. */
  #resumed: LeaseInfo | undefined
  /** Leases that ended, their caller and tag unknown, for which no look stands yet. */
  #unknown = 0
  /** Which synchronous run of code this is. */
  #run = 0
  #isRunOpen = false

  constructor(parts: WitnessParts) {
    this.#parts = parts
    this.#counts = parts.counts
    this.#isBlind = parts.sitesPerMs === 0
    this.#everyMs = LOOKS[FULL] / parts.sitesPerMs
    this.#isFollowingCheap = parts.isFollowingCheap ?? !('kResourceStore' in new AsyncLocalStorage())
  }

  /** Nearly always he is one of the calm, whose looks are used up: so that is all that stands here. */
  asked(nowMs: number): Caller | undefined {
    const { inUse, limit, waiters } = this.#counts
    const wanted = inUse + waiters // a driver hands out by promise: within the limit, who waits is being served
    const situation = wanted >= limit ? FULL : 2 * (wanted + 1) > limit ? CROWDED : CALM
    this.#asked += 1
    const isLookedAt = situation !== CALM || this.#looks < this.#looksOf(CALM) || nowMs >= this.#nextRowAtMs
    return isLookedAt || this.#contexts !== undefined ? this.#see(situation, nowMs) : undefined
  }

  #see(situation: Situation, nowMs: number): Caller | undefined {
    if (this.#isBlind) return undefined
    if (nowMs >= this.#nextRowAtMs) this.#startRow(nowMs)
    const stack = this.#looks < this.#looksOf(situation) ? takeStack() : undefined
    let mayHaveGivenBack = false
    if (situation !== FULL) this.#moved(nowMs)
    else {
      mayHaveGivenBack = this.#passedOn > 0 && nowMs - this.#passedOnAtMs <= ASKS_AGAIN_WITHIN_MS
      if (mayHaveGivenBack) this.#passedOn -= 1
      if (this.#isStill(nowMs)) this.#followUntilMs = nowMs + FOLLOW_MS
    }
    const isAffordable = this.#isFollowingCheap && !this.#isBusy && situation !== CALM
    const isFollowed = isAffordable || nowMs < this.#followUntilMs
    if (!isFollowed && this.#contexts !== undefined) this.#followNoMore()
    const resumed = situation === FULL && this.#resumed?.hasEnded === false ? this.#resumed : undefined
    if (!isFollowed && stack === undefined && resumed === undefined) return undefined
    const caller = isFollowed ? this.#follow(stack) : new CallerRecord(stack, this.#runNow())
    caller.resumed = resumed
    caller.mayHaveGivenBack ||= mayHaveGivenBack
    // As if all looks could be taken: else the few would stand for all who come in the rest of the row.
    if (stack !== undefined) this.#standForOthers(caller, Math.max(1, LOOKS[situation] - this.#looks))
    return caller
  }

  #moved(nowMs: number): void {
    this.#stillSinceMs = nowMs
    this.#stillHalves = 0
  }

  /**
   * Found by halves, each in a run of its own: an event loop that stood still itself, for a large JSON, a frozen
   * machine or ten thousand who ask at once, is asked for leases before it reads what has come back meanwhile.
   */
  #isStill(nowMs: number): boolean {
    const halfMs = Math.max(STILL_MS_MIN, STILL_LEASES * this.#leaseMs) / 2
    if (this.#stillHalves < 2 && nowMs - this.#stillSinceMs >= halfMs) {
      const run = this.#runNow()
      if (this.#stillHalves === 0 || run !== this.#stillRun) this.#stillHalves += 1
      this.#stillSinceMs = nowMs
      this.#stillRun = run
    }
    return this.#stillHalves === 2
  }

  #looksOf(situation: Situation): number {
    const looks = (this.#isBusy ? LOOKS_WHEN_BUSY : LOOKS)[situation]
    return situation === FULL && this.#leaseMs === 0 ? looks + this.#looksAtFirst : looks
  }

  #startRow(nowMs: number): void {
    const sinceMs = nowMs - (this.#nextRowAtMs - this.#everyMs)
    const askedPerMs = (this.#asked - 1) / sinceMs // without him who begins this one
    this.#isBusy = askedPerMs > BUSY_TIMES * this.#parts.sitesPerMs
    this.#nextRowAtMs = nowMs + this.#everyMs
    this.#asked = 1
    this.#looksAtFirst -= Math.max(0, this.#looks - LOOKS[FULL])
    this.#looks = 0
  }

  /** Nothing is out and nobody asks: a process should not go on paying for contexts that nobody looks at. */
  rest(): void {
    if (this.#contexts !== undefined) this.#followNoMore()
  }

  refused(caller: Caller | undefined): void {
    this.#unknown += (caller as CallerRecord | undefined)?.others ?? 0
  }

  /**
   * No query runs on the lease any more. Node lets its holder go on, by microtasks, before it turns to anything else:
   * who asks until then is he, whatever his ORM has made of his stack.
   */
  rested(lease: LeaseInfo): void {
    const { inUse, limit, waiters } = this.#counts
    if (this.#isBlind || inUse + waiters < limit) return // not looked at; or he would not have to wait
    if (this.#resumed === undefined) queueMicrotask(() => process.nextTick(this.#endTurn))
    this.#resumed = lease
  }

  readonly #endTurn = (): void => {
    this.#resumed = undefined
  }

  ended(lease: LeaseInfo, nowMs: number): void {
    const isKnown = lease.caller !== undefined || lease.tag !== undefined || this.#isBlind
    if (isKnown || this.#counts.waiters > 0) this.#note(lease, nowMs)
    else this.#unknown += 1 // as most of a busy pool
  }

  #note(lease: LeaseInfo, nowMs: number): void {
    const { ended } = this.#parts
    const caller = lease.caller as CallerRecord | undefined
    this.#leaseMs += LEASE_SMOOTHING * (nowMs - lease.sinceMs - this.#leaseMs)
    if (this.#counts.waiters > 0) this.#passOn(nowMs)
    // Else leases that overlap, each asked for under the one before, would keep a chain alive that never ends.
    if (caller !== undefined) caller.above = caller.resumed = undefined
    const others = caller?.others
    if (lease.tag !== undefined || this.#isBlind) {
      this.#unknown += others ?? 0 // who has a tag stands for nobody
      ended(lease, nowMs, 1)
    } else if (others !== undefined) ended(lease, nowMs, 1 + others)
    else this.#unknown += 1
  }

  /** To somebody who waits. Where nobody does, nothing of this matters: the next who asks gets one. */
  #passOn(nowMs: number): void {
    this.#passedOn = nowMs - this.#passedOnAtMs <= ASKS_AGAIN_WITHIN_MS ? this.#passedOn + 1 : 1
    this.#passedOnAtMs = nowMs
    this.#moved(nowMs)
  }

  /**
   * Those that nobody looked at are spread over the looks of a row, when they are taken: if they fell to whose lease
   * ends first, short leases would seem to be more than they are.
   */
  #standForOthers(caller: CallerRecord, looksLeft: number): void {
    this.#looks += 1
    const others = Math.ceil(this.#unknown / looksLeft)
    this.#unknown -= others
    caller.others = others
  }

  /**
   * What the caller does after its `await`, it does in the context in which it asked; so that is where the mark is put.
   * Others that ask in the same run of code (`Promise.all`), or later from the same socket or interval, find it, too,
   * but have not been granted anything there: they are siblings, not descendants.
   */
  #follow(stack: Stack | undefined): CallerRecord {
    this.#contexts ??= new AsyncLocalStorage()
    const found = this.#contexts.getStore()
    const run = this.#runNow()
    const place = 'kResourceStore' in this.#contexts ? executionAsyncResource() : run
    const above = found === undefined ? undefined : heldFrom(found.place === place ? found.above : found)
    const caller = new CallerRecord(stack, run, place, above)
    caller.mayHaveGivenBack = found?.lease?.hasEnded === true
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
  mayHaveGivenBack = false
  readonly run: number
  above: Caller | undefined
  resumed: LeaseInfo | undefined = undefined
  lease: LeaseInfo | undefined = undefined
  /** In which async resource, or run, it asked; undefined: it is not followed. */
  readonly place: unknown
  /** Leases that it stands for beside its own; undefined: it was not looked at. */
  others: number | undefined
  #stack: Stack | undefined
  #frames: readonly Frame[] = NO_FRAMES

  constructor(stack: Stack | undefined, run: number, place?: unknown, above?: Caller) {
    this.#stack = stack
    this.run = run
    this.isFollowed = place !== undefined
    this.above = above
    this.place = place
  }

  get site(): string | undefined {
    return siteOf(this.#read())
  }

  get path(): readonly CodePlace[] {
    return pathOf(this.#read())
  }

  isWithinUse(pool: string): boolean {
    return isWithinUse(this.#read(), pool)
  }

  #read(): readonly Frame[] {
    if (this.#stack !== undefined) {
      this.#frames = framesOf(this.#stack)
      this.#stack = undefined
    }
    return this.#frames
  }
}
