/** A process that starts a PostgreSQL, says where, and never stops it: what is left when it dies? */
import { startPostgres } from '../../src/cli/embedded-postgres.ts'

const server = await startPostgres()
console.log(JSON.stringify({ pid: server.pid, port: server.port }))
setInterval(() => {}, 60_000)
