/**
 * Connections given back in this turn of the event loop, which their driver has not got back yet. Most code that gives
 * one back asks again at once: it gets one of these, past the driver, which would start a timer, tell listeners and
 * search its queue, only to undo all that a moment later. What is left at the end of the turn goes to the driver.
 */
export class Lingering<C> {
  readonly #connections: C[] = []
  readonly #giveBack: (connection: C) => void
  #isEndDue = false

  /** @param giveBack to the driver */
  constructor(giveBack: (connection: C) => void) {
    this.#giveBack = giveBack
  }

  get length(): number {
    return this.#connections.length
  }

  add(connection: C): void {
    this.#connections.push(connection)
    if (this.#isEndDue) return
    this.#isEndDue = true
    setImmediate(this.#endTurn)
  }

  /** The newest. */
  take(): C | undefined {
    return this.#connections.pop()
  }

  /** Gives all of them back, oldest first. */
  settle(): void {
    for (const connection of this.#connections.splice(0)) this.#giveBack(connection)
  }

  readonly #endTurn = (): void => {
    this.#isEndDue = false
    this.settle()
  }
}
