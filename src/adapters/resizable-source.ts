import { ownMembers, patchMembers } from './patch.ts'
import type { Doors, PoolFace } from './pool-face.ts'

/**
 * A pool of your own, with what adapt() needs of it, on the object that everybody uses. `acquire`, `release` and
 * `destroy` are replaced on that object by the gate's doors; your own are called from behind them, never for more
 * resources than the limit allows.
 *
 * ```ts
 * class ProxyPool implements ResizableSource<Proxy> { … }
 * const control = adapt(new ProxyPool(), { limitMax: 50 })
 * ```
 */
export interface ResizableSource<T = unknown> {
  /** What it is, for messages. @defaultValue 'resizable source' */
  readonly kind?: string
  /** Its own maximum now. Integer >= 1; adapt() begins with it. */
  readonly max: number
  /** Sets its maximum: once to limitMax, at adoption, and back at detach(). */
  resize(max: number): void
  /** What it has. Read at every move: fields or sums, no scans. */
  counts(): {
    /** Resources, being opened included, being closed not. */
    readonly total: number
    /** Of these, those that the next acquire() would lend: what one under way is about to is none of them. */
    readonly idle: number
    /** Who waits in its own queue; with the gate in front, nobody. @defaultValue 0 */
    readonly waiters?: number
  }
  /** Lends an idle resource, or opens one. If it fails, and what is idle is so still, who is next fails with it. */
  acquire(): Promise<T>
  /** Opens one more, whatever is idle, and lends it. `signal` is aborted at createTimeoutMs. */
  open(context: { readonly signal: AbortSignal }): Promise<T>
  /** Takes back what was lent. */
  release(resource: T): void
  /** Closes what was lent. */
  destroy(resource: T): unknown
  /** Closes an idle one, best the one that has idled longest. What it keeps is lent before another is opened. */
  closeIdle(): unknown
}

const METHODS = ['resize', 'counts', 'acquire', 'open', 'release', 'destroy', 'closeIdle'] as const

export function isResizableSource(candidate: unknown): candidate is ResizableSource {
  if (typeof candidate !== 'object' || candidate === null) return false
  const source = candidate as Record<string, unknown>
  return METHODS.every((name) => typeof source[name] === 'function') && Number.isInteger(source.max)
}

/** A user's own pool: what he says of it is believed. */
export class ResizableSourceFace implements PoolFace<unknown> {
  readonly keeps = { idleTimeoutMs: 'what it does itself', validate: 'what it does itself' } as const
  readonly kind: string
  readonly isClosed = false
  readonly #source: ResizableSource
  readonly #own: Pick<ResizableSource, 'acquire' | 'release' | 'destroy'>
  readonly #max: number
  /** Those that the source was asked to close, and calls idle still: it is about to, cannot, or does not want to. */
  #unclosed = 0

  constructor(source: ResizableSource) {
    this.#source = source
    this.kind = source.kind ?? 'resizable source'
    this.#max = source.max
    this.#own = ownMembers(source, 'acquire', 'release', 'destroy')
  }

  get inherited() {
    return { limitMax: this.#max }
  }

  open(signal: AbortSignal): Promise<unknown> {
    if (this.#unclosed > 0) {
      this.#unclosed -= 1
      return this.take()
    }
    return this.#source.open({ signal })
  }

  take(): Promise<unknown> {
    return this.#own.acquire()
  }

  giveBack(resource: unknown): boolean {
    const before = this.#source.counts().total
    this.#own.release(resource)
    return this.#source.counts().total >= before
  }

  async close(resource: unknown): Promise<void> {
    await this.#own.destroy(resource)
  }

  /** Asked for what is idle still, it would be asked again at once, for ever. */
  closeIdle(): Promise<void> | undefined {
    const before = this.#source.counts()
    if (before.idle === 0) return undefined
    const work = (async () => void (await this.#source.closeIdle()))()
    if (this.#source.counts().idle < before.idle) return work
    this.#unclosed += 1
    return work.finally(() => {
      const { total, idle } = this.#source.counts()
      if (idle < before.idle || total < before.total) this.#unclosed = Math.max(0, this.#unclosed - 1)
    })
  }

  total(): number {
    return this.#source.counts().total - this.#unclosed
  }

  idle(): number {
    const { idle } = this.#source.counts()
    if (idle === 0) this.#unclosed = 0 // they have been lent after all, or closed
    return Math.max(0, idle - this.#unclosed)
  }

  queued(): number {
    return this.#source.counts().waiters ?? 0
  }

  coming(): number {
    return 0
  }

  /** What it has taken in before, it serves as it can. */
  kick(): void {}

  attach(doors: Doors<unknown>) {
    const source = this.#source
    source.resize(doors.settings.limitMax)
    const patch = patchMembers(source, {
      acquire: () => doors.ask({}, same),
      release: (resource: unknown) => {
        if (!doors.end(resource, 'release')) this.#own.release(resource)
      },
      destroy: (resource: unknown) => doors.destroy(resource, () => this.#own.destroy(resource)),
    })
    return {
      undo: () => {
        patch.undo()
        source.resize(this.#max)
      },
    }
  }
}

function same(error: Error): Error {
  return error
}
