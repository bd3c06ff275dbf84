import { ignore } from '../base/ignore.ts'
import { ownMembers, patchLasting, patchMembers } from './patch.ts'
import { type Doors, FOREVER_MS, type PoolFace } from './pool-face.ts'
import { refusalCode } from './refusal-code.ts'
import { socketClosed } from './socket-closed.ts'
import { type TimeoutMaker, timeoutErrorOf } from './timeout-error.ts'

/** What tarn's acquire() answers with. */
interface TarnAcquire {
  readonly promise: Promise<object>
  abort(): void
}

/** Private: tarn's record of one resource. */
interface TarnResource {
  readonly resource: object
  /** Ends the promise of its use, which its end awaits; answers with a new record, for the next. */
  resolve(): unknown
}

/** The part of tarn's Pool 3.x that we touch, and no more; knex's and mssql's are of this kind. */
export interface TarnPoolLike {
  acquire(): TarnAcquire
  release(resource: object): boolean
  destroy(): Promise<unknown>
  numUsed(): number
  numFree(): number
  numPendingAcquires(): number
  numPendingCreates(): number
  numPendingValidations(): number
  on(event: string, listener: () => void): void
  removeListener(event: string, listener: () => void): void
  /** Private to TypeScript only. */
  min: number
  max: number
  acquireTimeoutMillis: number
  createTimeoutMillis: number
  propagateCreateError: boolean
  readonly destroyed: boolean
  /** Private: idle ones, oldest first. */
  free: TarnResource[]
  readonly used: TarnResource[]
  /** Private: runs the destroyer; never rejects. */
  _destroy(resource: object): Promise<unknown>
  /** Private: serves whoever waits from what is free, or has one created. */
  _tryAcquireOrCreate(): void
}

const METHODS = [
  'acquire',
  'release',
  'destroy',
  'numUsed',
  'numFree',
  'numPendingValidations',
  'on',
  '_destroy',
] as const
const NUMBERS = ['min', 'max', 'acquireTimeoutMillis', 'createTimeoutMillis'] as const

/** Is it a Pool of tarn, of whatever copy? */
export function isTarnPool(candidate: unknown): candidate is TarnPoolLike {
  if (typeof candidate !== 'object' || candidate === null) return false
  const pool = candidate as Record<string, unknown>
  return (
    METHODS.every((name) => typeof pool[name] === 'function') &&
    NUMBERS.every((name) => typeof pool[name] === 'number') &&
    Array.isArray(pool.free) &&
    Array.isArray(pool.used)
  )
}

/** The pool of a knex instance, which is a function; undefined: it is none. */
export function knexPoolOf(candidate: unknown): { readonly pool: unknown } | undefined {
  if (typeof candidate !== 'function') return undefined
  const { client } = candidate as { client?: { pool?: unknown; acquireConnection?: unknown } }
  return typeof client?.acquireConnection === 'function' ? { pool: client.pool } : undefined
}

/** The inner pool of an mssql ConnectionPool, which has it once it is connected; undefined: it is none. */
export function mssqlPoolOf(candidate: unknown): { readonly pool: unknown } | undefined {
  const pool = candidate as
    | { pool?: unknown; connect?: unknown; request?: unknown; config?: unknown }
    | null
    | undefined
  const isOne = typeof pool === 'object' && typeof pool?.connect === 'function' && typeof pool.request === 'function'
  return isOne && typeof pool.config === 'object' ? { pool: pool.pool } : undefined
}

/** Events of tarn after which resources may be in other hands, or gone. */
const LOOK_AT = ['createSuccess', 'createFail', 'acquireSuccess', 'release', 'destroyRequest'] as const

/**
 * tarn's traps: a raise of `max` serves nobody; after a shrink everything old stays in use, since it looks at free ones
 * before it looks at `max`; it tries a failed create again on a timer each, without ever telling whoever waits, unless
 * `propagateCreateError` is on; it has nothing to close one resource with; and knex knows a timeout by tarn's own class
 * alone. Its `destroy()` leaves whoever asks afterwards waiting for ever; the gate refuses him.
 */
export class TarnFace implements PoolFace<object> {
  readonly kind: string
  readonly keeps = { idleTimeoutMs: 'idleTimeoutMillis', validate: 'validate' } as const
  readonly #pool: TarnPoolLike
  readonly #own: Pick<TarnPoolLike, 'acquire' | 'release' | 'destroy' | 'numPendingAcquires' | '_tryAcquireOrCreate'>
  #isOpening = false
  #destroyTimeoutMs = Number.POSITIVE_INFINITY

  constructor(pool: TarnPoolLike, kind: string) {
    this.kind = kind
    this.#pool = pool
    this.#own = ownMembers(pool, 'acquire', 'release', 'destroy', 'numPendingAcquires', '_tryAcquireOrCreate')
  }

  get isClosed(): boolean {
    return this.#pool.destroyed
  }

  get inherited() {
    const { max, acquireTimeoutMillis, createTimeoutMillis } = this.#pool
    return { limitMax: max, acquireTimeoutMs: acquireTimeoutMillis, createTimeoutMs: createTimeoutMillis }
  }

