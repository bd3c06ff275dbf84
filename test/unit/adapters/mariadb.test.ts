import { type EventEmitter, once } from 'node:events'
import { type AddressInfo, createServer } from 'node:net'
import { createPool, type PoolConnection } from 'mariadb'
import { afterAll, expect, onTestFinished, test, vi } from 'vitest'
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

// Slipped through: no pool of the tests had a leakDetectionTimeout.
test("mariadb's own look for leaks does not take for one what rests with the engine", async () => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
  onTestFinished(() => void vi.useRealTimers())
  const { host, port } = server
  const warnings: string[] = []
  const logger = { warning: (message: string) => warnings.push(message) }
  const pool = createPool({ host, port, connectionLimit: 2, minimumIdle: 0, leakDetectionTimeout: 1_000, logger })
  adapt(pool, { controller: fixed(), watch: false })
  await pool.query('select 1')
  vi.advanceTimersByTime(2_000)
  expect(warnings).toEqual([])
  vi.useRealTimers()
  await pool.end()
})

// Slipped through: the suite asked for the code alone.
test("who waits too long is told for how long, in mariadb's words, which people search their logs for", async () => {
  const { host, port } = server
  const pool = createPool({ host, port, connectionLimit: 1, minimumIdle: 0, acquireTimeout: 100 })
  // So short a patience is no measure of how long a busy machine takes to connect.
  let held: PoolConnection | undefined
  while (held === undefined) held = await pool.getConnection().catch(() => undefined)
  const messageOf = () => pool.getConnection().catch(({ message }: Error) => message.replace(/\d+ms/, '<n>ms'))
  const bare = await messageOf()
  adapt(pool, { controller: fixed(), watch: false, acquireTimeoutMs: 100 })
  expect(bare).toContain('after <n>ms')
  expect(await messageOf()).toBe(bare)
  await held.release()
  await pool.end()
})

/** A port that refuses whoever calls. */
async function closedPort(): Promise<number> {
  const listener = createServer().listen(0, server.host)
  await once(listener, 'listening')
  const { port } = listener.address() as AddressInfo
  await new Promise((resolve) => listener.close(resolve))
  return port
}

// Slipped through, since the suite's callers were more patient than mariadb, and nobody asked for the verdict.
test('who waits as long as mariadb does is told why it cannot connect, as by mariadb, and so is whoever asks for the verdict', async () => {
  const pool = createPool({ host: server.host, port: await closedPort(), minimumIdle: 0, acquireTimeout: 200 })
  const control = adapt(pool, { controller: fixed(), acquireTimeoutMs: 200 })
  const warnings: unknown[] = []
  control.on('warning', ({ kind, message }) => warnings.push({ kind, message }))
  const error = await pool.query('select 1').catch((thrown: unknown) => thrown)
  expect(error).toMatchObject({ code: 'ER_GET_CONNECTION_TIMEOUT', cause: { code: 'ECONNREFUSED' } })
  expect((error as Error).message).toContain('pool failed to retrieve a connection from pool')
  expect(control.diagnose().verdict).toBe('creation-failing')
  expect(warnings).toMatchObject([
    { kind: 'creation-failing', message: expect.stringContaining('unreachable: connect ECONNREFUSED') },
  ])
  await pool.end()
})

// Slipped through, as above: nobody had listened to mariadb's `error`.
test('a connect that mariadb has given up fails its callers after as many tries as any other, however patient they are', async () => {
  const [host, port] = [server.host, await closedPort()]
  const pool = createPool({ host, port, minimumIdle: 0, initializationTimeout: 100 })
  const control = adapt(pool, { controller: fixed(), watch: false, createBackoff: { refuseAfter: 1 } })
  const failed = once(control as unknown as EventEmitter, 'createFailed')
  await expect(pool.getConnection()).rejects.toMatchObject({
    code: 'ER_GET_CONNECTION_TIMEOUT',
    cause: { code: 'ECONNREFUSED' },
  })
  expect(await failed).toMatchObject([{ failure: 'unreachable', error: { code: 'ECONNREFUSED' } }])
  await pool.end()
})
