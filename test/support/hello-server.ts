import { once } from 'node:events'
import type { AddressInfo, Server, Socket } from 'node:net'
import { createServer } from 'mysql2'

const HOST = '127.0.0.1'

/** A MySQL server on a free port of 127.0.0.1 that lets everybody in, and says yes to whatever it is asked. */
export async function startHelloServer() {
  let lastId = 0
  const sockets = new Map<number, Socket>()
  const server = createServer((connection) => {
    // What it takes of a server's is not in mysql2's types.
    const { stream, _resetSequenceId } = connection as unknown as { stream: Socket; _resetSequenceId(): void }
    const id = ++lastId
    const answer = (): void => {
      connection.writeOk()
      _resetSequenceId.call(connection)
    }
    sockets.set(id, stream)
    stream.once('close', () => sockets.delete(id))
    connection.on('error', () => {})
    for (const question of ['query', 'stmt_prepare', 'ping']) connection.on(question, answer)
    connection.serverHandshake({
      protocolVersion: 10,
      serverVersion: '8.0.0',
      connectionId: id,
      statusFlags: 2,
      characterSet: 33,
      capabilityFlags: 0xffff,
      authCallback: (_who: unknown, isIn: (error: null) => void) => {
        isIn(null)
        _resetSequenceId.call(connection)
      },
    })
  })
  const { _server: listener } = server as unknown as { _server: Server } // nothing public tells the port
  listener.listen(0, HOST)
  await once(listener, 'listening')
  return {
    host: HOST,
    port: (listener.address() as AddressInfo).port,
    /** Cuts a connection, by the id that it was greeted with. */
    cut: (id: number) => sockets.get(id)?.destroy(),
    close: () => listener.close(),
  }
}
