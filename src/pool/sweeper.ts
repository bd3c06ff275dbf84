import { type Clock, TIMER_DELAY_MS_MAX, type Timer } from '../base/clock.ts'

/** Sees to it that idle entries are looked at when the next of them falls due, and never otherwise. */
export class Sweeper {
  readonly #clock: Clock
  readonly #sweep: () => void
  #timer: Timer | undefined
  #atMs = Number.POSITIVE_INFINITY

  constructor(clock: Clock, sweep: () => void) {
    this.#clock = clock
    this.#sweep = sweep
  }

  /** Sweeps at `atMs` on the clock, unless it will sooner. */
  by(atMs: number): void {
    if (atMs >= this.#atMs) return
    this.#timer?.cancel()
    this.#atMs = atMs
    const delayMs = Math.min(Math.max(0, atMs - this.#clock.nowMs()), TIMER_DELAY_MS_MAX)
    this.#timer = this.#clock.startTimer(delayMs, this.#fire, true)
  }

  stop(): void {
    this.#timer?.cancel()
    this.#atMs = Number.POSITIVE_INFINITY
  }

  readonly #fire = (): void => {
    this.#atMs = Number.POSITIVE_INFINITY
    this.#sweep()
  }
}
