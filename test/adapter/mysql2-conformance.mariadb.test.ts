import { conformance } from './conformance.ts'
import { mysql2Subject } from './subjects/mysql2.ts'

conformance(mysql2Subject)
