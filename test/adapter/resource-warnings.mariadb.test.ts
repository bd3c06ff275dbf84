import { resourceWarnings } from './resource-warnings.ts'
import { knexMysql2Subject } from './subjects/knex.ts'
import { sequelizeMysql2Subject } from './subjects/sequelize.ts'

resourceWarnings(knexMysql2Subject)
resourceWarnings(sequelizeMysql2Subject)
