import { systemClock, type Timer } from '../base/clock.ts'

/** How often to look for what drivers tell nobody, in ms: that one taken past the gate is back, or never came. */
const STRANGERS_LOOK_MS = 250

/** On the next tick: a driver tells in the middle of its own accounting. */
const onNextTick = (then: () => void): void => process.nextTick(then)

/** When an adapter looks for what others do at its driver: soon after a sign, and again while there are strangers. */
export class LookRound {
  readonly #look: () => void
  readonly #settled: (then: () => void) => unknown
  #isDue = false
  #timer: Timer | undefined

  /** @param settled calls back once the driver's counts have settled after a sign */
  constructor(look: () => void, settled: (then: () => void) => unknown = onNextTick) {
    this.#look = look
    this.#settled = settled
  }

  readonly soon = (): void => {
    if (this.#isDue) return
    this.#isDue = true
    this.#settled(() => {
      this.#isDue = false
      this.#look()
    })
  }

  /** To be told by each look. */
  sawStrangers(count: number): void {
    this.stop()
    if (count > 0) this.#timer = systemClock.startTimer(STRANGERS_LOOK_MS, this.#look, true)
  }

  stop(): void {
    this.#timer?.cancel()
    this.#timer = undefined
  }
}
