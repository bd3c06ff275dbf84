import { hintAt, recognise, SUPPORTED_POOLS } from './adapters/recognise.ts'
import { AdoptedGroup, NO_COUNTS } from './adopted-group.ts'
import type { AdaptOptions, AdoptedPool } from './adopted-pool.ts'
import { type OptionsReader, readOptions, show } from './base/options.ts'
import { CONTROL_DEFAULTS, PoolHandle, type ResolvedControlOptions, resolveControlOptions } from './handle.ts'
import type { Adapter, AdapterGroup } from './pool/contract.ts'
import { OWN_MANNER } from './pool/manner.ts'
import { UnsupportedPoolError } from './pool/pool-errors.ts'
import { POOL_DEFAULTS, type PoolOptions, type ResolvedPoolOptions, resolvePoolOptions } from './pool/pool-options.ts'

/**
 * Adopts an existing pool, in place: everyone goes on using the same object, and its limit moves with the traffic.
 * `detach()` puts everything back. Adopting twice returns the first handle: options of the second call are checked, but
 * change nothing about it (`resize()` does).
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
  const found = recognise(pool)
  if (found === undefined || 'refusal' in found) {
    const why = found?.refusal ?? `cannot adopt ${show(pool)}${hintAt(pool)}`
    throw refusal(`adapt: ${why}; supported: ${SUPPORTED_POOLS}`, options)
  }
  const first = adopted().get(found.pool)
  if (first !== undefined) {
    if (options !== undefined) first.resolve(options)
    return first.handle
  }
  const forget = (): void => void adopted().delete(found.pool)
  const adapter = 'group' in found ? found.group() : found.adapter()
  if (adapter.isClosed) throw refusal(`adapt: this ${adapter.kind} pool is closed`, options)
  const heir = heirOf(adapter)
  const resolve = (given: AdaptOptions | undefined) => resolveAdaptOptions(heir, given)
  const resolved = resolve(options)
  const handle =
    'source' in adapter
      ? new AdoptedOne(adapter, resolved, forget)
      : new AdoptedGroup(adapter, resolved.control.name, options ?? {}, adapt, forget)
  adopted().set(found.pool, { handle, resolve })
  return handle
}

/** The handle of one adopted pool. */
export class AdoptedOne extends PoolHandle<unknown> implements AdoptedPool {
  readonly kind: string
  readonly members: ReadonlyMap<string, AdoptedPool> = new Map()
  readonly #adapter: Adapter<unknown>
  readonly #forget: () => void
  #isDetached = false

  constructor(adapter: Adapter<unknown>, options: ResolvedOptions, forget: () => void) {
    const { limitMax, createTimeoutMs, destroyTimeoutMs } = options.pool
    super(options, () => adapter.source, {
      ...OWN_MANNER,
      isFull: (counts) => adapter.isFull?.(counts) || undefined,
    })
    this.kind = adapter.kind
    this.#adapter = adapter
    this.#forget = forget
    adapter.attach(this.engine, {
      limitMax,
      createTimeoutMs,
      destroyTimeoutMs,
      drain: (patience) => this.drain(patience),
      work: this.engine.work,
    })
    if (adapter.liveMin !== undefined) this.engine.keepLive(adapter.liveMin)
    this.start()
  }

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

/** What the options depend on. */
type Heir = Pick<Adapter<unknown>, 'kind' | 'keeps' | 'inherited' | 'ceiling'>

/**
 * As it is before adoption, which changes what there is to inherit. What a group has no member to read from yet is
 * checked all the same, before anything is patched.
 */
function heirOf(adapter: Adapter<unknown> | AdapterGroup): Heir {
  const { kind, keeps } = adapter
  if (!('source' in adapter)) return { kind, keeps, inherited: {} }
  const { inherited, ceiling } = adapter
  return { kind, keeps, inherited, ceiling }
}

function resolveAdaptOptions(adapter: Heir, given: AdaptOptions | undefined): ResolvedOptions {
  const owner = 'adapt'
  for (const [option, theirs] of Object.entries(adapter.keeps)) {
    const value = (given as Record<string, unknown> | undefined)?.[option]
    if (value === undefined) continue
    const wayOut = `is the adopted pool's own business: set ${theirs} of ${adapter.kind}`
    throw new TypeError(`${owner}: ${option} ${wayOut}, got ${show(value)}`)
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
  const pool = resolvePoolOptions(owner, read as OptionsReader<PoolOptions>)
  const { ceiling } = adapter
  if (ceiling !== undefined && pool.limitMax > ceiling.most) {
    throw new RangeError(`${owner}: limitMax must be at most ${ceiling.most}, got ${pool.limitMax}: ${ceiling.wayOut}`)
  }
  return {
    pool,
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
  return new UnsupportedPoolError(message, { pool: name, counts: NO_COUNTS })
}

interface Adoption {
  readonly handle: AdoptedPool
  /** Refuses what the first call would have refused. */
  readonly resolve: (options: AdaptOptions | undefined) => unknown
}

const REGISTRY: unique symbol = /* @__PURE__ */ Symbol.for('adaptive-pool.adopted')

/** Of the process, not of this module: loaded as ESM and as CommonJS, the library must still adopt a pool only once. */
function adopted(): WeakMap<object, Adoption> {
  const process = globalThis as { [REGISTRY]?: WeakMap<object, Adoption> }
  process[REGISTRY] ??= new WeakMap()
  return process[REGISTRY]
}
