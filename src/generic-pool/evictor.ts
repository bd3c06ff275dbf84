import { wallClockMs } from '../base/clock.ts'

/** What an evictor gets to see of an idle resource. Times in ms since 1970, as Date.now() has them. */
export interface PooledResource<T> {
  readonly obj: T
  readonly state: 'IDLE'
  readonly creationTime: number
  /** null: never yet. */
  readonly lastBorrowTime: number | null
  /** null: never yet. */
  readonly lastReturnTime: number | null
  readonly lastIdleTime: number
  /** For how long it has been idle, in ms. */
  readonly idleMs?: number
}

/** Times in ms; softIdleTimeoutMillis <= 0 is off. */
export interface EvictionConfig {
  readonly softIdleTimeoutMillis: number
  readonly idleTimeoutMillis: number
  readonly min: number
}

/** Decides whether an idle resource is destroyed. */
export interface Evictor<T> {
  evict(config: EvictionConfig, pooledResource: PooledResource<T>, availableObjectsCount: number): boolean
}

/** Destroys what has been idle for idleTimeoutMillis, or softIdleTimeoutMillis with more than `min` idle. */
export class DefaultEvictor implements Evictor<unknown> {
  evict(
    { softIdleTimeoutMillis, idleTimeoutMillis, min }: EvictionConfig,
    { idleMs, lastIdleTime }: Pick<PooledResource<unknown>, 'idleMs' | 'lastIdleTime'>,
    availableObjectsCount: number,
  ): boolean {
    const forMs = idleMs ?? wallClockMs() - lastIdleTime
    const isSoftlyDue = softIdleTimeoutMillis > 0 && softIdleTimeoutMillis < forMs && min < availableObjectsCount
    return isSoftlyDue || idleTimeoutMillis < forMs
  }
}
