import { createPool as createGenericPool } from 'generic-pool'
import { Pool as SequelizePool } from 'sequelize-pool'
import { Pool as TarnPool } from 'tarn'
import { describe, expect, test } from 'vitest'
import { adapt } from '../../../src/adapt.ts'
import { fixed } from '../../../src/control/fixed.ts'
import { VirtualClock } from '../../../src/sim/virtual-clock.ts'

interface Asked {
  readonly pool: object
  acquire(): Promise<unknown>
  /** Who waits, as the pool tells it. */
  waiters(): number
}

interface Factory {
  create(): Promise<object>
  destroy(): Promise<void>
}

const POOLS: Readonly<Record<string, (factory: Factory) => Asked>> = {
  'generic-pool': (factory) => {
    const pool = createGenericPool(factory, { max: 5 })
    return { pool, acquire: async () => pool.acquire(), waiters: () => pool.pending }
  },
  'sequelize-pool': (factory) => {
    const pool = new SequelizePool({ ...factory, validate: () => true, min: 0, max: 5, acquireTimeoutMillis: 3_600_000 })
    return { pool, acquire: () => pool.acquire(), waiters: () => pool.waiting }
  },
  tarn: (factory) => {
    const pool = new TarnPool({ ...factory, min: 0, max: 5 })
    return { pool, acquire: () => pool.acquire().promise, waiters: () => pool.numPendingAcquires() }
  },
}

/** A pool whose creates take `createMs`, adopted. */
function adopted(newPool: (factory: Factory) => Asked, createMs: number) {
  const clock = new VirtualClock()
  const create = () => new Promise<object>((resolve) => clock.startTimer(createMs, () => resolve({})))
  const asked = newPool({ create, destroy: async () => {} })
  adapt(asked.pool, { controller: fixed(), watch: false, clock })
  return { ...asked, clock }
}

describe.each(['generic-pool', 'sequelize-pool'])('%s', (name) => {
  test('which knows no timeout of creates: one that takes a minute serves who waits', async () => {
    const { acquire, clock } = adopted(POOLS[name] as never, 60_000)
    const asked = acquire()
    await clock.advance(60_000)
    expect(await asked).toEqual({})
  })
})
