import { nameDoors } from './base/door.ts'
import { readOptions } from './base/options.ts'
import {
  CONTROL_DEFAULTS,
  type ControlOptions,
  PoolHandle,
  type ResolvedControlOptions,
  resolveControlOptions,
} from './handle.ts'
import type { AcquireOptions, Lease } from './pool/contract.ts'
import { type FactoryOptions, factorySource, type ValidationOptions } from './pool/factory-source.ts'
import { POOL_DEFAULTS, type PoolOptions, type ResolvedPoolOptions, resolvePoolOptions } from './pool/pool-options.ts'

/** Options of createPool(). Only `create` and `destroy` are required. */
export interface CreatePoolOptions<T>
  extends FactoryOptions<T>,
    PoolOptions,
    ControlOptions,
    Partial<ValidationOptions> {}

const VALIDATION_DEFAULTS = {
  validateAfterIdleMs: 500, // a resource that served half a second ago is alive; HikariCP does likewise
  validateTimeoutMs: 1_000, // a ping takes a round trip; beyond it, another resource serves sooner
} as const satisfies ValidationOptions

/**
 * A pool of anything, whose limit moves with the traffic.
 *
 * ```ts
 * const pool = createPool({ create: () => connect(), destroy: (connection) => connection.end() })
 * const rows = await pool.use((connection) => connection.query(sql))
 * ```
 *
 * @throws TypeError | RangeError for options that are unknown, of the wrong type, out of range or contradictory
 */
export function createPool<T>(options: CreatePoolOptions<T>): AdaptivePool<T> {
  return new AdaptivePool<T>(...resolveCreatePoolOptions('createPool', options))
}

/** What an {@link AdaptivePool} is made of. */
export type AdaptivePoolParts<T> = ConstructorParameters<typeof AdaptivePool<T>>

/** Reads options as createPool() does, for `owner`. */
export function resolveCreatePoolOptions<T>(owner: string, options: CreatePoolOptions<T>): AdaptivePoolParts<T> {
  const defaults = { ...POOL_DEFAULTS, ...CONTROL_DEFAULTS, ...VALIDATION_DEFAULTS }
  const others = ['name', 'create', 'destroy', 'validate', 'destroyOnError'] as const
  const read = readOptions<CreatePoolOptions<T>>(owner, options, defaults, others)
  const validate = read.optionalFn<(resource: T) => unknown>('validate')
  for (const key of ['validateAfterIdleMs', 'validateTimeoutMs'] as const) {
    if (validate === undefined && read.has(key)) read.contradiction(key, 'has no meaning without validate')
  }
  return [
    { pool: resolvePoolOptions(owner, read), control: resolveControlOptions(owner, read) },
    {
      create: read.fn<FactoryOptions<T>['create']>('create'),
      destroy: read.fn<FactoryOptions<T>['destroy']>('destroy'),
      ...(validate === undefined ? {} : { validate }),
    },
    {
      validateAfterIdleMs: read.durationMs('validateAfterIdleMs'),
      validateTimeoutMs: read.durationMs('validateTimeoutMs', { min: Number.MIN_VALUE }),
    },
  ]
}

/** A native pool: made by createPool(). */
export class AdaptivePool<T> extends PoolHandle<T> {
  constructor(
    options: { readonly pool: ResolvedPoolOptions; readonly control: ResolvedControlOptions },
    factory: FactoryOptions<T>,
    validation: ValidationOptions,
  ) {
    super(options, (scope) => factorySource(factory, validation, options.control.clock, scope))
    nameDoors(AdaptivePool.prototype, 'acquire', 'tryAcquire', 'use')
    this.start()
  }

  /**
   * A lease, as soon as there is one.
   *
   * @throws AcquireTimeoutError after timeoutMs
   * @throws ShedError when the wait was going to be too long (queue policy)
   * @throws QueueFullError when waitersMax are waiting
   * @throws AcquireAbortedError when the signal was aborted
   * @throws CreateFailedError when no resource can be created and none is left
   * @throws DrainingError when drain() was called
   * @throws TypeError | RangeError for wrong options. All of them as rejections.
   */
  acquire(options?: AcquireOptions): Promise<Lease<T>> {
    return this.engine.acquire(options)
  }

  /**
   * A lease if there is one at once; it never waits, and nothing is created for it. What has idled for
   * `validateAfterIdleMs` is validated first, which takes its time: this call has none, and one that comes within
   * `validateAfterIdleMs` after it. Who asks more rarely wants `acquire({ timeoutMs })`.
   */
  tryAcquire(options?: Pick<AcquireOptions, 'tag'>): Lease<T> | undefined {
    return this.engine.tryAcquire(options)
  }

  /**
   * Runs `fn` with a resource and gives it back. If `fn` fails, the resource is destroyed where `destroyOnError` says
   * so, and given back otherwise; the error is the caller's. A lease that `fn` has ended itself is left alone.
   *
   * @throws what acquire() throws, and what `fn` throws
   */
  use<R>(fn: (resource: T, lease: Lease<T>) => R | Promise<R>, options?: AcquireOptions): Promise<R> {
    return this.engine.use(fn, options)
  }
}
