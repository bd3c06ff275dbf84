import { EventEmitter } from 'node:events'
import { expect, test } from 'vitest'
import {
  type MariadbConnectionLike,
  type MariadbPoolLike,
  MariadbSource,
} from '../../../src/adapters/mariadb-source.ts'
import { type Deferred, deferred } from '../../../src/base/deferred.ts'

const REFUSED = Object.assign(new Error('connect ECONNREFUSED'), { code: 'ECONNREFUSED' })
/** What mariadb tells at `error` once it gives up a connect. */
const GIVEN_UP = new Error('Error during pool initialization', { cause: REFUSED })
/** And to those who have asked. */
const OUT_OF_PATIENCE = new Error('pool failed to retrieve a connection from pool', { cause: REFUSED })

/** A source on a pool whose connections come when the test says so. */
function newSource() {
  const asked: Deferred<MariadbConnectionLike>[] = []
  const pool = {
    closed: false,
    activeConnections: () => 0,
    idleConnections: () => 0,
    taskQueueSize: () => 0,
    getConnection() {
      const one = deferred<MariadbConnectionLike>()
      asked.push(one)
      return one.promise
    },
  }
  return { source: new MariadbSource(pool as unknown as MariadbPoolLike), asked }
}

function newConnection(): MariadbConnectionLike {
  const members = { release: async () => {}, destroy: () => {}, isValid: () => true }
  return Object.assign(new EventEmitter(), members) as unknown as MariadbConnectionLike
}

test('a connect that mariadb gives up fails all creates with its reason', async () => {
  const { source } = newSource()
  const creates = [source.create(), source.create()]
  source.connectFailed(GIVEN_UP)
  for (const create of creates) await expect(create).rejects.toBe(REFUSED)
})

test('an error that is of no connect fails no create', async () => {
  const { source, asked } = newSource()
  const create = source.create()
  source.connectFailed(new Error('Failed to cleanup connection'))
  const connection = newConnection()
  asked[0]?.resolve(connection)
  expect(await create).toBe(connection)
})

// Else each try would leave another request in mariadb's queue, and each would open a connection once it can.
test('the next creates take over what was asked of mariadb before it gave up, the oldest first', async () => {
  const { source, asked } = newSource()
  const given = [source.create(), source.create()]
  source.connectFailed(GIVEN_UP)
  await Promise.allSettled(given)
  const creates = [source.create(), source.create(), source.create()]
  expect(asked).toHaveLength(3)
  const connections = creates.map(newConnection)
  for (const [i, one] of asked.entries()) one.resolve(connections[i] as MariadbConnectionLike)
  expect(await Promise.all(creates)).toEqual(connections)
})

// Slipped through: creates ended by what mariadb said, and none by our own patience.
test('the next create takes over what was asked for one that was given up', async () => {
  const { source, asked } = newSource()
  const patience = new AbortController()
  void source.create(patience.signal)
  patience.abort({ code: 'ERR_POOL_CREATE_TIMEOUT' })
  const create = source.create()
  expect(asked).toHaveLength(1)
  const connection = newConnection()
  asked[0]?.resolve(connection)
  expect(await create).toBe(connection)
})

test('a connection that comes after its create has failed rests, and the engine is told', async () => {
  const { source, asked } = newSource()
  const given = source.create()
  source.connectFailed(GIVEN_UP)
  await Promise.allSettled([given])
  const changed = new Promise<void>((resolve) => {
    source.onChange = () => resolve()
  })
  asked[0]?.resolve(newConnection())
  await changed
  expect(source.idleCount()).toBe(1)
  expect(source.strangersOut()).toBe(0)
})

test('a request that mariadb ends after its create has failed is no error of anybody, nor taken over', async () => {
  const { source, asked } = newSource()
  const given = source.create()
  source.connectFailed(GIVEN_UP)
  await Promise.allSettled([given])
  asked[0]?.reject(OUT_OF_PATIENCE)
  await Promise.resolve()
  source.create().catch(() => {})
  expect(asked).toHaveLength(2)
})

test('a request that mariadb ends fails its create with the reason', async () => {
  const { source, asked } = newSource()
  const create = source.create()
  asked[0]?.reject(OUT_OF_PATIENCE)
  await expect(create).rejects.toBe(REFUSED)
})

// Slipped through: pools were adopted, and given back, once. A connection outlives its adoptions.
test('a connection that is given back and taken over again and again gathers no listeners', async () => {
  const { source, asked } = newSource()
  const connection = newConnection()
  const listeners = () => (connection as unknown as EventEmitter).listenerCount('error')
  for (let i = 0; i < 3; i++) {
    const create = source.create()
    asked.at(-1)?.resolve(connection)
    await create
    expect(listeners()).toBe(1)
    await source.releaseToPool(connection)
    expect(listeners()).toBe(1)
  }
})
