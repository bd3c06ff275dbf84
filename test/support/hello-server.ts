import crypto from 'node:crypto'
import { once } from 'node:events'
import type { AddressInfo, Server } from 'node:net'
import type { Duplex } from 'node:stream'
import { createServer } from 'mysql2'
import { connectByWire } from './wire.ts'

const HOST = '127.0.0.1'

/** A MySQL server on a free port of 127.0.0.1 that lets everybody in, and says yes to whatever it is asked. */
export async function startHelloServer() {
  let lastId = 0
  const sockets = new Map<number, Duplex>()
  const server = createServer((connection) => {
    // What it takes of a server's is not in mysql2's types.
    const { stream, _resetSequenceId } = connection as unknown as { stream: Duplex; _resetSequenceId(): void }
    const id = ++lastId
    const answer = (): void => {
      connection.writeOk()
      _resetSequenceId.call(connection)
    }
    sockets.set(id, stream)
    for (const event of ['end', 'close']) stream.once(event, () => sockets.delete(id)) // 'end': a server lets go then
    connection.on('error', () => {})
    for (const question of ['query', 'stmt_prepare', 'ping']) connection.on(question, answer)
    withoutChance(() =>
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
      }),
    )
  })
  // Nothing public tells the port, or takes a stream.
  const inner = server as unknown as { readonly _server: Server; _handleConnection(stream: Duplex): void }
  const listener = inner._server
  listener.listen(0, HOST)
  await once(listener, 'listening')
  return {
    host: HOST,
    port: (listener.address() as AddressInfo).port,
    /** To it, past the network. */
    connect: () => connectByWire((stream) => inner._handleConnection(stream)),
    /** Counts those that come in from now on and are still there. */
    counter: () => {
      const before = lastId
      return () => [...sockets.keys()].filter((id) => id > before).length
    },
    /** Cuts a connection, by the id that it was greeted with. */
    cut: (id: number) => sockets.get(id)?.destroy(),
    close: () => listener.close(),
  }
}

/** A greeting's random bytes come out of another thread, whenever that is: for a program under virtual time, too late. */
function withoutChance(greet: () => void): void {
  const { randomBytes } = crypto
  const sameBytes = (size: number, done: (error: null, bytes: Buffer) => void) => done(null, Buffer.alloc(size, 1))
  crypto.randomBytes = sameBytes as typeof randomBytes
  try {
    greet()
  } finally {
    crypto.randomBytes = randomBytes
  }
}
