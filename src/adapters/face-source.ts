import { assert } from '../base/assert.ts'
import { type Deferred, deferred } from '../base/deferred.ts'
import type { DestroyReason, Source } from '../pool/contract.ts'
import type { PoolFace } from './pool-face.ts'

/** A pool behind its face, as a source of the engine's; keeps count of what is ours. */
export class FaceSource<T> implements Source<T> {
  readonly #face: PoolFace<T>
  readonly #lookSoon: () => void
  readonly #retire: (resource: T) => boolean
  /** Lent to us. A resource may be lent twice at a time where the pool's factory made the same thing twice. */
  readonly #out = new Map<T, number>()
  #outCount = 0
  /** Lent to us, and being closed. */
  readonly #closing = new Map<T, Promise<void>>()
  /** Asked of the pool and not answered yet, oldest first. */
  readonly #opening = new Set<Deferred<T>>()
  readonly #taking = new Set<Deferred<T>>()

  /**
   * @param lookSoon somebody in the pool's own queue may have nothing on its way to him
   * @param retire closes what the engine gives back, where it has to: only once it has let go of the pool
   */
  constructor(face: PoolFace<T>, lookSoon: () => void, retire: (resource: T) => boolean) {
    this.#face = face
    this.#lookSoon = lookSoon
    this.#retire = retire
  }

  create(signal: AbortSignal): Promise<T> {
    return this.#ask(this.#opening, () => this.#face.open(signal))
  }

  prepare(): Promise<T> {
    return this.#ask(this.#taking, () => this.#face.take())
  }

  giveBack(resource: T): boolean {
    this.#takeOut(resource)
    const isKept = !this.#retire(resource) && this.#face.giveBack(resource)
    this.#lookIfOwed()
    return isKept
  }

  destroy(resource: T | undefined, reason: DestroyReason, cause?: unknown): Promise<void> | undefined {
    // A hand-out that failed leaves nothing behind; the idle ones are others, and good.
    if (resource === undefined && reason === 'invalid') return undefined
    const closed = resource === undefined ? this.#face.closeIdle() : this.#close(resource, cause)
    this.#lookIfOwed()
    return closed
  }

  #close(resource: T, cause: unknown): Promise<void> | undefined {
    this.#takeOut(resource)
    const closed = this.#face.close(resource, cause)
    if (closed === undefined) return undefined
    const done = () => this.#closing.delete(resource)
    this.#closing.set(resource, closed)
    closed.then(done, done)
    return closed
  }

  /** When what was lent to us is closed; undefined: it is not being closed. */
  closingOf(resource: T): Promise<void> | undefined {
    return this.#closing.get(resource)
  }

  limitMoved(): void {
    this.#lookIfOwed()
  }

  /**
   * Who is in the pool's own queue with nothing on its way to him: since before adoption, or because what was idle
   * proved unfit when there was no room for another. The pool looks at its queue at occasions of its own alone.
   */
  owed(): number {
    return Math.max(0, this.#face.queued() - this.#face.coming())
  }

  /** Whoever is in the pool's own queue, with nothing on its way to him, takes what is idle before we could. */
  idleCount(): number {
    return Math.max(0, this.#face.idle() - this.owed())
  }

  /** Who is in the pool's own queue since before adoption: whoever else is there, waits at the gate. */
  strangersWaiting(): number {
    return Math.max(0, this.#face.queued() - this.#asked())
  }

  /**
   * Taken, or being opened, past the gate or before there was one. So is what is being opened for a request that has
   * been answered otherwise meanwhile: it is nobody's, until it is idle.
   */
  strangersOut(): number {
    const face = this.#face
    const ours = this.#outCount + Math.max(0, this.#asked() - this.owed()) // who asked last waits for nothing yet
    return Math.max(0, face.total() - face.idle() - ours)
  }

  #lookIfOwed(): void {
    if (this.owed() > 0) this.#lookSoon()
  }

  /**
   * The pool answers whoever asked first, whatever for: who has one opened gets what is idle, who takes what is idle
   * gets what is opened. So an answer goes to whom it is meant for: a resource to one who takes, as long as there is
   * one, and an error to one who opens. It would else be told to a caller, and a create seem to take no time.
   */
  #ask(kind: Set<Deferred<T>>, ask: () => Promise<T>): Promise<T> {
    const asked = deferred<T>()
    kind.add(asked)
    void this.#answer(asked, ask)
    return asked.promise
  }

  async #answer(asked: Deferred<T>, ask: () => Promise<T>): Promise<void> {
    try {
      const resource = await ask()
      this.#out.set(resource, (this.#out.get(resource) ?? 0) + 1)
      this.#outCount += 1
      this.#next(asked, this.#taking, this.#opening).resolve(resource)
    } catch (error) {
      this.#next(asked, this.#opening, this.#taking).reject(error as Error)
    } finally {
      this.#lookIfOwed()
    }
  }

  /** Whom an answer to `asked` is for: himself, if he is among the first who are not empty, else the oldest of them. */
  #next(asked: Deferred<T>, first: Set<Deferred<T>>, others: Set<Deferred<T>>): Deferred<T> {
    const meant = first.size > 0 ? first : others
    const next = meant.has(asked) ? asked : (meant.values().next().value as Deferred<T>)
    meant.delete(next)
    return next
  }

  #asked(): number {
    return this.#opening.size + this.#taking.size
  }

  #takeOut(resource: T): void {
    const times = this.#out.get(resource)
    assert(times !== undefined, 'what is given back was out')
    if (times === 1) this.#out.delete(resource)
    else this.#out.set(resource, times - 1)
    this.#outCount -= 1
  }
}
