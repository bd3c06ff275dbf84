import { promisify } from 'node:util'
import { createPool, type PoolConnection } from 'mysql2'
import { expect, test } from 'vitest'
import { adapt } from '../../../src/adapt.ts'
import { startHelloServer } from '../../support/hello-server.ts'

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
