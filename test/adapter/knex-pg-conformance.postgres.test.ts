import { conformance } from './conformance.ts'
import { knexPgSubject } from './subjects/knex.ts'

conformance(knexPgSubject)
