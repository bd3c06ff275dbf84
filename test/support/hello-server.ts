import { once } from 'node:events'
import type { AddressInfo, Server } from 'node:net'
import { createServer } from 'mysql2'

const HOST = '127.0.0.1'

/** A MySQL server on a free port of 127.0.0.1 that lets everybody in, and answers nothing but a good-bye. */
export async function startHelloServer() {
  let lastId = 0
  const server = createServer((connection) => {
    connection.on('error', () => {})
    connection.serverHandshake({
      protocolVersion: 10,
      serverVersion: '8.0.0',
      connectionId: ++lastId,
      statusFlags: 2,
      characterSet: 33,
      capabilityFlags: 0xffff,
    })
  })
  const { _server: listener } = server as unknown as { _server: Server } // nothing public tells the port
  listener.listen(0, HOST)
  await once(listener, 'listening')
  return {
    host: HOST,
    port: (listener.address() as AddressInfo).port,
    close: () => listener.close(),
  }
}
