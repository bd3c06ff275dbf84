import { createPool } from 'generic-pool'
import pg from 'pg'
import { expect, inject, test } from 'vitest'
import { adapt } from '../../src/adapt.ts'
import { resourceProfile } from './resource-profile.ts'
import { genericPoolSubject, sequelizePoolSubject, tarnSubject } from './subjects/bare-pools.ts'
import { knexPgSubject } from './subjects/knex.ts'
import { sequelizePgSubject } from './subjects/sequelize.ts'

resourceProfile(genericPoolSubject)
resourceProfile(tarnSubject)
resourceProfile(sequelizePoolSubject)
resourceProfile(knexPgSubject)
resourceProfile(sequelizePgSubject)

// Slipped through: nobody's clients came from another pool, which lends them again.
test.each([
  ['not adopted', false],
  ['adopted, too', true],
])('a client reclaimed by a pool over a pool of pg (%s) is its next holder’s without a word', async (_, isAdopted) => {
  const inner = new pg.Pool({ connectionString: inject('postgres').url, max: 1 })
  const create = () => inner.connect()
  const outer = createPool({ create, destroy: async (client) => client.release() }, { max: 1 })
  if (isAdopted) adapt(inner)
  const control = adapt(outer, { watch: { reclaimAfterMs: 200 } })
  const held = await outer.acquire()
  await new Promise<void>((resolve) => {
    control.on('destroyed', ({ reason }) => (reason === 'reclaimed' ? resolve() : undefined))
  })
  const next = await inner.connect()
  expect(next).toBe(held)
  expect((await next.query('select 1 as alive')).rows).toEqual([{ alive: 1 }])
  next.release()
  await inner.end()
})
