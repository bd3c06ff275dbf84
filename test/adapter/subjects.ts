import type { Subject } from './subject.ts'
import { genericPoolSubject, sequelizePoolSubject, tarnSubject } from './subjects/bare-pools.ts'
import { knexMysql2Subject, knexPgSubject } from './subjects/knex.ts'
import { mariadbSubject } from './subjects/mariadb.ts'
import { mysql2ClusterSubject, mysql2PromiseSubject, mysql2Subject } from './subjects/mysql2.ts'
import { pgSubject } from './subjects/pg.ts'
import { sequelizeMysql2Subject, sequelizePgSubject } from './subjects/sequelize.ts'

/** What the table in docs/adapters.md has to know of a subject; `symbol` is what its test file runs the suite on. */
export type TableColumn = Pick<Subject, 'name' | 'driver' | 'server' | 'notApplicable'> & { readonly symbol: string }

/** Every pool that adapt() takes, in the table's order. Each has a test file of its own that runs the suite on it. */
export const SUBJECTS: readonly TableColumn[] = [
  { ...pgSubject, symbol: 'pgSubject' },
  { ...mysql2Subject, symbol: 'mysql2Subject' },
  { ...mysql2PromiseSubject, symbol: 'mysql2PromiseSubject' },
  { ...mysql2ClusterSubject, symbol: 'mysql2ClusterSubject' },
  { ...mariadbSubject, symbol: 'mariadbSubject' },
  { ...genericPoolSubject, symbol: 'genericPoolSubject' },
  { ...tarnSubject, symbol: 'tarnSubject' },
  { ...sequelizePoolSubject, symbol: 'sequelizePoolSubject' },
  { ...knexPgSubject, symbol: 'knexPgSubject' },
  { ...knexMysql2Subject, symbol: 'knexMysql2Subject' },
  { ...sequelizePgSubject, symbol: 'sequelizePgSubject' },
  { ...sequelizeMysql2Subject, symbol: 'sequelizeMysql2Subject' },
]
