import { conformance } from './conformance.ts'
import { mysql2ClusterSubject } from './subjects/mysql2.ts'

conformance(mysql2ClusterSubject)
