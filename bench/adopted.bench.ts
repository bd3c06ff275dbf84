/**
 * What adoption costs: `select 1` through an adopted pool and through the bare one, in turn, over the same server.
 * `npm run bench:adopted`, or with `smoke` for a quick run that only shows that it works.
 */
import mysql from 'mysql2/promise'
import pg from 'pg'
import { startPostgres } from '../src/cli/embedded-postgres.ts'
import { adapt } from '../src/index.ts'
import { startMariadb } from '../test/support/mariadb-server.ts'

const LIMIT = 10
const CONCURRENCIES = [1, 10, 100]
const isSmoke = process.argv.includes('smoke')
const PAIRS = isSmoke ? 3 : 15
const RUN_MS = isSmoke ? 50 : 400

interface Subject {
  readonly name: string
  query(): Promise<unknown>
  end(): Promise<unknown>
}

function pgPool(url: string, isAdopted: boolean): Subject {
  const pool = new pg.Pool({ connectionString: url, max: LIMIT })
  if (isAdopted) adapt(pool, { limitMin: LIMIT })
  return { name: 'pg.Pool', query: () => pool.query('select 1'), end: () => pool.end() }
}

function mysqlPool(url: string, isAdopted: boolean): Subject {
  const pool = mysql.createPool({ uri: url, connectionLimit: LIMIT })
  if (isAdopted) adapt(pool, { limitMin: LIMIT })
  return { name: 'mysql2 pool', query: () => pool.query('select 1'), end: () => pool.end() }
}

/** Queries a second, with so many callers who ask again as soon as they are answered. */
async function throughput({ query }: Subject, concurrency: number): Promise<number> {
  const startedAtMs = performance.now()
  const endsAtMs = startedAtMs + RUN_MS
  let answered = 0
  const caller = async (): Promise<void> => {
    while (performance.now() < endsAtMs) {
      await query()
      answered += 1
    }
  }
  await Promise.all(Array.from({ length: concurrency }, caller))
  return (answered * 1_000) / (performance.now() - startedAtMs)
}

function quantile(values: readonly number[], q: number): number {
  const sorted = [...values].sort((a, b) => a - b)
  return sorted[Math.min(sorted.length - 1, Math.floor(q * sorted.length))] ?? Number.NaN
}

async function compare(bare: Subject, adopted: Subject): Promise<void> {
  for (const subject of [bare, adopted]) for (const concurrency of CONCURRENCIES) await throughput(subject, concurrency)
  for (const concurrency of CONCURRENCIES) {
    const bares: number[] = []
    const ratios: number[] = []
    for (let pair = 0; pair < PAIRS; pair++) {
      const isBareFirst = pair % 2 === 0 // what warms up or throttles in a pair favours neither
      const first = await throughput(isBareFirst ? bare : adopted, concurrency)
      const second = await throughput(isBareFirst ? adopted : bare, concurrency)
      const [ofBare, ofAdopted] = isBareFirst ? [first, second] : [second, first]
      bares.push(ofBare)
      ratios.push(ofAdopted / ofBare)
    }
    const percent = (q: number) => (quantile(ratios, q) * 100).toFixed(1)
    const perSecond = Math.round(quantile(bares, 0.5))
    const spread = `quartiles ${percent(0.25)}..${percent(0.75)}`
    console.log(
      `${bare.name}, ${concurrency} callers: bare ${perSecond}/s, adopted ${percent(0.5)} % of it (${spread}, ${PAIRS} pairs)`,
    )
  }
  await Promise.all([bare.end(), adopted.end()])
}

// tsx switches source maps on, with which putting a stack into words (call sites of holders) takes a millisecond.
process.setSourceMapsEnabled(false)
console.log(`Node ${process.version}, pools of ${LIMIT}, ${RUN_MS} ms a run`)
const postgres = await startPostgres()
await compare(pgPool(postgres.url, false), pgPool(postgres.url, true))
await postgres.stop()
const mariadb = await startMariadb()
await compare(mysqlPool(mariadb.url, false), mysqlPool(mariadb.url, true))
await mariadb.stop()
