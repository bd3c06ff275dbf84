import { assert } from '../base/assert.ts'
import type { DestroyReason, Source } from '../pool/contract.ts'
import type { PoolFace } from './pool-face.ts'

/** A pool behind its face, as a source of the engine's; keeps count of what is ours. */
export class FaceSource<T> implements Source<T> {
  readonly #face: PoolFace<T>
  /** Lent to us. A resource may be lent twice at a time where the pool's factory made the same thing twice. */
  readonly #out = new Map<T, number>()
  #outCount = 0
  /** Asked of the pool and not answered yet. */
  #asked = 0

  constructor(face: PoolFace<T>) {
    this.#face = face
  }

  create(signal: AbortSignal): Promise<T> {
    return this.#ask(() => this.#face.open(signal))
  }

  prepare(): Promise<T> {
    return this.#ask(() => this.#face.take())
  }

  giveBack(resource: T): boolean {
    this.#takeOut(resource)
    return this.#face.giveBack(resource, this.#asked > 0 && this.strangersQueued() === 0)
  }

  destroy(resource: T | undefined, reason: DestroyReason, cause?: unknown): Promise<void> | undefined {
    if (resource !== undefined) {
      this.#takeOut(resource)
      return this.#face.close(resource, cause)
    }
    // A hand-out that failed leaves nothing behind; the idle ones are others, and good.
    return reason === 'invalid' ? undefined : this.#face.closeIdle()
  }

  /** Whoever is in the pool's own queue, with nothing on its way to him, takes what is idle before we could. */
  idleCount(): number {
    return Math.max(0, this.#face.idle() - Math.max(0, this.#face.queued() - this.#face.coming()))
  }

  /**
   * Taken, or being opened, past the gate or before there was one. What is being opened for a request that a release
   * has served meanwhile is nobody's, and will be idle.
   */
  strangersOut(): number {
    const face = this.#face
    const nobodys = Math.max(0, face.coming() - face.queued())
    return Math.max(0, face.total() - face.idle() - this.#outCount - this.#asked - nobodys)
  }

  /** In the pool's own queue, and not sent there by us. */
  strangersQueued(): number {
    return Math.max(0, this.#face.queued() - this.#asked)
  }

  async #ask(ask: () => Promise<T>): Promise<T> {
    this.#asked += 1
    try {
      const resource = await ask()
      this.#out.set(resource, (this.#out.get(resource) ?? 0) + 1)
      this.#outCount += 1
      return resource
    } finally {
      this.#asked -= 1
    }
  }

  #takeOut(resource: T): void {
    const times = this.#out.get(resource)
    assert(times !== undefined, 'what is given back was out')
    if (times === 1) this.#out.delete(resource)
    else this.#out.set(resource, times - 1)
    this.#outCount -= 1
  }
}
