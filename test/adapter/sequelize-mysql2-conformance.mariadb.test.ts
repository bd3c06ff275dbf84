import { conformance } from './conformance.ts'
import { sequelizeMysql2Subject } from './subjects/sequelize.ts'

conformance(sequelizeMysql2Subject)
