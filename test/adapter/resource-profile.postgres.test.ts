import { resourceProfile } from './resource-profile.ts'
import { genericPoolSubject, sequelizePoolSubject, tarnSubject } from './subjects/bare-pools.ts'
import { knexPgSubject } from './subjects/knex.ts'
import { sequelizePgSubject } from './subjects/sequelize.ts'

resourceProfile(genericPoolSubject)
resourceProfile(tarnSubject)
resourceProfile(sequelizePoolSubject)
resourceProfile(knexPgSubject)
resourceProfile(sequelizePgSubject)
