// A pool of anything: here of sockets to an echo server of our own.
import { once } from 'node:events'
import net from 'node:net'
import { createPool } from 'adaptive-pool'

const server = net.createServer((socket) => socket.pipe(socket)).listen(0, '127.0.0.1')
await once(server, 'listening')

async function connect({ signal }) {
  const socket = net.connect({ port: server.address().port, host: '127.0.0.1', signal })
  await once(socket, 'connect')
  return {
    end: () => socket.destroy(),
    async ask(question) {
      socket.write(question)
      const [answer] = await once(socket, 'data')
      return answer.toString()
    },
  }
}

const pool = createPool({
  name: 'sockets',
  create: async ({ signal }) => connect({ signal }),
  destroy: async (socket) => socket.end(),
  limitMax: 50,
})

const answer = await pool.use((socket) => socket.ask('how are you?'), { timeoutMs: 500 })
console.log(answer, pool.counts())

await pool.drain()
server.close()
