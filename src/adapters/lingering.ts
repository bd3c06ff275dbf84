import { setImmediate } from 'node:timers'

/** Kept from the start: faked timers of a test that are put back would take with them what was to end the turn. */
const atEndOfTurn = setImmediate

/**
 * Clients given back in this turn of the event loop, which their driver has not got back yet. Most code that gives one
 * back asks again at once: it gets one of these, past the driver, which would start a timer, tell listeners and
 * search its queue, only to undo all that a moment later. What is left at the end of the turn goes to the driver.
 */
export class Lingering<C> {
  readonly #clients: C[] = []
  readonly #giveBack: (client: C) => void
  #isEndDue = false

  /** @param giveBack to the driver */
  constructor(giveBack: (client: C) => void) {
    this.#giveBack = giveBack
  }

  get length(): number {
    return this.#clients.length
  }

  add(client: C): void {
    this.#clients.push(client)
    this.#awaitEnd()
  }

  /** The newest. */
  take(): C | undefined {
    return this.#clients.pop()
  }

  /** Takes that one out. False: it does not linger. */
  remove(client: C): boolean {
    const at = this.#clients.indexOf(client)
    if (at >= 0) this.#clients.splice(at, 1)
    return at >= 0
  }

  /** Oldest first, and one by one: whoever is told of the one may ask for the next. */
  giveAllBack(): void {
    for (let client = this.#clients.shift(); client !== undefined; client = this.#clients.shift()) {
      this.#giveBack(client)
    }
  }

  #awaitEnd(): void {
    if (this.#isEndDue) return
    this.#isEndDue = true
    atEndOfTurn(this.#endTurn)
  }

  readonly #endTurn = (): void => {
    this.#isEndDue = false
    try {
      this.giveAllBack()
    } finally {
      if (this.#clients.length > 0) this.#awaitEnd() // somebody who was told has thrown
    }
  }
}
