import { TIMER_DELAY_MS_MAX } from '../base/clock.ts'
import { Heap, type Ranked } from './heap.ts'
import type { VirtualClock, VirtualTimer } from './virtual-clock.ts'

/** Work, in statements of mean size, that each of `n` >= 1 statements receives per ms. */
export type SpeedCurve = (n: number) => number

interface Statement extends Ranked {
  readonly done: (error?: Error) => void
}

/**
 * Statements that share one processor equally, in event form. Virtual time is the work that a statement has received
 * which has been inside from the start: it runs at the speed of one statement, whatever that is at the moment. Who
 * enters at V with work w leaves at V + w, so nothing about those inside has to change when the speed does:
 *
 *   virtual time   0 ──────── V (now) ──── tag ──── tag ──► the smallest tag leaves next
 *
 * @source Parekh and Gallager 1993, "A generalized processor sharing approach to flow control", IEEE/ACM Transactions
 *   on Networking 1(3), section III
 */
export class ProcessorSharing {
  readonly #clock: VirtualClock
  readonly #inside = new Heap<Statement>()
  readonly #leaving: VirtualTimer
  /** Speeds by the number inside, as far as they have been needed. */
  #speeds: number[] = []
  #curve: SpeedCurve
  #order = 0
  #capacity = 1
  #neighbours = 0
  #virtualWork = 0
  /** When the virtual time was brought up to date. */
  #atMs: number

  constructor(curve: SpeedCurve, clock: VirtualClock) {
    this.#curve = curve
    this.#clock = clock
    this.#atMs = clock.nowMs()
    this.#leaving = clock.movableTimer(() => this.#leave())
  }

  get count(): number {
    return this.#inside.size
  }

  enter(work: number, done: (error?: Error) => void): void {
    // Only after a stall: those who have left meanwhile make way for the newcomer.
    while (this.#leaving.isRunning && this.#leaving.rank < this.#clock.nowMs()) this.#leave()
    this.#catchUp()
    this.#inside.push({ rank: this.#virtualWork + work, order: this.#order++, heapIndex: -1, done })
    this.#awaitNext()
  }

  /** From now on: the speed of all, a ratio >= 0; and how many others are always inside. */
  change(capacity: number, neighbours: number, curve: SpeedCurve): void {
    this.#catchUp()
    this.#capacity = capacity
    if (neighbours !== this.#neighbours || curve !== this.#curve) this.#speeds = []
    this.#neighbours = neighbours
    this.#curve = curve
    this.#awaitNext()
  }

  /** Ends all statements at once, with an error. */
  failAll(error: Error): void {
    this.#catchUp()
    const cut: Statement[] = []
    for (let statement = this.#inside.pop(); statement !== undefined; statement = this.#inside.pop()) {
      cut.push(statement)
    }
    this.#awaitNext()
    for (const { done } of cut) done(error)
  }

  #workPerMs(): number {
    const n = this.#inside.size
    let speed = this.#speeds[n]
    if (speed === undefined) {
      while (this.#speeds.length <= n)
        this.#speeds.push(this.#curve(Math.max(1, this.#speeds.length + this.#neighbours)))
      speed = this.#speeds[n] as number
    }
    return this.#capacity * speed
  }

  #catchUp(): void {
    const nowMs = this.#clock.nowMs()
    // Nobody inside, nobody to compare with: starting from 0 again keeps the tags precise through a long run.
    if (this.#inside.size === 0) this.#virtualWork = 0
    else this.#virtualWork += (nowMs - this.#atMs) * this.#workPerMs()
    this.#atMs = nowMs
  }

  #awaitNext(): void {
    const next = this.#inside.first
    if (next === undefined || this.#capacity === 0) return this.#leaving.cancel()
    const inMs = (next.rank - this.#virtualWork) / this.#workPerMs()
    if (inMs < TIMER_DELAY_MS_MAX) this.#leaving.moveTo(this.#atMs + Math.max(0, inMs))
    else this.#leaving.cancel()
  }

  /**
   * The one that is due leaves. More of them, if the process was stalled and only hears of it now: each has left at its
   * own time, and those behind it were the faster for it.
   */
  #leave(): void {
    const nowMs = this.#clock.nowMs()
    const next = this.#inside.first as Statement
    const leftAtMs = Math.min(nowMs, this.#leaving.rank)
    this.#inside.remove(next)
    this.#virtualWork = next.rank // what it should be, but for rounding
    this.#atMs = leftAtMs
    this.#awaitNext()
    next.done()
  }
}
