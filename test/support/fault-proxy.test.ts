import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { type FaultProxy, startFaultProxy } from './fault-proxy.ts'

let echo: Server
let proxy: FaultProxy
let client: Socket

beforeEach(async () => {
  echo = createServer((socket) => socket.on('error', () => {}).pipe(socket)).listen(0, '127.0.0.1')
  await once(echo, 'listening')
  proxy = await startFaultProxy((echo.address() as AddressInfo).port)
  client = newClient()
})

afterEach(async () => {
  client.destroy()
  await proxy.close()
  await new Promise((resolve) => echo.close(resolve))
})

test('bytes go both ways, what was sent before the connection stood included', async () => {
  expect(await ask(client, 'hello')).toBe('hello')
  expect([proxy.acceptedCount, proxy.openCount]).toEqual([1, 1])
})

test('latency is paid each way, and chunks keep their order when it is lowered', async () => {
  await ask(client, 'x')
  proxy.latencyMs = 30
  const startedAtMs = performance.now()
  client.write('a')
  await turn()
  proxy.latencyMs = 0
  client.write('b')
  expect(await received(client, 2)).toBe('ab')
  expect(performance.now() - startedAtMs).toBeGreaterThanOrEqual(29)
})

test('a cut resets what is open, and a new connection is welcome', async () => {
  await ask(client, 'x')
  proxy.cut()
  expect(await failure(client)).toBe('ECONNRESET')
  client = newClient()
  expect(await ask(client, 'again')).toBe('again')
})

test('in refuse mode a newcomer is reset, and open connections go on', async () => {
  await ask(client, 'x')
  proxy.mode = 'refuse'
  expect(await failure(newClient())).toBe('ECONNRESET')
  expect(await ask(client, 'still here')).toBe('still here')
})

test('in blackhole mode nobody hears anything; after it, what was open is reset', async () => {
  await ask(client, 'x')
  proxy.mode = 'blackhole'
  const newcomer = newClient()
  let heard = ''
  for (const socket of [client, newcomer]) socket.on('data', (chunk) => (heard += chunk)).write('anybody?')
  await turn(30)
  expect(heard).toBe('')
  const failures = Promise.all([failure(client), failure(newcomer)])
  proxy.mode = 'ok'
  expect(await failures).toEqual(['ECONNRESET', 'ECONNRESET'])
  client = newClient()
  expect(await ask(client, 'again')).toBe('again')
})

test('a pause holds bytes back and loses none', async () => {
  await ask(client, 'x')
  proxy.pause()
  let heard = ''
  client.on('data', (chunk) => (heard += chunk))
  client.write('later')
  await turn(30)
  expect(heard).toBe('')
  const answer = received(client, 'later'.length)
  proxy.resume()
  expect(await answer).toBe('later')
})

test('an orderly end of the server is an orderly end for the client', async () => {
  await ask(client, 'x')
  const end = once(client, 'end')
  client.end()
  await end
})

function newClient(): Socket {
  return connect(proxy.port, proxy.host).on('error', () => {})
}

async function ask(socket: Socket, question: string): Promise<string> {
  const answer = received(socket, question.length)
  socket.write(question)
  return answer
}

function received(socket: Socket, length: number): Promise<string> {
  return new Promise((resolve) => {
    let seen = ''
    const onData = (chunk: Buffer): void => {
      seen += chunk
      if (seen.length < length) return
      socket.off('data', onData)
      resolve(seen)
    }
    socket.on('data', onData)
  })
}

async function failure(socket: Socket): Promise<string | undefined> {
  const [error] = await once(socket, 'error').catch((reason) => [reason])
  return error.code
}

/** The network is real here, so a little real time has to pass. */
function turn(forMs = 5): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, forMs))
}
