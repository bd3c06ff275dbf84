import type { ControlOptions, PoolHandle, PoolHandleEvents } from './handle.ts'
import type { PoolOptions } from './pool/pool-options.ts'

/** Options that stay the adopted pool's own: it makes, checks and ages its connections as before. */
type KeptOption = 'idleTimeoutMs' | 'lifetimeMs' | 'lifetimeJitter' | 'usesMax' | 'destroyOnError'

/**
 * Options of adapt(). What is left out is read from the pool's own: `limitMax` and `limitInitial` are its maximum,
 * `acquireTimeoutMs` and `createTimeoutMs` its timeouts, where it has them.
 */
export interface AdaptOptions extends Omit<PoolOptions, KeptOption>, ControlOptions {}

type Surface<H> = { [K in keyof H]: H[K] }

/** The handle of an adopted pool, or of several behind one object: a cluster's nodes, a primary and its replicas. */
export interface AdoptedPool extends Omit<Surface<PoolHandle<unknown>>, 'on' | 'once' | 'off'> {
  /** What was recognised: 'pg', 'mysql2', … */
  readonly kind: string
  /**
   * Of several pools behind one object, the handle of each, by name; those that come later are in it too. Of a single
   * pool: none. Limits are per member; counts are their sum, and quantiles the worst of theirs.
   */
  readonly members: ReadonlyMap<string, AdoptedPool>
  /**
   * Puts every patched member and option back: the pool is as if it had never been adopted. Leases that are out end as
   * usual, and whoever waits is taken over by the pool's own queue. While more is out than the pool's own maximum, its
   * release stays patched, and closes what is too many. Afterwards this handle does nothing any more; the
   * pool can be adopted anew. Detaching twice is harmless.
   */
  detach(): void
  on<K extends keyof PoolHandleEvents>(event: K, listener: (payload: PoolHandleEvents[K]) => void): this
  once<K extends keyof PoolHandleEvents>(event: K, listener: (payload: PoolHandleEvents[K]) => void): this
  off<K extends keyof PoolHandleEvents>(event: K, listener: (payload: PoolHandleEvents[K]) => void): this
}
