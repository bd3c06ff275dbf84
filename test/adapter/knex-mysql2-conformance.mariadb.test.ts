import { conformance } from './conformance.ts'
import { knexMysql2Subject } from './subjects/knex.ts'

conformance(knexMysql2Subject)
