/**
 * The whole way: `select 1` on real servers through the driver's own pool, through the same pool adopted, and through
 * a native pool of the driver's connections; throughput and latency, from one caller to five hundred on ten connections.
 *
 *     npm run bench:end-to-end -- [pg|mysql2] [smoke]
 *
 * The three take turns, round by round, over the same server; ratios are those of one round, their median is printed.
 * Closed loop: a caller asks again as soon as it is answered, so that latency is what 500 callers make of a full queue.
 */
import mysql from 'mysql2/promise'
import pg from 'pg'
import { startPostgres } from '../src/cli/embedded-postgres.ts'
import { startMariadb } from '../test/support/mariadb-server.ts'
import { quantile } from './support/quantile.ts'

const dist = new URL('../dist/index.js', import.meta.url)
const { adapt, createPool } = (await import(dist.href)) as typeof import('../src/index.ts')

const LIMIT = 10
const CONCURRENCIES = [1, 10, 100, 500]
const words = process.argv.slice(2)
const isSmoke = words.includes('smoke')
const only = words.find((word) => word === 'pg' || word === 'mysql2')
const ROUNDS = isSmoke ? 1 : 12
const RUN_MS = isSmoke ? 50 : 500
const SQL = 'select 1'

interface Subject {
  readonly name: string
  query(): Promise<unknown>
  end(): Promise<unknown>
}

function pgSubjects(url: string): readonly Subject[] {
  const config = { connectionString: url, max: LIMIT }
  const bare = new pg.Pool(config)
  const adopted = new pg.Pool(config)
  adapt(adopted, { limitMin: LIMIT })
  const native = createPool({
    async create() {
      const client = new pg.Client(config)
      await client.connect()
      return client
    },
    destroy: (client) => client.end(),
    limitMin: LIMIT,
    limitMax: LIMIT,
  })
  return [
    { name: 'pg.Pool', query: () => bare.query(SQL), end: () => bare.end() },
    { name: 'pg.Pool, adopted', query: () => adopted.query(SQL), end: () => adopted.end() },
    { name: 'createPool of pg.Client', query: () => native.use((c) => c.query(SQL)), end: () => native.drain() },
  ]
}

function mysqlSubjects(url: string): readonly Subject[] {
  const config = { uri: url, connectionLimit: LIMIT }
  const bare = mysql.createPool(config)
  const adopted = mysql.createPool(config)
  adapt(adopted, { limitMin: LIMIT })
  const native = createPool({
    create: () => mysql.createConnection(url),
    destroy: (connection) => connection.end(),
    limitMin: LIMIT,
    limitMax: LIMIT,
  })
  return [
    { name: 'mysql2 pool', query: () => bare.query(SQL), end: () => bare.end() },
    { name: 'mysql2 pool, adopted', query: () => adopted.query(SQL), end: () => adopted.end() },
    { name: 'createPool of connections', query: () => native.use((c) => c.query(SQL)), end: () => native.drain() },
  ]
}

interface Round {
  readonly perSecond: number
  /** From asking to the answer. */
  readonly msP50: number
  readonly msP99: number
}

async function round({ query }: Subject, concurrency: number): Promise<Round> {
  const startedAtMs = performance.now()
  const endsAtMs = startedAtMs + RUN_MS
  const times: number[] = []
  const caller = async (): Promise<void> => {
    for (let askedAtMs = startedAtMs; askedAtMs < endsAtMs; ) {
      askedAtMs = performance.now()
      await query()
      times.push(performance.now() - askedAtMs)
    }
  }
  await Promise.all(Array.from({ length: concurrency }, caller))
  const perSecond = (times.length * 1_000) / (performance.now() - startedAtMs)
  return { perSecond, msP50: quantile(times, 0.5), msP99: quantile(times, 0.99) }
}

async function compare(subjects: readonly Subject[]): Promise<void> {
  const width = Math.max(...subjects.map(({ name }) => name.length))
  for (const subject of subjects) await round(subject, LIMIT) // opens the connections, warms up the code
  for (const concurrency of CONCURRENCIES) {
    const rounds = subjects.map((): Round[] => [])
    for (let turn = 0; turn < ROUNDS; turn++) {
      const order = [...subjects.keys()]
      for (const i of turn % 2 === 0 ? order : order.reverse()) {
        rounds[i]?.push(await round(subjects[i] as Subject, concurrency))
      }
    }
    console.log(`\n${concurrency} callers`.padEnd(width + 4), '   /s   of bare (quartiles)   p50 ms   p99 ms')
    for (const [i, { name }] of subjects.entries()) {
      const mine = rounds[i] as Round[]
      const ratios = mine.map(({ perSecond }, turn) => perSecond / (rounds[0]?.[turn]?.perSecond ?? Number.NaN))
      const percent = (q: number): string => `${(quantile(ratios, q) * 100).toFixed(0)} %`
      const median = (of: (round: Round) => number): number => quantile(mine.map(of), 0.5)
      const cells = [
        median(({ perSecond }) => perSecond)
          .toFixed(0)
          .padStart(6),
        `${percent(0.5).padStart(7)} (${percent(0.25)}..${percent(0.75)})`.padEnd(22),
        median(({ msP50 }) => msP50)
          .toFixed(2)
          .padStart(8),
        median(({ msP99 }) => msP99)
          .toFixed(2)
          .padStart(8),
      ]
      console.log(`  ${name.padEnd(width)}`, ...cells)
    }
  }
  await Promise.all(subjects.map(({ end }) => end()))
}

// tsx switches source maps on, with which Node's own stack traces take a millisecond.
process.setSourceMapsEnabled(false)
console.log(`Node ${process.version}, ${LIMIT} connections, ${ROUNDS} rounds of ${RUN_MS} ms`)
if (only !== 'mysql2') {
  const postgres = await startPostgres()
  await compare(pgSubjects(postgres.url))
  await postgres.stop()
}
if (only !== 'pg') {
  const mariadb = await startMariadb()
  await compare(mysqlSubjects(mariadb.url))
  await mariadb.stop()
}
