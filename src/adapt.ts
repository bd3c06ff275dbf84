import { recognise, SUPPORTED_POOLS } from './adapters/recognise.ts'
import { type OptionsReader, readOptions, show } from './base/options.ts'
import {
  CONTROL_DEFAULTS,
  type ControlOptions,
  PoolHandle,
  type ResolvedControlOptions,
  resolveControlOptions,
} from './handle.ts'
import type { Adapter } from './pool/contract.ts'
import { UnsupportedPoolError } from './pool/pool-errors.ts'
import { POOL_DEFAULTS, type PoolOptions, type ResolvedPoolOptions, resolvePoolOptions } from './pool/pool-options.ts'

/** Options that stay the adopted pool's own: it makes, checks and ages its connections as before. */
type KeptOption = 'idleTimeoutMs' | 'lifetimeMs' | 'lifetimeJitter' | 'usesMax' | 'destroyOnError'

/**
 * Options of adapt(). What is left out is read from the pool's own: `limitMax` and `limitInitial` are its maximum,
 * `acquireTimeoutMs` and `createTimeoutMs` its connection timeout, where it has them.
 */
export interface AdaptOptions extends Omit<PoolOptions, KeptOption>, ControlOptions {}

/**
 * Adopts an existing pool, in place: everyone goes on using the same object, and its limit moves with the traffic.
 * Adopting twice returns the first handle; `detach()` puts everything back.
 *
 * A connection that dies idle is no longer fatal, as it is in pg without an `error` listener: it is a `destroyed` event
 * with its cause, and pg's own `error` event as before. One that dies in its holder's hands fails the holder's queries.
 *
 * ```ts
 * const pool = new pg.Pool()
 * const control = adapt(pool, { limitMax: 50 })
 * ```
 *
 * @throws UnsupportedPoolError for anything that is not one of the supported pools, or is closed
 * @throws TypeError | RangeError for options that are unknown, of the wrong type, out of range or contradictory
 */
export function adapt(pool: object, options?: AdaptOptions): AdoptedPool {
  const first = adopted().get(pool)
  if (first !== undefined) return first
  const adapter = recognise(pool)
  if (adapter === undefined) throw refusal(`adapt: cannot adopt ${show(pool)}; supported: ${SUPPORTED_POOLS}`, options)
  if (adapter.isClosed) throw refusal(`adapt: this ${adapter.kind} pool is closed: end() was called on it`, options)
  const handle = new AdoptedPool(adapter, resolveAdaptOptions(adapter, options), () => adopted().delete(pool))
  adopted().set(pool, handle)
  return handle
}

/** The handle of an adopted pool. */
export class AdoptedPool extends PoolHandle<unknown> {
  /** What was recognised: 'pg'. */
  readonly kind: string
  readonly #adapter: Adapter<unknown>
  readonly #forget: () => void
  #isDetached = false

  constructor(adapter: Adapter<unknown>, options: ResolvedOptions, forget: () => void) {
    super(options, () => adapter.source)
    const { limitMax, createTimeoutMs, destroyTimeoutMs, warmUp } = options.pool
    this.kind = adapter.kind
    this.#adapter = adapter
    this.#forget = forget
    adapter.attach(this.engine, { limitMax, createTimeoutMs, destroyTimeoutMs, drain: () => this.drain() })
    // What fails is an event, and is tried again for the first acquire.
    if (warmUp > 0) this.engine.warmUp(warmUp).catch(() => {})
  }

  /**
   * Puts every patched member and option back: the pool is as if it had never been adopted. Leases that are out end as
   * usual, and whoever waits is taken over by the pool's own queue. Afterwards this handle does nothing any more; the
   * pool can be adopted anew. Detaching twice is harmless.
   */
  detach(): void {
    if (this.#isDetached) return
    this.#isDetached = true
    this.#adapter.detach()
    this.engine.abandon()
    void this.drain() // over at once, and stops the control loop
    this.#forget()
  }
}

interface ResolvedOptions {
  readonly pool: ResolvedPoolOptions
  readonly control: ResolvedControlOptions
}

function resolveAdaptOptions(adapter: Adapter<unknown>, given: AdaptOptions | undefined): ResolvedOptions {
  const owner = 'adapt'
  for (const [option, theirs] of Object.entries(adapter.keeps)) {
    if ((given as Record<string, unknown> | undefined)?.[option] === undefined) continue
    throw new TypeError(`${owner}: ${option} is the adopted pool's own business: set ${theirs} of ${adapter.kind}`)
  }
  const { limitMax } = adapter.inherited
  const defaults = {
    ...POOL_DEFAULTS,
    ...CONTROL_DEFAULTS,
    ...adapter.inherited,
    ...(limitMax === undefined ? {} : { limitInitial: limitMax }), // nobody begins worse off than before
  }
  readOptions<AdaptOptions>(owner, given, omit(defaults, OFF), ['name']) // names what is allowed here
  const read = readOptions<AdaptOptions>(owner, given, { ...defaults, ...OFF }, ['name'])
  return {
    pool: resolvePoolOptions(owner, read as OptionsReader<PoolOptions>),
    control: resolveControlOptions(owner, read),
  }
}

/** The engine's own ageing of resources: left to the adopted pool. */
const OFF = {
  idleTimeoutMs: Number.POSITIVE_INFINITY,
  lifetimeMs: Number.POSITIVE_INFINITY,
  lifetimeJitter: 0,
  usesMax: Number.POSITIVE_INFINITY,
} as const

function omit(from: object, keys: object): object {
  return Object.fromEntries(Object.entries(from).filter(([key]) => !(key in keys)))
}

function refusal(message: string, options: AdaptOptions | undefined): UnsupportedPoolError {
  const name = typeof options?.name === 'string' ? options.name : ''
  const none = { limit: 0, size: 0, live: 0, creating: 0, idle: 0, validating: 0, inUse: 0, destroying: 0, waiters: 0 }
  return new UnsupportedPoolError(message, { pool: name, counts: none })
}

const REGISTRY = Symbol.for('adaptive-pool.adopted')

/** Of the process, not of this module: loaded as ESM and as CommonJS, the library must still adopt a pool only once. */
function adopted(): WeakMap<object, AdoptedPool> {
  const process = globalThis as { [REGISTRY]?: WeakMap<object, AdoptedPool> }
  process[REGISTRY] ??= new WeakMap()
  return process[REGISTRY]
}
