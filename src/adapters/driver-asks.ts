/** A driver's own callback, in either dialect: pg leaves the error undefined, mysql2 null. */
type Answer<C> = (error: Error | null | undefined, connection?: C) => void

/**
 * What a source has asked of its driver, and was not answered yet. Counted, so that whoever else waits at the driver,
 * or has a connection of it, can be told from us: they came before adoption, or past the gate.
 */
export class DriverAsks<C> {
  readonly #queueLength: () => number
  #open = 0
  /** Of these, how many the driver had put in its own queue. */
  #queued = 0

  /** @param queueLength of the driver's own queue */
  constructor(queueLength: () => number) {
    this.#queueLength = queueLength
  }

  /** Callers in the driver's queue who did not come from us. */
  strangersWaiting(): number {
    return Math.max(0, this.#queueLength() - this.#queued)
  }

  /** Our own that the driver is opening, or handing out on its next tick. */
  get beingServed(): number {
    return this.#open - Math.min(this.#queued, this.#queueLength())
  }

  /** @param taken told of the connection at once: a promise is heard a moment later */
  ask(ask: (answer: Answer<C>) => void, taken: (connection: C) => void): Promise<C> {
    return new Promise((resolve, reject) => {
      const waiting = this.#queueLength()
      let isQueued = false
      this.#open += 1
      const answer: Answer<C> = (error, connection) => {
        this.#open -= 1
        if (isQueued) this.#queued -= 1
        if (connection === undefined) return reject(error)
        taken(connection)
        resolve(connection)
      }
      try {
        ask(answer)
      } catch (error) {
        this.#open -= 1 // the driver could not even make a connection: wrong options of its own
        return reject(error)
      }
      isQueued = this.#queueLength() > waiting
      if (isQueued) this.#queued += 1
    })
  }
}
