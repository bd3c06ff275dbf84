import { resourceWarnings } from './resource-warnings.ts'
import { knexPgSubject } from './subjects/knex.ts'
import { sequelizePgSubject } from './subjects/sequelize.ts'

resourceWarnings(knexPgSubject)
resourceWarnings(sequelizePgSubject)
