/**
 * What adoption costs: `select 1` through an adopted pool and through the bare one, over the same server: the
 * throughput, and the process's own CPU time a query, which moves less with what else the machine does.
 *
 *     npm run bench:adopted -- [pg|mysql2] [1|10|100] [unwatched] [smoke]
 *
 * Four processes of each, since one of two that run the same code may be a tenth faster for as long as it lives. They
 * take turns; a round's ratio is that of the sums of all four. `unwatched` adopts with `watch: false`; `smoke` only shows
 * that it works. The library is the built one: what tsx makes of a source file names every function anew each time that
 * it is made, which nobody's program does.
 */
import { fileURLToPath } from 'node:url'
import mysql from 'mysql2/promise'
import pg from 'pg'
import { startPostgres } from '../src/cli/embedded-postgres.ts'
import { startMariadb } from '../test/support/mariadb-server.ts'
import { quantile } from './support/quantile.ts'
import { answerRounds, inTurns, Worker } from './support/worker.ts'

const HERE = fileURLToPath(import.meta.url)
const dist = new URL('../dist/index.js', import.meta.url)
const LIMIT = 10

interface Querying {
  readonly pool: object
  query(): Promise<unknown>
}

const DRIVERS = {
  pg: {
    start: startPostgres,
    open(url: string): Querying {
      const pool = new pg.Pool({ connectionString: url, max: LIMIT })
      return { pool, query: () => pool.query('select 1') }
    },
  },
  mysql2: {
    start: startMariadb,
    open(url: string): Querying {
      const pool = mysql.createPool({ uri: url, connectionLimit: LIMIT })
      return { pool, query: () => pool.query('select 1') }
    },
  },
} as const

type DriverName = keyof typeof DRIVERS
type Manner = 'bare' | 'adopted' | 'unwatched'

interface Run {
  readonly perSecond: number
  /** Of this process, in µs a query. */
  readonly cpuUs: number
}

/** So many callers, who ask again as soon as they are answered. */
async function run({ query }: Querying, callers: number, forMs: number): Promise<Run> {
  const startedAtMs = performance.now()
  const cpuBefore = process.cpuUsage()
  const endsAtMs = startedAtMs + forMs
  let answered = 0
  const caller = async (): Promise<void> => {
    while (performance.now() < endsAtMs) {
      await query()
      answered += 1
    }
  }
  await Promise.all(Array.from({ length: callers }, caller))
  const { user, system } = process.cpuUsage(cpuBefore)
  return { perSecond: (answered * 1_000) / (performance.now() - startedAtMs), cpuUs: (user + system) / answered }
}

/** In a process of its own. */
async function work(name: DriverName, url: string, manner: Manner, callers: number, forMs: number): Promise<void> {
  process.setSourceMapsEnabled(false) // tsx switches them on, with which Node's own stack traces take a millisecond
  const querying = DRIVERS[name].open(url)
  if (manner !== 'bare') {
    const { adapt } = (await import(dist.href)) as typeof import('../src/index.ts')
    adapt(querying.pool, { limitMin: LIMIT, ...(manner === 'unwatched' ? { watch: false } : {}) })
  }
  await run(querying, callers, 2 * forMs) // warms up
  answerRounds(() => run(querying, callers, forMs))
}

interface Plan {
  readonly processes: number
  readonly rounds: number
  readonly runMs: number
}

async function compare(name: DriverName, url: string, manner: Manner, callers: number, plan: Plan): Promise<void> {
  const { processes, rounds, runMs } = plan
  const workers: Worker<Run>[] = []
  try {
    for (let at = 0; at < 2 * processes; at++) {
      const args = ['worker', name, url, at % 2 === 0 ? 'bare' : manner, String(callers), String(runMs)]
      workers.push(await Worker.start(HERE, args))
    }
    const runs = await inTurns(workers, rounds)
    const bare = runs.filter((_, at) => at % 2 === 0)
    const adopted = runs.filter((_, at) => at % 2 === 1)
    const half = processes / 2
    const perSecond = ofEach(bare, (run) => run.perSecond).toFixed(0)
    const [bareUs, adoptedUs] = [bare, adopted].map((some) => ofEach(some, (run) => run.cpuUs).toFixed(1))
    console.log(
      `${name}, ${callers} callers: bare ${perSecond}/s, adopted ${percents(adopted, bare)} of it; bare beside itself ` +
        `${percents(bare.slice(0, half), bare.slice(half))}; own CPU a query: bare ${bareUs} µs, adopted ${adoptedUs} µs`,
    )
  } finally {
    for (const worker of workers) worker.stop()
  }
}

/** The mean of the processes' medians. */
function ofEach(runs: readonly (readonly Run[])[], of: (run: Run) => number): number {
  return runs.reduce((sum, rounds) => sum + quantile(rounds.map(of), 0.5), 0) / runs.length
}

/** Throughput of some processes as a share of that of as many others, round by round: median and quartiles. */
function percents(some: readonly (readonly Run[])[], others: readonly (readonly Run[])[]): string {
  const inRound = (runs: readonly (readonly Run[])[], round: number) =>
    runs.reduce((all, rounds) => all + (rounds[round]?.perSecond ?? 0), 0)
  const ratios = (some[0] ?? []).map((_, round) => (100 * inRound(some, round)) / inRound(others, round))
  const at = (q: number) => quantile(ratios, q).toFixed(1)
  return `${at(0.5)} % (${at(0.25)}..${at(0.75)})`
}

async function main(words: readonly string[]): Promise<void> {
  const isSmoke = words.includes('smoke')
  const plan = isSmoke ? { processes: 2, rounds: 3, runMs: 30 } : { processes: 4, rounds: 30, runMs: 200 }
  const manner = words.includes('unwatched') ? 'unwatched' : 'adopted'
  const names = (['pg', 'mysql2'] as const).filter((name) => words.includes(name))
  const callers = [1, 10, 100].filter((count) => words.includes(String(count)))
  console.log(
    `Node ${process.version}, pools of ${LIMIT}, ${plan.processes} processes of each, ${plan.rounds} rounds of ` +
      `${plan.runMs} ms${manner === 'unwatched' ? ', unwatched' : ''}; median (quartiles)`,
  )
  for (const name of names.length > 0 ? names : (['pg', 'mysql2'] as const)) {
    const server = await DRIVERS[name].start()
    try {
      for (const count of callers.length > 0 ? callers : [1, 10, 100]) {
        await compare(name, server.url, manner, count, plan)
      }
    } finally {
      await server.stop()
    }
  }
}

const [first, ...rest] = process.argv.slice(2)
if (first === 'worker') {
  const [name, url, manner, callers, forMs] = rest as [DriverName, string, Manner, string, string]
  await work(name, url, manner, Number(callers), Number(forMs))
} else await main(process.argv.slice(2))
