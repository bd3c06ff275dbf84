import type { Clock, Timer } from '../base/clock.ts'
import type { VirtualClock, VirtualTimer } from './virtual-clock.ts'

/** The clock of a process that can leap ahead of the world's: what was due within the leap fires at once. */
export class ProcessClock implements Clock {
  readonly #world: VirtualClock
  readonly #timers = new Set<VirtualTimer>()
  #aheadMs = 0

  constructor(world: VirtualClock) {
    this.#world = world
  }

  nowMs(): number {
    return this.#world.nowMs() + this.#aheadMs
  }

  epochMs(): number {
    return this.#world.epochMs() + this.#aheadMs
  }

  startTimer(delayMs: number, fire: () => void): Timer {
    const timer = this.#world.movableTimer(() => {
      this.#timers.delete(timer)
      fire()
    })
    this.#timers.add(timer)
    timer.moveTo(this.#world.nowMs() + Math.max(0, delayMs))
    return {
      cancel: () => {
        this.#timers.delete(timer)
        timer.cancel()
      },
    }
  }

  leap(byMs: number): void {
    this.#aheadMs += byMs
    const nowMs = this.#world.nowMs()
    for (const timer of [...this.#timers].sort((a, b) => a.rank - b.rank || a.order - b.order)) {
      timer.moveTo(Math.max(nowMs, timer.rank - byMs))
    }
  }
}
