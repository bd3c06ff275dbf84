import type { Subject } from './subject.ts'
import { mariadbSubject } from './subjects/mariadb.ts'
import { mysql2ClusterSubject, mysql2PromiseSubject, mysql2Subject } from './subjects/mysql2.ts'
import { pgSubject } from './subjects/pg.ts'

/** What the table in docs/adapters.md has to know of a subject; `symbol` is what its test file runs the suite on. */
export type TableColumn = Pick<Subject, 'name' | 'driver' | 'server' | 'notApplicable'> & { readonly symbol: string }

/** Every pool that adapt() takes, in the table's order. Each has a test file of its own that runs the suite on it. */
export const SUBJECTS: readonly TableColumn[] = [
  { ...pgSubject, symbol: 'pgSubject' },
  { ...mysql2Subject, symbol: 'mysql2Subject' },
  { ...mysql2PromiseSubject, symbol: 'mysql2PromiseSubject' },
  { ...mysql2ClusterSubject, symbol: 'mysql2ClusterSubject' },
  { ...mariadbSubject, symbol: 'mariadbSubject' },
]
