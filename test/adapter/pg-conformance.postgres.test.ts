import { conformance } from './conformance.ts'
import { pgSubject } from './subjects/pg.ts'

conformance(pgSubject)
