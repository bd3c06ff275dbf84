import type { Adapter } from '../pool/contract.ts'
import { isPgPool, pgAdapter } from './pg.ts'

/** What adapt() takes, for people. */
export const SUPPORTED_POOLS = 'pg.Pool of pg 8 (pg-pool 3)'

/** The adapter for somebody's pool, told by its members and not by its class, which may be loaded twice. */
export function recognise(candidate: unknown): Adapter<unknown> | undefined {
  if (isPgPool(candidate)) return pgAdapter(candidate) as Adapter<unknown>
  return undefined
}
