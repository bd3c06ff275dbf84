// HikariCP's spike on a real pg pool: 5 idle, 50 ask at once, a connect takes 150 ms more, a lease is a timer of 2 ms.
// `npx tsx bench/hikari-spike.bench.ts [rounds]`. Prints, per round, the longest wait and how many clients were open.

import { setTimeout as sleep } from 'node:timers/promises'
import pg from 'pg'
import { startPostgres } from '../src/cli/embedded-postgres.ts'
import { adapt } from '../src/index.ts'

const IDLE = 5
const CALLERS = 50
const CONNECT_MS = 150
const LEASE_MS = 2
/** Leases before the last caller's own, one after the other on each of the idle clients. */
const LEASES_BEFORE = CALLERS / IDLE - 1

class DistantClient extends pg.Client {
  override connect(callback?: unknown): Promise<this> {
    setTimeout(() => (super.connect as (callback: unknown) => void)(callback), CONNECT_MS)
    return undefined as never // pg-pool asks by callback
  }
}

/** What no pool can undercut: so many timers one after the other, on so many clients. */
async function floorMs(): Promise<number> {
  const startMs = performance.now()
  const chain = async () => {
    for (let i = 0; i < LEASES_BEFORE; i++) await sleep(LEASE_MS)
  }
  await Promise.all(Array.from({ length: IDLE }, chain))
  return performance.now() - startMs
}

async function spike(pool: pg.Pool): Promise<{ longestMs: number; openMost: number }> {
  let longestMs = 0
  let openMost = 0
  const caller = async () => {
    const askedAtMs = performance.now()
    const client = await pool.connect()
    longestMs = Math.max(longestMs, performance.now() - askedAtMs)
    openMost = Math.max(openMost, pool.totalCount)
    await sleep(LEASE_MS)
    client.release()
  }
  await Promise.all(Array.from({ length: CALLERS }, caller))
  return { longestMs, openMost }
}

async function warm(pool: pg.Pool): Promise<void> {
  const clients = await Promise.all(Array.from({ length: IDLE }, () => pool.connect()))
  for (const client of clients) client.release()
}

const rounds = Number(process.argv[2] ?? 10)
const server = await startPostgres()
const config = { connectionString: server.url, Client: DistantClient as unknown as typeof pg.Client }
console.log(`${process.version}, ${rounds} rounds: longest wait in ms (clients open)`)
for (let round = 0; round < rounds; round++) {
  const adopted = new pg.Pool({ ...config, max: CALLERS })
  const control = adapt(adopted)
  const five = new pg.Pool({ ...config, max: IDLE })
  const fifty = new pg.Pool({ ...config, max: CALLERS })
  await Promise.all([control.warmUp(IDLE), warm(five), warm(fifty)])
  const cells = [`timers alone ${(await floorMs()).toFixed(1)}`]
  for (const [name, pool] of Object.entries({ adopted, 'pg, max 5': five, 'pg, max 50': fifty })) {
    const { longestMs, openMost } = await spike(pool)
    cells.push(`${name} ${longestMs.toFixed(1)} (${openMost})`)
    await pool.end()
  }
  console.log(cells.join(' | '))
}
await server.stop()
