import type { Adapter, AdapterGroup } from '../pool/contract.ts'
import { faceAdapter } from './face-adapter.ts'
import { GenericPoolFace, isGenericPool } from './generic-pool.ts'
import { isMariadbCallbackPool, isMariadbPool, mariadbAdapter } from './mariadb.ts'
import { mysql2Adapter, mysql2CoreOf } from './mysql2.ts'
import { Mysql2Cluster, mysql2ClusterOf } from './mysql2-cluster.ts'
import { isPgPool, pgAdapter } from './pg.ts'
import type { PoolFace } from './pool-face.ts'
import { isResizableSource, ResizableSourceFace } from './resizable-source.ts'
import {
  areReplicatedPools,
  isSequelizePool,
  ReplicatedGroup,
  SequelizePoolFace,
  sequelizePoolOf,
} from './sequelize-pool.ts'
import { isTarnPool, knexPoolOf, mssqlPoolOf, TarnFace } from './tarn.ts'

/** What adapt() takes, for people. */
export const SUPPORTED_POOLS = [
  'pg.Pool of pg 8 (pg-pool 3)',
  'Pool and PoolCluster of mysql2 3',
  'Pool of mariadb 3, from 3.2.1 on',
  'Pool of generic-pool 3, from 3.4 on',
  'a knex instance, ConnectionPool of mssql, Pool of tarn 3',
  'a Sequelize 6 instance, Pool of sequelize-pool',
  'a ResizableSource of your own',
].join('; ')

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
  if (isMariadbPool(candidate)) return { pool: candidate, adapter: () => mariadbAdapter(candidate) as Adapter<unknown> }
  return recogniseGeneric(candidate) ?? refused(candidate)
}

/** Pools of anything, and what is built on them. */
function recogniseGeneric(candidate: unknown): Recognised | undefined {
  if (isGenericPool(candidate)) return faced(candidate, () => new GenericPoolFace(candidate))
  if (isTarnPool(candidate)) return faced(candidate, () => new TarnFace(candidate, 'tarn'))
  if (isSequelizePool(candidate)) return faced(candidate, () => new SequelizePoolFace(candidate))
  if (isResizableSource(candidate)) return faced(candidate, () => new ResizableSourceFace(candidate))
  const knex = knexPoolOf(candidate)
  if (knex !== undefined) return recogniseTarn('knex', knex.pool, KNEX_HAS_NONE)
  const mssql = mssqlPoolOf(candidate)
  if (mssql !== undefined) return recogniseTarn('mssql', mssql.pool, MSSQL_HAS_NONE)
  const sequelize = sequelizePoolOf(candidate)
  if (isSequelizePool(sequelize)) return faced(sequelize, () => new SequelizePoolFace(sequelize))
  if (sequelize !== undefined && areReplicatedPools(sequelize)) {
    return { pool: sequelize, group: () => new ReplicatedGroup(sequelize) }
  }
  return undefined
}

function faced<T>(pool: object, face: () => PoolFace<T>): FoundPool {
  return { pool, adapter: () => faceAdapter(face()) as Adapter<unknown> }
}

function recogniseTarn(kind: string, pool: unknown, refusal: string): Recognised {
  return isTarnPool(pool) ? faced(pool, () => new TarnFace(pool, kind)) : { refusal }
}

const KNEX_HAS_NONE =
  'this knex instance has no tarn pool of its own: it was destroyed, or it was given one by `connectionPool`; ' +
  'adopt that one instead'
const MSSQL_HAS_NONE = 'this mssql ConnectionPool has no pool yet: adopt it once connect() has resolved'

/** What is known, and cannot be helped. */
function refused(candidate: unknown): { readonly refusal: string } | undefined {
  if (isMariadbCallbackPool(candidate)) {
    return {
      refusal: "a pool of mariadb/callback is not supported: make it with createPool of 'mariadb', the promise API",
    }
  }
  if (isLightningPool(candidate)) {
    const reason = 'resized with callers waiting, it lends one resource to two of them at once (seen in 4.14)'
    return { refusal: `a pool of lightning-pool cannot be adopted: ${reason}. createPool() takes the same factory` }
  }
  return undefined
}

const ONE_CONNECTION = ': that is one connection; adopt the pool that it comes from'

/** What is mistaken for a pool, by members that it has, and where the pool is. */
const MISTAKEN: readonly (readonly [members: readonly string[], hint: string])[] = [
  [['then'], ': await it'],
  [['query', 'beginTransaction'], ONE_CONNECTION], // of mysql2, mariadb
  [['query', 'escapeLiteral'], ONE_CONNECTION], // of pg
  [['getConnection', '_cluster'], ': adopt its cluster'], // cluster.of() of mysql2
  [['initialize', 'driver'], ': await its initialize()'], // TypeORM
]

/** Where others keep the pool that they stand on: knex's client, ORMs' managers, drivers and instances. */
const KEPT_AT = ['pool', 'master', '$client', 'driver', 'driver.pool', 'driver.master'] as const

/** What to do about an object that is no pool, if it is known; '' if not. */
export function hintAt(candidate: unknown): string {
  if (candidate === undefined || candidate === null) return ': an ORM has its pool once it is connected'
  const object = candidate as Readonly<Record<string, unknown>>
  const place = KEPT_AT.find((path) => {
    const found = recognise(
      path.split('.').reduce<unknown>((at, name) => (at as typeof object | undefined)?.[name], candidate),
    )
    return found !== undefined && !('refusal' in found)
  })
  if (place !== undefined) return `: adopt its ${place}`
  return MISTAKEN.find(([members]) => members.every((name) => object[name] !== undefined))?.[1] ?? ''
}

function isLightningPool(candidate: unknown): boolean {
  if (typeof candidate !== 'object' || candidate === null) return false
  const methods = ['acquire', 'isAcquired', 'includes', 'release', 'closeAsync']
  return methods.every((name) => typeof (candidate as Record<string, unknown>)[name] === 'function')
}
