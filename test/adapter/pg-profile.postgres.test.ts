import { setTimeout as sleep } from 'node:timers/promises'
import pg from 'pg'
import { afterEach, expect, inject, test } from 'vitest'
import { adapt } from '../../src/adapt.ts'
import type { AdaptOptions } from '../../src/adopted-pool.ts'
import { oneOfTwenty } from '../support/one-of-twenty.ts'

const { url } = inject('postgres')
const pools: pg.Pool[] = []

function adopted(options: AdaptOptions = {}) {
  const pool = new pg.Pool({ connectionString: url, max: 10 })
  pools.push(pool)
  return { pool, control: adapt(pool, { name: 'orders', ...options }) }
}

afterEach(async () => {
  await Promise.all(pools.splice(0).map((pool) => pool.end()))
})

test.each([
  ['by default', {}],
  ['and counted where everyone is looked at', { callSitesPerSecond: 10_000 }],
])('a lease kept across a 200 ms HTTP call in one of 20 handlers is found and named, %s', async (_, watch) => {
  const { pool, control } = adopted({ watch })
  async function keepsItTooLong() {
    const client = await pool.connect()
    try {
      await client.query('select 1 where 3 = $1', [3])
      await sleep(200) // the HTTP call
      await client.query('select 2')
    } finally {
      client.release()
    }
  }
  await oneOfTwenty(keepsItTooLong, (i) => pool.query(`select ${i}, pg_sleep(0.002)`))
  const [first] = control.profile().holders
  expect(first?.holder).toMatch(/^keepsItTooLong \(.*pg-profile\.postgres\.test\.ts:\d+:\d+\)$/)
  if ('callSitesPerSecond' in watch) expect(first?.leases).toBe(20)
  expect(first?.heldMs?.mean).toBeGreaterThan(190)
  expect(first?.heldShare).toBeGreaterThan(0.9)
  expect(first?.queries.map(({ text }) => text)).toContain('select ? where ? = $1')
})

test('every way to ask a query is seen: text, config, callback, transaction; and its failures stay the caller’s', async () => {
  const { pool, control } = adopted()
  await pool.query('select 1 as a')
  await pool.query({ text: 'select 2 as b', values: [] })
  await new Promise<void>((resolve, reject) =>
    pool.query('select 3 as c', (error) => (error ? reject(error) : resolve())),
  )
  const client = await pool.connect()
  await client.query('begin')
  await Promise.all([client.query('select 4 as d'), client.query('select 5 as e')]) // one behind the other
  await expect(client.query('select wrong')).rejects.toThrow('wrong')
  await client.query('rollback')
  client.release()
  const texts = control.profile().holders.flatMap(({ queries }) => queries.map(({ text }) => text))
  for (const letter of ['a', 'b', 'c']) expect(texts).toContain(`select ? as ${letter}`)
  expect(control.profile().holders.every(({ heldMs }) => (heldMs?.total ?? 1_000) < 100)).toBe(true)
})

test('a `query` of the pool’s that somebody has replaced, and that asks two, has both timed', async () => {
  const pool = new pg.Pool({ connectionString: url, max: 1 })
  pools.push(pool)
  const query = (text: string): Promise<void> =>
    new Promise((resolve, reject) => {
      pool.connect((_, client, done) => {
        client?.query('select pg_sleep(0.1)', () => {
          client.query(text, (error) => {
            done()
            error ? reject(error) : resolve()
          })
        })
      })
    })
  pool.query = query as typeof pool.query
  const control = adapt(pool)
  await pool.query('select 1 as b')
  const [holder] = control.profile().holders
  const msOf = (text: string) => holder?.queries.find((asked) => asked.text === text)?.meanMs
  expect(msOf('select pg_sleep(?)')).toBeGreaterThan(95)
  expect(msOf('select ? as b')).toBeLessThan(95)
})

// Slipped through: nobody in the tests takes listeners off a client, least of all one before him.
test('the end of a query is seen, too, where an earlier holder has taken all listeners off his client', async () => {
  const { pool, control } = adopted({ limitMax: 1, limitMin: 1 })
  const before = await pool.connect()
  before.removeAllListeners()
  before.release()
  async function keeps() {
    const client = await pool.connect()
    await client.query('select 1')
    await sleep(100) // the HTTP call
    client.release()
  }
  await keeps()
  const kept = control.profile().holders.find(({ holder }) => holder.startsWith('keeps '))
  expect(kept?.heldMs?.max).toBeGreaterThan(90)
})

test('detached, the clients are as they were', async () => {
  const { pool, control } = adopted()
  const client = await pool.connect()
  expect(Object.hasOwn(client, 'query')).toBe(true)
  control.detach()
  expect(Object.hasOwn(client, 'query')).toBe(false)
  expect(client.listenerCount('drain')).toBe(0)
  await client.query('select 1')
  client.release()
})

test('a reclaimed client fails its late holder’s next query clearly, by promise and callback; release() does not', async () => {
  const { pool, control } = adopted({ watch: { reclaimAfterMs: 300 } })
  const client = await pool.connect()
  const reclaimed = new Promise<void>((resolve) =>
    control.on('destroyed', ({ reason }) => (reason === 'reclaimed' ? resolve() : undefined)),
  )
  await reclaimed
  expect(control.counts().inUse).toBe(0)
  const refusal = expect.objectContaining({
    code: 'ERR_POOL_LEASE_ENDED',
    message: expect.stringMatching(/reclaimAfterMs/),
  })
  await expect(client.query('select 1')).rejects.toEqual(refusal)
  const answer = await new Promise((resolve) => client.query('select 1', resolve))
  expect(answer).toEqual(refusal)
  expect(() => client.release()).not.toThrow()
  expect((await pool.query('select 1 as alive')).rows).toEqual([{ alive: 1 }])
})
