import { promisify } from 'node:util'
import { createPool, type PoolConnection } from 'mysql2'
import { expect, test } from 'vitest'
import { adapt } from '../../../src/adapt.ts'
import { startHelloServer } from '../../support/hello-server.ts'
import { until } from '../../support/until.ts'

test('an idle connection whose socket has just closed is closed once, though mysql2 has not heard of it', async () => {
  const server = await startHelloServer()
  const pool = createPool({ host: server.host, port: server.port, user: 'anybody', connectionLimit: 2 })
  const control = adapt(pool, { watch: false, limitMin: 1 })
  const open = () =>
    promisify(pool.getConnection.bind(pool))() as Promise<PoolConnection & { stream: { destroy(): void } }>
  const both = await Promise.all([open(), open()])
  for (const connection of both) connection.release()
  for (const connection of both) connection.stream.destroy()
  control.resize(1)
  expect(control.counts()).toMatchObject({ live: 1, limit: 1 })
  await control.drain()
  expect(control.counts().size).toBe(0)
  server.close()
})

// Slipped through: nobody looked at how many there are once a detached pool is at rest.
test('detached while more than its own limit are being opened, it keeps no more than that', async () => {
  const server = await startHelloServer()
  const pool = createPool({ host: server.host, port: server.port, user: 'anybody', connectionLimit: 2 })
  const connections = server.counter()
  const control = adapt(pool, { watch: false, limitMax: 6, creatingMax: 6 })
  let opened = 0
  pool.on('connection', () => {
    opened += 1
  })
  control.resize(6)
  control.warmUp(6).catch(() => {})
  expect(control.counts().creating).toBe(6)
  control.detach()
  await until(() => opened === 6 && connections() === 2)
  await promisify(pool.end.bind(pool))()
  server.close()
})
