/**
 * What adoption costs: `select 1` through an adopted pool and through the bare one, in turn, over the same server: the
 * throughput, and the process's own CPU time a query, which moves less with what else the machine does.
 *
 *     npm run bench:adopted -- [pg|mysql2] [unwatched] [smoke]
 *
 * `unwatched` adopts with `watch: false`; `smoke` only shows that it works. The library is the built one: what tsx makes of
 * a source file names every function anew each time that it is made, which nobody's program does.
 */
import mysql from 'mysql2/promise'
import pg from 'pg'
import { startPostgres } from '../src/cli/embedded-postgres.ts'
import { startMariadb } from '../test/support/mariadb-server.ts'
import { quantile } from './support/quantile.ts'

const dist = new URL('../dist/index.js', import.meta.url)
const { adapt } = (await import(dist.href)) as typeof import('../src/index.ts')

const LIMIT = 10
const CONCURRENCIES = [1, 10, 100]
const words = process.argv.slice(2)
const isSmoke = words.includes('smoke')
const only = words.find((word) => word === 'pg' || word === 'mysql2')
const watch = words.includes('unwatched') ? ({ watch: false } as const) : {}
const PAIRS = isSmoke ? 3 : 45
const RUN_MS = isSmoke ? 50 : 400

interface Subject {
  readonly name: string
  query(): Promise<unknown>
  end(): Promise<unknown>
}

function pgPool(url: string, isAdopted: boolean): Subject {
  const pool = new pg.Pool({ connectionString: url, max: LIMIT })
  if (isAdopted) adapt(pool, { limitMin: LIMIT, ...watch })
  return { name: 'pg.Pool', query: () => pool.query('select 1'), end: () => pool.end() }
}

function mysqlPool(url: string, isAdopted: boolean): Subject {
  const pool = mysql.createPool({ uri: url, connectionLimit: LIMIT })
  if (isAdopted) adapt(pool, { limitMin: LIMIT, ...watch })
  return { name: 'mysql2 pool', query: () => pool.query('select 1'), end: () => pool.end() }
}

interface Run {
  readonly perSecond: number
  /** Of this process, in µs a query. */
  readonly cpuUs: number
}

/** So many callers, who ask again as soon as they are answered. */
async function run({ query }: Subject, concurrency: number): Promise<Run> {
  const startedAtMs = performance.now()
  const cpuBefore = process.cpuUsage()
  const endsAtMs = startedAtMs + RUN_MS
  let answered = 0
  const caller = async (): Promise<void> => {
    while (performance.now() < endsAtMs) {
      await query()
      answered += 1
    }
  }
  await Promise.all(Array.from({ length: concurrency }, caller))
  const { user, system } = process.cpuUsage(cpuBefore)
  return { perSecond: (answered * 1_000) / (performance.now() - startedAtMs), cpuUs: (user + system) / answered }
}

async function compare(bare: Subject, adopted: Subject): Promise<void> {
  for (const subject of [bare, adopted]) for (const concurrency of CONCURRENCIES) await run(subject, concurrency)
  for (const concurrency of CONCURRENCIES) {
    const runs: { readonly bare: Run; readonly adopted: Run }[] = []
    for (let pair = 0; pair < PAIRS; pair++) {
      const isBareFirst = pair % 2 === 0 // what warms up or throttles in a pair favours neither
      const first = await run(isBareFirst ? bare : adopted, concurrency)
      const second = await run(isBareFirst ? adopted : bare, concurrency)
      runs.push(isBareFirst ? { bare: first, adopted: second } : { bare: second, adopted: first })
    }
    const percent = (q: number) => {
      const ratios = runs.map((pair) => pair.adopted.perSecond / pair.bare.perSecond)
      return (quantile(ratios, q) * 100).toFixed(1)
    }
    const median = (of: (pair: (typeof runs)[number]) => number) => Math.round(quantile(runs.map(of), 0.5))
    console.log(
      `${bare.name}, ${concurrency} callers: bare ${median((pair) => pair.bare.perSecond)}/s, adopted ${percent(0.5)} % ` +
        `of it (quartiles ${percent(0.25)}..${percent(0.75)}, ${PAIRS} pairs); own CPU a query: bare ` +
        `${median((pair) => pair.bare.cpuUs)} µs, adopted ${median((pair) => pair.adopted.cpuUs)} µs`,
    )
  }
  await Promise.all([bare.end(), adopted.end()])
}

// tsx switches source maps on, with which Node's own stack traces take a millisecond.
process.setSourceMapsEnabled(false)
console.log(
  `Node ${process.version}, pools of ${LIMIT}, ${RUN_MS} ms a run${words.includes('unwatched') ? ', unwatched' : ''}`,
)
if (only !== 'mysql2') {
  const postgres = await startPostgres()
  await compare(pgPool(postgres.url, false), pgPool(postgres.url, true))
  await postgres.stop()
}
if (only !== 'pg') {
  const mariadb = await startMariadb()
  await compare(mysqlPool(mariadb.url, false), mysqlPool(mariadb.url, true))
  await mariadb.stop()
}
