import { conformance } from './conformance.ts'
import { sequelizePoolSubject } from './subjects/bare-pools.ts'

conformance(sequelizePoolSubject)
