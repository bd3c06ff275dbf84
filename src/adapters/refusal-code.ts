import type { PoolCounts } from '../pool/contract.ts'

/**
 * Why somebody got no lease: the code of our error, but that of a failed create where his patience ended beside nothing
 * that he could have waited for. A driver tells such a caller why it cannot connect; that he has waited would send him
 * to the size of a pool that has nothing.
 */
export function refusalCode(error: Error): string | undefined {
  const { code, cause, counts } = error as { code?: string; cause?: unknown; counts?: PoolCounts }
  const isLeftWithNone = cause !== undefined && counts?.live === counts?.creating
  return code === 'ERR_POOL_ACQUIRE_TIMEOUT' && isLeftWithNone ? 'ERR_POOL_CREATE_FAILED' : code
}
