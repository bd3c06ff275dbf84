import type { Adapter, AdapterGroup } from '../pool/contract.ts'
import { mysql2Adapter, mysql2CoreOf } from './mysql2.ts'
import { Mysql2Cluster, mysql2ClusterOf } from './mysql2-cluster.ts'
import { isPgPool, pgAdapter } from './pg.ts'

/** What adapt() takes, for people. */
export const SUPPORTED_POOLS = 'pg.Pool of pg 8 (pg-pool 3), Pool and PoolCluster of mysql2 3'

/** What somebody's object turned out to be. */
export type Recognised = FoundPool | FoundGroup | { readonly refusal: string }

export interface FoundPool {
  /** What is adopted, and only once: the one pool behind whichever of its shells was given. */
  readonly pool: object
  readonly adapter: () => Adapter<unknown>
}

export interface FoundGroup {
  readonly pool: object
  readonly group: () => AdapterGroup
}

/** Somebody's pool, told by its members and not by its class, which may be loaded twice. */
export function recognise(candidate: unknown): Recognised | undefined {
  if (isPgPool(candidate)) return { pool: candidate, adapter: () => pgAdapter(candidate) as Adapter<unknown> }
  const mysql2 = mysql2CoreOf(candidate)
  if (mysql2 !== undefined) return { pool: mysql2, adapter: () => mysql2Adapter(mysql2) as Adapter<unknown> }
  const cluster = mysql2ClusterOf(candidate)
  if (cluster !== undefined) return { pool: cluster, group: () => new Mysql2Cluster(cluster) }
  return undefined
}
