import { assert } from '../base/assert.ts'
import { whenAborted } from '../base/when-aborted.ts'
import type { Asker, Caller, WaiterInfo } from './contract.ts'
import type { PoolLease } from './lease.ts'

/** Bounds of an acquire's priority. Few levels: each is a list of its own, and the highest is found by one scan. */
export const PRIORITY_MIN = -5
export const PRIORITY_MAX = 5
export const PRIORITY_LEVELS: number = PRIORITY_MAX - PRIORITY_MIN + 1

/** What else has to know when a waiter leaves. */
export interface Leaving<T> {
  remove(waiter: Waiter<T>): void
}

/** Where those are listed who have so much patience. */
export interface Expiring<T> extends Leaving<T> {
  readonly timeoutMs: number
}

/** An acquire that is not served yet. Leaving the queue and being settled are one act (I6). */
export class Waiter<T> implements WaiterInfo {
  readonly sinceMs: number
  readonly level: number
  readonly tag: string | undefined
  readonly caller: Caller | undefined
  readonly #asker: Asker<T>
  #queue: Leaving<T> | undefined = undefined
  #deadlines: Expiring<T> | undefined = undefined
  #unheed: (() => void) | undefined = undefined
  /** Neighbours in the list of its level. */
  older: Waiter<T> | undefined = undefined
  newer: Waiter<T> | undefined = undefined
  /** Neighbours in the list of those with the same timeout. */
  sooner: Waiter<T> | undefined = undefined
  later: Waiter<T> | undefined = undefined

  constructor(sinceMs: number, priority: number, tag: string | undefined, asker: Asker<T>, caller?: Caller) {
    this.sinceMs = sinceMs
    this.level = priority - PRIORITY_MIN
    this.tag = tag
    this.caller = caller
    this.#asker = asker
  }

  /** Queues it; it holds what it has to let go of when it leaves. */
  join(queue: WaiterQueue<T>, nowMs: number): void {
    this.#queue = queue
    queue.add(this, nowMs)
  }

  heed(signal: AbortSignal, onAbort: () => void): void {
    this.#unheed = whenAborted(signal, onAbort)
  }

  /** It has a deadline, too, and is listed there. */
  expireBy(deadlines: Expiring<T>): void {
    this.#deadlines = deadlines
  }

  /** Infinity: it waits for as long as it takes. */
  get timeoutMs(): number {
    return this.#deadlines?.timeoutMs ?? Number.POSITIVE_INFINITY
  }

  /** Not settled yet. */
  get isQueued(): boolean {
    return this.#queue !== undefined
  }

  grant(lease: PoolLease<T>): void {
    this.#leave()
    this.#asker.granted(lease)
  }

  refuse(error: Error): void {
    this.#leave()
    this.#asker.refused(error)
  }

  #leave(): void {
    assert(this.#queue !== undefined, 'I6: a waiter is settled once')
    this.#queue.remove(this)
    this.#queue = undefined
    this.#deadlines?.remove(this)
    this.#unheed?.() // a long-lived signal would collect every acquire
  }
}

/** Waiters by priority, in order of arrival within each: in, out and away, each O(1). */
export class WaiterQueue<T> {
  readonly #oldest: (Waiter<T> | undefined)[]
  readonly #newest: (Waiter<T> | undefined)[]
  /** One bit for each level that has waiters. */
  #levels = 0
  #length = 0
  #waitingSinceMs: number | undefined

  constructor(levels: number = PRIORITY_LEVELS) {
    this.#oldest = new Array(levels).fill(undefined)
    this.#newest = new Array(levels).fill(undefined)
  }

  get length(): number {
    return this.#length
  }

  /** Since when somebody has been waiting without a break; undefined while nobody waits. */
  get waitingSinceMs(): number | undefined {
    return this.#waitingSinceMs
  }

  /** When the oldest waiter of all began to wait. */
  get oldestSinceMs(): number | undefined {
    if (this.#length === 0) return undefined
    let oldestMs = Number.POSITIVE_INFINITY
    // By the levels that have waiters, hardly ever more than one: it is asked whenever an acquire has to queue.
    for (let levels = this.#levels; levels !== 0; ) {
      const level = 31 - Math.clz32(levels)
      oldestMs = Math.min(oldestMs, (this.#oldest[level] as Waiter<T>).sinceMs)
      levels &= ~(1 << level)
    }
    return oldestMs
  }

  /** Of the highest priority: who came first, or last. */
  next(order: 'oldest' | 'newest'): Waiter<T> | undefined {
    if (this.#levels === 0) return undefined
    return (order === 'oldest' ? this.#oldest : this.#newest)[31 - Math.clz32(this.#levels)]
  }

  /** All who wait, by priority, then oldest first. Walks the queue. */
  *waiters(): Iterable<Waiter<T>> {
    for (let level = this.#oldest.length - 1; level >= 0; level--) {
      for (let waiter = this.#oldest[level]; waiter !== undefined; waiter = waiter.newer) yield waiter
    }
  }

  add(waiter: Waiter<T>, nowMs: number): void {
    const { level } = waiter
    const newest = this.#newest[level]
    waiter.older = newest
    if (newest === undefined) {
      this.#oldest[level] = waiter
      this.#levels |= 1 << level
    } else {
      newest.newer = waiter
    }
    this.#newest[level] = waiter
    if (this.#length === 0) this.#waitingSinceMs = nowMs
    this.#length += 1
  }

  remove(waiter: Waiter<T>): void {
    const { level, older, newer } = waiter
    if (older === undefined) this.#oldest[level] = newer
    else older.newer = newer
    if (newer === undefined) this.#newest[level] = older
    else newer.older = older
    if (older === undefined && newer === undefined) this.#levels &= ~(1 << level)
    waiter.older = undefined
    waiter.newer = undefined
    this.#length -= 1
    if (this.#length === 0) this.#waitingSinceMs = undefined
  }
}
