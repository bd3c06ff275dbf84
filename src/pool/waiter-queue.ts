import { assert } from '../base/assert.ts'
import { whenAborted } from '../base/when-aborted.ts'
import type { Asker, Caller, WaiterInfo } from './contract.ts'
import type { PoolLease } from './lease.ts'

/** Bounds of an acquire's priority: whoever joins or leaves at another than 0 walks those at which somebody waits. */
export const PRIORITY_MIN = -100
export const PRIORITY_MAX = 100

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
  readonly priority: number
  readonly tag: string | undefined
  readonly caller: Caller | undefined
  readonly #asker: Asker<T>
  #queue: Leaving<T> | undefined = undefined
  #deadlines: Expiring<T> | undefined = undefined
  #unheed: (() => void) | undefined = undefined
  /** Neighbours among those of its priority. */
  older: Waiter<T> | undefined = undefined
  newer: Waiter<T> | undefined = undefined
  /** Neighbours in the list of those with the same timeout. */
  sooner: Waiter<T> | undefined = undefined
  later: Waiter<T> | undefined = undefined

  constructor(sinceMs: number, priority: number, tag: string | undefined, asker: Asker<T>, caller?: Caller) {
    this.sinceMs = sinceMs
    this.priority = priority
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

/** Those who wait at one priority. */
interface Level<T> {
  readonly priority: number
  oldest: Waiter<T> | undefined
  newest: Waiter<T> | undefined
}

/** Waiters by priority, in order of arrival within each: in, out and away, each O(1) in how many wait. */
export class WaiterQueue<T> {
  readonly #usual: Level<T> = { priority: 0, oldest: undefined, newest: undefined }
  /** Highest first. Of 0 always, since hardly anybody gives another; else only those that have waiters. */
  readonly #levels: [Level<T>, ...Level<T>[]] = [this.#usual]
  #length = 0
  #waitingSinceMs: number | undefined

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
    for (const { oldest } of this.#levels) if (oldest !== undefined) oldestMs = Math.min(oldestMs, oldest.sinceMs)
    return oldestMs
  }

  /** Of the highest priority: who came first, or last. */
  next(order: 'oldest' | 'newest'): Waiter<T> | undefined {
    const highest = this.#levels[0]
    const level = highest.oldest === undefined ? this.#levels[1] : highest
    return order === 'oldest' ? level?.oldest : level?.newest // by name: V8 looks up what is a key each time
  }

  /** All who wait, by priority, then oldest first. Walks the queue. */
  *waiters(): Iterable<Waiter<T>> {
    for (const { oldest } of this.#levels) {
      for (let waiter = oldest; waiter !== undefined; waiter = waiter.newer) yield waiter
    }
  }

  add(waiter: Waiter<T>, nowMs: number): void {
    const level = waiter.priority === 0 ? this.#usual : this.#levelOf(waiter.priority)
    const { newest } = level
    waiter.older = newest
    if (newest === undefined) level.oldest = waiter
    else newest.newer = waiter
    level.newest = waiter
    if (this.#length === 0) this.#waitingSinceMs = nowMs
    this.#length += 1
  }

  remove(waiter: Waiter<T>): void {
    const { older, newer } = waiter
    const level = waiter.priority === 0 ? this.#usual : this.#levelOf(waiter.priority)
    if (older === undefined) level.oldest = newer
    else older.newer = newer
    if (newer === undefined) level.newest = older
    else newer.older = older
    if (level.oldest === undefined && level !== this.#usual) this.#levels.splice(this.#levels.indexOf(level), 1)
    waiter.older = undefined
    waiter.newer = undefined
    this.#length -= 1
    if (this.#length === 0) this.#waitingSinceMs = undefined
  }

  /** Of any but the usual priority, which its callers look at themselves: V8 does not inline this. */
  #levelOf(priority: number): Level<T> {
    const lower = this.#levels.findIndex((level) => level.priority <= priority)
    const at = lower < 0 ? this.#levels.length : lower
    const found = this.#levels[at]
    if (found?.priority === priority) return found
    const level = { priority, oldest: undefined, newest: undefined }
    this.#levels.splice(at, 0, level)
    return level
  }
}
