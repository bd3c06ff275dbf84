import { type EventEmitter, once } from 'node:events'
import { createPool } from 'mariadb'
import { afterAll, expect, test } from 'vitest'
import { adapt } from '../../../src/adapt.ts'
import { fixed } from '../../../src/control/fixed.ts'
import { startHelloServer } from '../../support/hello-server.ts'

const server = await startHelloServer()
afterAll(() => server.close())

// Slipped through, since whoever asked before adoption in the tests had his connection by then.
test('what is being opened for somebody who asked before adoption counts from the first moment', async () => {
  const { host, port } = server
  const pool = createPool({ host, port, connectionLimit: 2, minimumIdle: 0 })
  const early = pool.getConnection()
  const control = adapt(pool, { controller: fixed(), watch: false })
  expect(control.counts()).toMatchObject({ inUse: 1, live: 1 })
  const both = [await early, await pool.getConnection()]
  expect(control.counts()).toMatchObject({ inUse: 2, live: 2 })
  for (const connection of both) await connection.release()
  await pool.end()
  expect(control.counts()).toMatchObject({ size: 0 })
})

// Slipped through, since nobody destroyed what he had from before adoption while others waited for just that.
test('what its holder, from before adoption, destroys is no longer counted, though mariadb tells nobody', async () => {
  const { host, port } = server
  const pool = createPool({ host, port, connectionLimit: 2, minimumIdle: 0 })
  const early = await pool.getConnection()
  await once(pool as unknown as EventEmitter, 'connection')
  const control = adapt(pool, { controller: fixed(), watch: false, limitMin: 1 })
  control.resize(1)
  const asked = pool.getConnection()
  early.destroy()
  await (await asked).release()
  await pool.end()
  expect(control.counts()).toMatchObject({ size: 0 })
})

// The random programs do not see it: where they detach, nobody leaves anything idle.
test('detach() gives the pool back its methods, and what was idle', async () => {
  const { host, port } = server
  const pool = createPool({ host, port, connectionLimit: 2, minimumIdle: 0 })
  const control = adapt(pool, { controller: fixed(), watch: false })
  const lent = await pool.getConnection()
  await lent.release()
  control.detach()
  expect(Object.getOwnPropertyNames(pool)).not.toContain('getConnection')
  expect(pool.idleConnections()).toBe(1)
  const again = await pool.getConnection()
  expect(again.threadId).toBe(lent.threadId)
  await again.release()
  await pool.end()
})

// Slipped through, since what rested in the pool was taken over long before anybody detached.
test('detach() while what rests in the pool is being taken over leaves it there', async () => {
  const { host, port } = server
  const pool = createPool({ host, port, connectionLimit: 2, minimumIdle: 0 })
  const both = await Promise.all([pool.getConnection(), pool.getConnection()])
  for (const connection of both) await connection.release()
  const control = adapt(pool, { controller: fixed(), watch: false })
  control.detach()
  const again = await Promise.all([pool.getConnection(), pool.getConnection()])
  for (const connection of again) await connection.release()
  expect(pool.idleConnections()).toBe(2)
  await pool.end()
})
