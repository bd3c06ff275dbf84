import type { WorkObserver } from '../pool/contract.ts'
import { DriverWork, type Unwatch, type Watched } from './driver-work.ts'
import { isMysql2Connection, watchMysql2Connection } from './mysql2-work.ts'
import { isPgClient, watchPgClient } from './pg-work.ts'

/** Tells of the queries on those of a pool's resources that are clients of pg or connections of mysql2. */
export function resourceWork(work: WorkObserver): DriverWork<object> {
  return new DriverWork(work, watch)
}

function watch(resource: object, watched: Watched<object>): Unwatch {
  if (isPgClient(resource)) return watchPgClient(resource, watched)
  const { connection } = resource as { connection?: unknown } // a promise connection of mysql2 has its core there
  const core = [resource, connection].find(isMysql2Connection)
  return core && watchMysql2Connection(core, watched)
}
