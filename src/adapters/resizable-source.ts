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
    /** Of these, those that acquire() would lend. */
    readonly idle: number
    /** Who waits in its own queue; with the gate in front, nobody. @defaultValue 0 */
    readonly waiters?: number
  }
  /** Lends an idle resource, or opens one. */
  acquire(): Promise<T>
  /** Opens one more, whatever is idle, and lends it. `signal` is aborted at createTimeoutMs. */
  open(context: { readonly signal: AbortSignal }): Promise<T>
  /** Takes back what was lent. */
  release(resource: T): void
  /** Closes what was lent. */
  destroy(resource: T): unknown
  /** Closes an idle one, best the one that has idled longest. */
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

  closeIdle(): Promise<void> | undefined {
    if (this.#source.counts().idle === 0) return undefined
    return (async () => void (await this.#source.closeIdle()))()
  }

  total(): number {
    return this.#source.counts().total
  }

  idle(): number {
    return this.#source.counts().idle
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
      destroy: (resource: unknown) => {
        if (!doors.end(resource, 'destroy')) return this.#own.destroy(resource)
      },
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
