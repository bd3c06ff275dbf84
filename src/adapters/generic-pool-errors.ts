/** generic-pool's own words, which its callers look for: on an adopted pool, and on our drop-in for it. */
export const DRAINING = 'pool is draining and cannot accept work'

/** generic-pool does not export its class: it is known by the name. */
class TimeoutError extends Error {
  override readonly name = 'TimeoutError'
}

/** What generic-pool's callers know how to catch, with ours as its cause. */
export function asGenericPoolError(error: Error): unknown {
  const { code, cause } = error as { code?: string; cause?: unknown }
  switch (code) {
    case 'ERR_POOL_ACQUIRE_TIMEOUT':
      return new TimeoutError('ResourceRequest timed out', { cause: error })
    case 'ERR_POOL_QUEUE_FULL':
      return new Error('max waitingClients count exceeded', { cause: error })
    case 'ERR_POOL_DRAINING':
      return new Error(DRAINING, { cause: error })
    case 'ERR_POOL_CREATE_FAILED':
      return cause // as the factory had it, be it no Error
    default:
      return error
  }
}
