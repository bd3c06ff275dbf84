import pg from 'pg'
import { describe, expect, inject, test } from 'vitest'
import { adapt } from '../../src/adapt.ts'
import { fixed } from '../../src/control/fixed.ts'
import '../support/servers.ts'
import { until } from '../support/until.ts'

const server = inject('postgres')

/** pg-pool's own class, which pg.Pool is derived from. */
const PlainPool = Object.getPrototypeOf(pg.Pool) as new (config: pg.PoolConfig) => pg.Pool

type Scene = (pool: pg.Pool) => Promise<unknown>

const SCENES: readonly { name: string; config?: pg.PoolConfig; scene: Scene }[] = [
  { name: 'a query', scene: (p) => p.query('select 1') },
  { name: 'a query of bad SQL', scene: (p) => p.query('selekt').catch(() => {}) },
  {
    name: 'connect and release, twice on one client',
    scene: async (p) => {
      for (let i = 0; i < 2; i++) (await p.connect()).release()
    },
  },
  { name: 'release(error)', scene: async (p) => (await p.connect()).release(new Error('broken')) },
  { name: 'release(true)', scene: async (p) => (await p.connect()).release(true) },
  {
    name: 'two clients at once',
    scene: async (p) => {
      const clients = [await p.connect(), await p.connect()]
      for (const client of clients) client.release()
    },
  },
  {
    name: 'a client used up (maxUses)',
    config: { maxUses: 2 },
    scene: async (p) => {
      for (let i = 0; i < 3; i++) (await p.connect()).release()
      await until(() => p.totalCount === 1)
    },
  },
  {
    name: 'an idle client closed by idleTimeoutMillis',
    config: { idleTimeoutMillis: 20 },
    scene: async (p) => {
      await p.query('select 1')
      await until(() => p.totalCount === 0)
    },
  },
  {
    name: 'an idle client past maxLifetimeSeconds',
    config: { maxLifetimeSeconds: 0.1 },
    scene: async (p) => {
      await p.query('select 1')
      await until(() => p.totalCount === 0)
    },
  },
  {
    name: 'an idle client that the server closes',
    scene: async (p) => {
      await p.query('select 1')
      await terminateAll()
      await until(() => p.totalCount === 0)
    },
  },
  {
    name: 'a verify that refuses',
    config: { verify: (_client, done) => done(new Error('not this one')) },
    scene: (p) => p.query('select 1').catch(() => {}),
  },
  {
    name: 'an onConnect hook',
    config: { onConnect: (client) => client.query('set statement_timeout = 1000') as unknown as undefined },
    scene: (p) => p.query('select 1'),
  },
]

describe.each([
  ['pg.Pool', (config: pg.PoolConfig) => new pg.Pool(config)],
  ['bare pg-pool', (config: pg.PoolConfig) => new PlainPool(config)],
])('the events of an adopted %s are those of one that is not', (_name, newPool) => {
  test.each(SCENES)('$name', async ({ config, scene }) => {
    const plain = await record(
      newPool({ connectionString: server.url, max: 2, application_name: 'seen', ...config }),
      scene,
    )
    const adopted = newPool({ connectionString: server.url, max: 2, application_name: 'seen', ...config })
    // refuseAfter: a create that fails is tried again, which is the point of adopting, but no part of this.
    const control = adapt(adopted, { controller: fixed(), createBackoff: { refuseAfter: 1 } })
    expect(await record(adopted, scene)).toEqual(plain)

    const { acquired, released, created, destroyed } = control.stats()
    expect({ acquired, created }).toEqual({ acquired: released, created: destroyed })
    expect(control.counts()).toMatchObject({ live: 0, destroying: 0 })
  })
})

/** The pool's events, in order, each with what it carried, up to the end of the pool. */
async function record(pool: pg.Pool, scene: Scene): Promise<string[]> {
  const seen: string[] = []
  const clients = new Map<unknown, string>()
  const nameOf = (value: unknown): string => {
    if (value instanceof Error) return `${value.constructor.name}: ${value.message}`
    if (typeof value !== 'object' || value === null) return String(value)
    if (!clients.has(value)) clients.set(value, `client ${clients.size + 1}`)
    return clients.get(value) as string
  }
  for (const event of ['connect', 'acquire', 'release', 'remove', 'error'] as const) {
    const listener = (...args: unknown[]) => seen.push([event, ...args.map(nameOf)].join(' '))
    ;(pool.on as (event: string, listener: (...args: unknown[]) => void) => void)(event, listener)
  }
  await scene(pool)
  await pool.end()
  const isRemove = (line: string) => line.startsWith('remove')
  await until(
    () => seen.filter(isRemove).length >= clients.size,
    () => seen,
  )
  // `remove` comes when a socket has closed, in whatever order that is.
  return [...seen.filter((line) => !isRemove(line)), ...seen.filter(isRemove).sort()]
}

async function terminateAll(): Promise<void> {
  const admin = new pg.Client({ connectionString: server.url })
  await admin.connect()
  await admin.query('select pg_terminate_backend(pid) from pg_stat_activity where application_name = $1', ['seen'])
  await admin.end()
}
