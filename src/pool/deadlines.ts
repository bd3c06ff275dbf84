import { type Clock, TIMER_DELAY_MS_MAX, type Timer } from '../base/clock.ts'
import type { Waiter } from './waiter-queue.ts'

/** Sums of floating-point times are off by less; without it, a timer could fall due a hair early for ever. In ms. */
const ROUNDING_MS = 1e-6

/**
 * When waiters run out of patience. Those with the same timeout run out in order of arrival, so that each timeout in
 * use needs one list and one timer, that of its oldest waiter; and a pool whose acquires all have the pool's own
 * timeout needs one in all, where a timer for each waiter would cost more than all the rest of its acquire.
 *
 *     1_000 ms: soonest <-> … <-> latest
 *       250 ms: soonest <-> … <-> latest
 */
export class Deadlines<T> {
  readonly #clock: Clock
  readonly #expire: (waiter: Waiter<T>, nowMs: number) => void
  readonly #lists = new Map<number, DeadlineList<T>>()
  /** The pool's own timeout, hence nearly everybody's. */
  readonly #usual: DeadlineList<T>

  /** @param expire has the waiter leave */
  constructor(clock: Clock, usualTimeoutMs: number, expire: (waiter: Waiter<T>, nowMs: number) => void) {
    this.#clock = clock
    this.#expire = expire
    this.#usual = new DeadlineList(clock, usualTimeoutMs, expire)
  }

  /** @param timeoutMs from now on; Infinity: never, and no timer */
  add(waiter: Waiter<T>, timeoutMs: number): void {
    if (timeoutMs === Number.POSITIVE_INFINITY) return
    const list = timeoutMs === this.#usual.timeoutMs ? this.#usual : this.#listOf(timeoutMs)
    list.add(waiter)
  }

  #listOf(timeoutMs: number): DeadlineList<T> {
    const known = this.#lists.get(timeoutMs)
    if (known !== undefined) return known
    const list = new DeadlineList<T>(this.#clock, timeoutMs, this.#expire, () => this.#lists.delete(timeoutMs))
    this.#lists.set(timeoutMs, list)
    return list
  }
}

class DeadlineList<T> {
  readonly timeoutMs: number
  readonly #clock: Clock
  readonly #expire: (waiter: Waiter<T>, nowMs: number) => void
  readonly #emptied: (() => void) | undefined
  #soonest: Waiter<T> | undefined
  #latest: Waiter<T> | undefined
  /** Runs while somebody is listed, until the deadline of one who was soonest once. */
  #timer: Timer | undefined

  constructor(
    clock: Clock,
    timeoutMs: number,
    expire: (waiter: Waiter<T>, nowMs: number) => void,
    emptied?: () => void,
  ) {
    this.#clock = clock
    this.timeoutMs = timeoutMs
    this.#expire = expire
    this.#emptied = emptied
  }

  add(waiter: Waiter<T>): void {
    const latest = this.#latest
    waiter.sooner = latest
    if (latest === undefined) this.#soonest = waiter
    else latest.later = waiter
    this.#latest = waiter
    waiter.expireBy(this)
    if (latest === undefined) this.#startTimer(this.timeoutMs)
  }

  remove(waiter: Waiter<T>): void {
    const { sooner, later } = waiter
    if (sooner === undefined) this.#soonest = later
    else sooner.later = later
    if (later === undefined) this.#latest = sooner
    else later.sooner = sooner
    waiter.sooner = undefined
    waiter.later = undefined
    if (this.#soonest !== undefined) return // the timer comes too early for who is soonest now, and starts anew then
    this.#timer?.cancel() // left running, it would keep the process alive for nobody
    this.#emptied?.()
  }

  #startTimer(delayMs: number): void {
    this.#timer = this.#clock.startTimer(Math.min(delayMs, TIMER_DELAY_MS_MAX), this.#fire)
  }

  readonly #fire = (): void => {
    this.#timer = undefined
    const nowMs = this.#clock.nowMs()
    try {
      while (this.#soonest !== undefined && this.#leftMs(this.#soonest, nowMs) <= ROUNDING_MS) {
        this.#expire(this.#soonest, nowMs)
      }
    } finally {
      // Whatever a callback threw, the others keep their deadline. (Who came back at once may have set the timer.)
      if (this.#soonest !== undefined && this.#timer === undefined) {
        this.#startTimer(Math.max(0, this.#leftMs(this.#soonest, nowMs)))
      }
    }
  }

  #leftMs(waiter: Waiter<T>, nowMs: number): number {
    return waiter.sinceMs + this.timeoutMs - nowMs
  }
}
