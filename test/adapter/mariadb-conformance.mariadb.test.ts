import { conformance } from './conformance.ts'
import { mariadbSubject } from './subjects/mariadb.ts'

conformance(mariadbSubject)
