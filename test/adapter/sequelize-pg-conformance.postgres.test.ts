import { conformance } from './conformance.ts'
import { sequelizePgSubject } from './subjects/sequelize.ts'

conformance(sequelizePgSubject)
