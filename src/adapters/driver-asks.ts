import type { DestroyReason } from '../pool/contract.ts'

/** A driver's own callback, in either dialect: pg leaves the error undefined, mysql2 null. */
export type Answer<C> = (error: Error | null | undefined, connection?: C) => void

/**
 * What a source has asked of its driver, and was not answered yet. Counted, so that whoever else waits at the driver,
 * or has a connection of it, can be told from us: they came before adoption, or past the gate.
 */
export class DriverAsks<C> {
  readonly #queueLength: () => number
  readonly #answering: (connection: C | undefined) => void
  #open = 0
  /** Of these, how many the driver had put in its own queue. */
  #queued = 0

  /**
   * @param queueLength of the driver's own queue
   * @param answering told of each answer before whoever asked: of the connection, if it brings one
   */
  constructor(queueLength: () => number, answering: (connection: C | undefined) => void) {
    this.#queueLength = queueLength
    this.#answering = answering
  }

  /** Callers in the driver's queue who did not come from us. */
  strangersWaiting(): number {
    return Math.max(0, this.#queueLength() - this.#queued)
  }

  /** Our own that the driver is opening, or handing out on its next tick. */
  get beingServed(): number {
    return this.#open - Math.min(this.#queued, this.#queueLength())
  }

  /** @param answered told at once: a promise is heard a moment later */
  ask(ask: (answer: Answer<C>) => void, answered: Answer<C>): void {
    const waiting = this.#queueLength()
    let isQueued = false
    this.#open += 1
    const answer: Answer<C> = (error, connection) => {
      this.#open -= 1
      if (isQueued) this.#queued -= 1
      this.#answering(connection)
      answered(error, connection)
    }
    try {
      ask(answer)
    } catch (error) {
      return answer(error as Error) // the driver could not even make a connection: wrong options of its own
    }
    isQueued = this.#queueLength() > waiting
    if (isQueued) this.#queued += 1
  }
}

/** An ask as a promise. */
export function promised<C>(ask: (answer: Answer<C>) => void): Promise<C> {
  return new Promise((resolve, reject) => {
    ask((error, connection) => (connection === undefined ? reject(error) : resolve(connection)))
  })
}

/** Why an entry is destroyed whose resource the driver has never handed out: there is nothing to close. */
export function isOfHandOut(reason: DestroyReason): boolean {
  return reason === 'invalid' || reason === 'broken' || reason === 'reclaimed'
}

/**
 * Why nothing may be created now, if so. A driver at its own maximum (who has gone past the gate has filled it, and is
 * not counted yet) would queue the ask, and answer it with what somebody gives back: taken for new, that would be given
 * back in turn, and answer the next create, for ever.
 */
export function opensNoMore(open: number, max: number): Error | undefined {
  return open < max
    ? undefined
    : new Error(`the driver opens no more: it has ${open} of ${max} connections open, or opening`)
}
