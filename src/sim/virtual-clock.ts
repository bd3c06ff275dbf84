import { assert } from '../base/assert.ts'
import { type Clock, TIMER_DELAY_MS_MAX, type Timer } from '../base/clock.ts'
import { show } from '../base/options.ts'
import { Heap, type Ranked } from './heap.ts'

const EPOCH_MS = 1_704_067_200_000

/** Timers fired in a row before the event loop gets a turn: signals, a test's own timeout, a terminal's progress. */
const TIMERS_PER_TURN = 2_000

/**
 * A clock whose time moves only when told to: it jumps from timer to timer. What took minutes runs in milliseconds,
 * and twice in the same way. By the wall, it begins on a Monday at midnight, 1 January 2024 UTC.
 */
export class VirtualClock implements Clock {
  #nowMs: number
  readonly #timers: Timers = { heap: new Heap<VirtualTimer>(), order: 0 }

  /** @throws TypeError | RangeError for no finite number, as all of it does */
  constructor(startMs = 0) {
    this.#nowMs = requireMs('startMs', startMs, Number.NEGATIVE_INFINITY)
  }

  nowMs(): number {
    return this.#nowMs
  }

  epochMs(): number {
    return EPOCH_MS + this.#nowMs
  }

  startTimer(delayMs: number, fire: () => void): Timer {
    // As strict as the system clock, so that a timer which would misfire in production fails in a test.
    assert(delayMs <= TIMER_DELAY_MS_MAX, () => `timer of ${delayMs} ms`)
    const timer = new VirtualTimer(this.#timers, fire)
    timer.moveTo(this.#nowMs + Math.max(0, delayMs))
    return timer
  }

  /** A timer that does not run yet and can be moved while it does: one for what comes again and again. */
  movableTimer(fire: () => void): VirtualTimer {
    return new VirtualTimer(this.#timers, fire)
  }

  /** Timers that have been started and have neither fired nor been cancelled. */
  get timerCount(): number {
    return this.#timers.heap.size
  }

  /** When the next timer is due, in ms, or undefined if there is none. */
  get nextTimerAtMs(): number | undefined {
    return this.#timers.heap.first?.rank
  }

  /** Fires the next timer, if it is due by `untilMs`, at its own time. Promises have not settled when it returns. */
  fireNext(untilMs: number): boolean {
    const timer = this.#timers.heap.first
    if (timer === undefined || timer.rank > untilMs) return false
    this.#timers.heap.remove(timer) // first of all: cancelling it is harmless from here on
    if (timer.rank > this.#nowMs) this.#nowMs = timer.rank
    timer.fire()
    return true
  }

  /** Moves time on without firing anything: a suspended machine, a blocked event loop. */
  leap(byMs: number): void {
    this.#nowMs += requireMs('byMs', byMs, 0)
  }

  /** Lets `byMs` pass: fires every timer that falls due, in order, and lets promises settle before and after each. */
  advance(byMs: number): Promise<void> {
    return this.advanceTo(this.#nowMs + requireMs('byMs', byMs, 0))
  }

  /**
   * Lets time pass until `untilMs`, as `advance` does.
   *
   * @throws whatever a timer's function throws; time stands still where that happened
   */
  advanceTo(untilMs: number): Promise<void> {
    requireMs('untilMs', untilMs, Number.NEGATIVE_INFINITY)
    return new Promise((resolve, reject) => {
      let fired = 0
      const fireOne = (): void => {
        try {
          if (this.fireNext(untilMs)) {
            fired += 1
            if (fired % TIMERS_PER_TURN === 0) setImmediate(fireOne)
            else afterMicrotasks(fireOne)
            return
          }
          this.#nowMs = Math.max(this.#nowMs, untilMs)
          resolve()
        } catch (error) {
          reject(error)
        }
      }
      afterMicrotasks(fireOne)
    })
  }
}

/** A test that miscounted its time would else see all timers fire, or none, and time be NaN from then on. */
function requireMs(name: string, ms: unknown, min: number): number {
  if (typeof ms === 'number' && ms >= min && Number.isFinite(ms)) return ms
  const refusal = `VirtualClock: ${name} must be a finite number of milliseconds${min === 0 ? ' >= 0' : ''}, got ${show(ms)}`
  throw typeof ms === 'number' ? new RangeError(refusal) : new TypeError(refusal)
}

interface Timers {
  readonly heap: Heap<VirtualTimer>
  order: number
}

/** A timer on a virtual clock. */
export class VirtualTimer implements Timer, Ranked {
  /** When it is due, in ms. */
  rank = 0
  order = 0
  heapIndex = -1
  readonly fire: () => void
  readonly #timers: Timers

  constructor(timers: Timers, fire: () => void) {
    this.#timers = timers
    this.fire = fire
  }

  get isRunning(): boolean {
    return this.heapIndex >= 0
  }

  /** Starts it, or moves it, to `atMs`. */
  moveTo(atMs: number): void {
    this.rank = atMs
    this.order = this.#timers.order++ // of two timers for one moment, the one started first fires first
    this.#timers.heap.moved(this)
  }

  cancel(): void {
    this.#timers.heap.remove(this)
  }
}

/** Resolves once every promise that can settle without time passing has done so: microtasks all run before it. */
export function settled(): Promise<void> {
  return new Promise(afterMicrotasks)
}

/** Lets the real event loop have a turn: signals, and whatever else waits for its chance beside a long run. */
export function realTurn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve))
}

/**
 * Node empties the microtask queue before it looks at the next-tick queue, so a tick asked for by a microtask comes
 * when no microtask is left, however long their chains. A turn of the event loop (setImmediate) would do the same at
 * several times the price, and it is paid once per virtual timer.
 */
function afterMicrotasks(then: () => void): void {
  queueMicrotask(() => process.nextTick(then))
}