  open(): Promise<object> {
    const pool = this.#pool
    const atRest = pool.free
    // With one at rest it would lend that, and warming up would pass it from each create to the next for ever.
    pool.free = []
    this.#isOpening = true
    try {
      return this.#own.acquire().promise
    } finally {
      this.#isOpening = false
      pool.free = atRest
    }
  }

  take(signal?: AbortSignal): Promise<object> {
    const asked = this.#own.acquire()
    signal?.addEventListener('abort', () => asked.abort())
    return asked.promise
  }

  giveBack(resource: object): boolean {
    return this.#own.release(resource)
  }

  /** As tarn's own way with an unfit one: out of `used`, settled, destroyed. */
  close(resource: object): Promise<void> {
    const { used } = this.#pool
    const at = used.findIndex((one) => one.resource === resource)
    if (at < 0) return Promise.resolve()
    for (const record of used.splice(at, 1)) record.resolve()
    return this.#destroyed(resource)
  }

  closeIdle(): Promise<void> | undefined {
    const oldest = this.#pool.free.shift()
    if (oldest === undefined) return undefined
    oldest.resolve()
    return this.#destroyed(oldest.resource)
  }

  #destroyed(resource: object): Promise<void> {
    return socketClosed(resource, () => this.#pool._destroy(resource), this.#destroyTimeoutMs)
  }

  total(): number {
    return this.#pool.numUsed() + this.#pool.numFree() + this.#pool.numPendingCreates()
  }

  idle(): number {
    return this.#pool.numFree()
  }

  queued(): number {
    return this.#own.numPendingAcquires() + this.#pool.numPendingValidations()
  }

  coming(): number {
    return this.#pool.numPendingCreates() + this.#pool.numPendingValidations()
  }

  resources(): Iterable<object> {
    return [...this.#pool.used, ...this.#pool.free].map(({ resource }) => resource)
  }

  kick(count: number): void {
    for (let left = count; left > 0; left--) this.#pool._tryAcquireOrCreate()
  }

  /** Whoever waits for what is being created is not given an idle one: what is created would be nobody's. */
  #serveOwed(): void {
    const pool = this.#pool
    const owed = this.queued() - this.coming()
    if (owed <= 0) return
    const atRest = pool.free
    const lent = atRest.splice(-owed)
    pool.free = lent
    try {
      this.#own._tryAcquireOrCreate()
    } finally {
      pool.free = atRest
      atRest.push(...lent)
    }
  }

  attach(doors: Doors<object>) {
    const pool = this.#pool
    this.#destroyTimeoutMs = doors.settings.destroyTimeoutMs
    const timeout = timeoutErrorOf(pool, {
      pendingAcquires: [],
      acquireTimeoutMillis: 1,
      eventId: 0,
      _tryAcquireOrCreate: ignore,
      _executeEventHandlers: ignore,
    })
    const translate = (error: Error): unknown | Promise<unknown> => asTarnError(error, timeout)
    const createTimeoutMillis = Math.min(doors.settings.createTimeoutMs, FOREVER_MS)
    const limit = () => (this.#isOpening ? doors.settings.limitMax : doors.limit())
    const look = (): void => doors.lookSoon()
    for (const event of LOOK_AT) pool.on(event, look)
    const patch = patchMembers(pool, {
      max: { get: limit },
      createTimeoutMillis: { value: createTimeoutMillis },
      // tarn's, for what the gate has asked; longer than a create, since its callers' own is kept at the gate
      acquireTimeoutMillis: { value: Math.min(createTimeoutMillis + ACQUIRE_MARGIN_MS, FOREVER_MS) },
      propagateCreateError: { value: true },
      _tryAcquireOrCreate: () => this.#serveOwed(),
      acquire: () => gatedAcquire(doors, translate),
      numPendingAcquires: doors.waiters,
      destroy: async () => {
        await doors.drain()
        return this.#own.destroy()
      },
    })
    const release = patchLasting(pool, {
      release: (resource: object) => doors.end(resource, 'release') || this.#own.release(resource),
    })
    return {
      release,
      undo: () => {
        for (const event of LOOK_AT) pool.removeListener(event, look)
        patch.undo()
      },
    }
  }
}

/** How much longer, in ms, an acquire of tarn's may take than a create: validation of what was idle. */
const ACQUIRE_MARGIN_MS = 1_000

function gatedAcquire(doors: Doors<object>, translate: (error: Error) => unknown): TarnAcquire {
  const leaving = new AbortController()
  return {
    promise: doors.ask({ signal: leaving.signal }, translate),
    abort: () => leaving.abort(),
  }
}

/** What its callers know how to catch, with ours as its cause. */
function asTarnError(error: Error, timeout: Promise<TimeoutMaker>): unknown | Promise<unknown> {
  switch (refusalCode(error)) {
    case 'ERR_POOL_ACQUIRE_TIMEOUT':
      return timeout.then((make) => make(error))
    case 'ERR_POOL_ABORTED':
    case 'ERR_POOL_DRAINING':
      return new Error('aborted', { cause: error })
    case 'ERR_POOL_CREATE_FAILED':
      return error.cause ?? error
    default:
      return error
  }
}
