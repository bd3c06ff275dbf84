/** What eviction looks at in an idle entry. Times in ms on the pool's clock. */
export interface IdleFacts {
  /** Since when it has been idle. */
  readonly sinceMs: number
  readonly expiresAtMs: number
}

/** When an idle entry falls due for eviction, in ms. */
export function evictAtMs(entry: IdleFacts, idleTimeoutMs: number): number {
  return Math.min(entry.sinceMs + idleTimeoutMs, entry.expiresAtMs)
}

/**
 * Why to evict an idle entry now, if at all. Who is past its lifetime goes in any case; who has idled too long goes
 * only while more than `limitMin` are live.
 */
export function evictionReason(
  entry: IdleFacts,
  nowMs: number,
  pool: { readonly idleTimeoutMs: number; readonly live: number; readonly limitMin: number },
): 'lifetime' | 'idle' | undefined {
  if (nowMs >= entry.expiresAtMs) return 'lifetime'
  if (pool.live > pool.limitMin && nowMs >= entry.sinceMs + pool.idleTimeoutMs) return 'idle'
  return undefined
}

/**
 * When an entry created now expires: its lifetime less a random share of it, so that a pool filled at once does not
 * expire at once.
 *
 * @param lifetimeJitter share of the lifetime, 0..1
 * @param random01 uniform in [0, 1)
 */
export function expiryMs(nowMs: number, lifetimeMs: number, lifetimeJitter: number, random01: number): number {
  return nowMs + lifetimeMs * (1 - lifetimeJitter * random01)
}
