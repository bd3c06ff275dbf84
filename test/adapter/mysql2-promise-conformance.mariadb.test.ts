import { conformance } from './conformance.ts'
import { mysql2PromiseSubject } from './subjects/mysql2.ts'

conformance(mysql2PromiseSubject)
