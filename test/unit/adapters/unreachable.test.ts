import { EventEmitter } from 'node:events'
import { Duplex } from 'node:stream'
import { createPool as createMysql2Pool } from 'mysql2/promise'
import pg from 'pg'
import { Pool as SequelizePool } from 'sequelize-pool'
import { Pool as TarnPool } from 'tarn'
import { expect, test } from 'vitest'
import { adapt } from '../../../src/adapt.ts'
import { fixed } from '../../../src/control/fixed.ts'
import { VirtualClock } from '../../../src/sim/virtual-clock.ts'
import { until } from '../../support/until.ts'

const REFUSED = Object.assign(new Error('connect ECONNREFUSED 127.0.0.1:1'), { code: 'ECONNREFUSED' })

/** Is it refused? Until it may connect, and from then on for as long as it likes. */
let isUp = false

class Client extends EventEmitter {
  connect(done: (error?: Error) => void): void {
    process.nextTick(done, isUp ? undefined : REFUSED)
  }
  isConnected(): boolean {
    return true
  }
}
const factory = {
  create: async () => {
    if (!isUp) throw REFUSED
    return {}
  },
  destroy: async () => {},
  validate: () => true,
  min: 0,
  max: 2,
}
const sequelizeOptions = { acquireTimeoutMillis: 1_000, idleTimeoutMillis: 1_000 }

const POOLS = [
  ['pg', () => new pg.Pool({ Client: Client as never, max: 2 }), (pool: pg.Pool) => pool.connect()],
  ['tarn', () => new TarnPool<object>(factory), (pool: TarnPool<object>) => pool.acquire().promise],
  [
    'sequelize-pool',
    () => new SequelizePool<object>({ ...factory, ...sequelizeOptions }),
    (pool: SequelizePool<object>) => pool.acquire(),
  ],
] as readonly (readonly [string, () => object, (pool: never) => Promise<unknown>])[]

async function timedOut(newPool: () => object, ask: (pool: never) => Promise<unknown>, before: number) {
  const clock = new VirtualClock()
  const pool = newPool()
  const options = { controller: fixed(), watch: false as const, clock, createBackoff: { initialMs: 1_000, jitter: 0 } }
  const control = adapt(pool, { ...options, acquireTimeoutMs: 500 })
  isUp = true
  for (let left = before; left > 0; left--) await ask(pool as never)
  isUp = false
  const asked = ask(pool as never).catch((error: unknown) => error)
  await until(() => control.stats().createFailed === 1)
  await clock.advance(500)
  return asked
}

// Slipped through: in all tests of it callers were patient enough for three creates to fail.
test.each(POOLS)(
  'who waited for %s until his patience ended, while it cannot connect, is told why',
  async (...pool) => {
    const [, newPool, ask] = pool
    expect(await timedOut(newPool, ask, 0)).toBe(REFUSED)
  },
)

test.each(POOLS)('but where one of %s is out, which he waited for, too, that he has waited', async (...pool) => {
  const [, newPool, ask] = pool
  expect(await timedOut(newPool, ask, 1)).toMatchObject({ cause: { code: 'ERR_POOL_ACQUIRE_TIMEOUT', cause: REFUSED } })
})

test('nor do callers of mysql2 hear of a timeout, but of what they know', async () => {
  const stream = () => new Duplex({ read() {}, write() {}, construct: (done) => done(REFUSED) })
  const clock = new VirtualClock()
  const pool = createMysql2Pool({ stream })
  const control = adapt(pool, { clock, watch: false, acquireTimeoutMs: 500, createBackoff: { initialMs: 1_000 } })
  const asked = pool.query('select 1').catch((error: unknown) => error)
  await until(() => control.stats().createFailed === 1)
  await clock.advance(500)
  expect(await asked).toBe(REFUSED)
  await pool.end()
})
