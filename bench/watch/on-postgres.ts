import { setTimeout as sleep } from 'node:timers/promises'
import pg from 'pg'
import { startPostgres } from '../../src/cli/embedded-postgres.ts'
import { type AdoptedPool, adapt, fixed, hybrid } from '../../src/index.ts'
import type { Verdict, Warning } from '../../src/watch/warning.ts'

/** Normal traffic, then what happens: its undoing is returned. */
interface Incident {
  readonly cause: Verdict
  readonly says: string
  /** Of the pool; sizes itself up to `limitMax` if that is larger. */
  readonly limit: number
  readonly limitMax?: number
  readonly maxConnections?: number
  readonly ratePerSecond: number
  /** Of the load, in ms. @defaultValue 5 */
  readonly waitMs?: number
  /** Requests that come are handled by one of these, in turn. */
  begin(stage: Stage): Promise<() => Promise<void> | void> | (() => void)
  /** It is there from the first request on. */
  readonly isFromStart?: true
}

interface Stage {
  readonly url: string
  readonly pool: pg.Pool
  readonly control: AdoptedPool
  readonly load: Load
  stopServer(): Promise<void>
}

/** What the requests do, and how many there are: an incident changes them while they come. */
interface Load {
  ratePerSecond: number
  /** What three handlers of four wait for in the server, in ms, without using its CPU. */
  waitMs: number
  /** What the first of them waits for beyond that, in ms. */
  slowMs: number
  leakEvery: number
  isNested: boolean
}

const QUIET_MS = 3_000
const INCIDENT_MS = 14_000
const SOON_MS = 5_000

const INCIDENTS: readonly Incident[] = [
  {
    cause: 'surge',
    says: 'seven times the traffic, for a server that could do it',
    limit: 10,
    ratePerSecond: 80,
    waitMs: 30,
    begin({ load }) {
      load.ratePerSecond = 560
      return () => {}
    },
  },
  {
    cause: 'undersized',
    says: 'three connections for what needs five',
    limit: 3,
    ratePerSecond: 400,
    waitMs: 15,
    isFromStart: true,
    begin: () => () => {},
  },
  {
    cause: 'slow-leases',
    says: 'lock contention: a session holds a row that one handler in four updates',
    limit: 10,
    ratePerSecond: 150,
    async begin({ url }) {
      const blocker = new pg.Client({ connectionString: url })
      await blocker.connect()
      await blocker.query('begin; update accounts set balance = balance + 1 where id = 1')
      return () => blocker.end()
    },
  },
  {
    cause: 'slow-leases',
    says: 'a deploy makes one query in four sixty times as slow',
    limit: 10,
    ratePerSecond: 150,
    begin({ load }) {
      load.slowMs = 295
      return () => {}
    },
  },
  {
    cause: 'backend-saturated',
    says: 'brown-out: the server stands still for nine tenths of the time',
    limit: 10,
    ratePerSecond: 150,
    async begin({ url }) {
      const admin = new pg.Client({ connectionString: url })
      await admin.connect()
      const { rows } = await admin.query(
        "select pid from pg_stat_activity where application_name = 'incident' and backend_type = 'client backend'",
      )
      await admin.end()
      const pids = rows.map(({ pid }) => Number(pid))
      let isOver = false
      const pulse = (async () => {
        while (!isOver) {
          for (const pid of pids) signal(pid, 'SIGSTOP')
          await sleep(90)
          for (const pid of pids) signal(pid, 'SIGCONT')
          await sleep(10)
        }
      })()
      return async () => {
        isOver = true
        await pulse
      }
    },
  },
  {
    cause: 'leak',
    says: 'one request in 150 forgets its connection',
    limit: 10,
    ratePerSecond: 150,
    begin({ load }) {
      load.leakEvery = 150
      return () => {}
    },
  },
  {
    cause: 'self-deadlock',
    says: 'nested acquire: every request takes a second connection',
    limit: 10,
    ratePerSecond: 300,
    begin({ load }) {
      load.isNested = true
      return () => {}
    },
  },
  {
    cause: 'backend-refusing',
    says: 'max_connections taken by others, while traffic grows',
    limit: 5,
    limitMax: 60,
    maxConnections: 25,
    ratePerSecond: 100,
    async begin({ url, load }) {
      const others: pg.Client[] = []
      for (let i = 0; i < 30; i++) {
        const client = new pg.Client({ connectionString: url })
        client.on('error', () => {})
        try {
          await client.connect()
          others.push(client)
        } catch {
          break
        }
      }
      load.ratePerSecond = 1_200
      return async () => {
        await Promise.all(others.map((client) => client.end().catch(() => {})))
      }
    },
  },
  {
    cause: 'creation-failing',
    says: 'the server is gone',
    limit: 10,
    ratePerSecond: 150,
    async begin({ stopServer }) {
      await stopServer()
      return () => {}
    },
  },
  {
    cause: 'event-loop-stall',
    says: 'a blocked event loop: 700 ms in every 1.5 s',
    limit: 10,
    ratePerSecond: 150,
    begin() {
      const timer = setInterval(() => {
        const untilMs = performance.now() + 700
        while (performance.now() < untilMs);
      }, 1_500)
      return () => clearInterval(timer)
    },
  },
]

function signal(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name)
  } catch {
    // It has ended since.
  }
}

/** Four handlers: three queries, one of them an update of a single row, and a transaction of two. */
function handle(pool: pg.Pool, load: Load, i: number): Promise<unknown> {
  if (load.leakEvery > 0 && i % load.leakEvery === 0) return forgets(pool)
  if (load.isNested) return nests(pool)
  switch (i % 4) {
    case 0:
      return pool.query('select pg_sleep($1::float), balance from accounts where id = 2', [
        (load.waitMs + load.slowMs) / 1_000,
      ])
    case 1:
      return pool.query('update accounts set balance = balance + 1 where id = 1')
    case 2:
      return pool.query('select count(*), pg_sleep($1::float) from accounts', [load.waitMs / 1_000])
    default:
      return transfers(pool, load)
  }
}

async function transfers(pool: pg.Pool, { waitMs }: Load): Promise<void> {
  const client = await pool.connect()
  try {
    await client.query('select pg_sleep($1::float)', [waitMs / 1_000])
    await client.query('select balance from accounts where id = 3')
  } finally {
    client.release()
  }
}

async function forgets(pool: pg.Pool): Promise<void> {
  const client = await pool.connect()
  await client.query('select balance from accounts where id = 4')
}

async function nests(pool: pg.Pool): Promise<void> {
  const client = await pool.connect()
  try {
    await client.query('select pg_sleep(0.03)')
    await audits(pool)
  } finally {
    client.release()
  }
}

async function audits(pool: pg.Pool): Promise<void> {
  await pool.query('insert into audit values (1)')
}

interface Run {
  readonly first: Warning | undefined
  readonly isRight: boolean
  readonly isRightSoon: boolean
  readonly warnedAfterMs: number
  readonly leadMs: number | undefined
  readonly falseAlarms: number
  readonly told: readonly string[]
}

async function run(incident: Incident): Promise<Run> {
  const server = await startPostgres({ maxConnections: incident.maxConnections ?? 100 })
  const { url } = server
  let isStopped = false
  const stopServer = async () => {
    isStopped = true
    await server.stop()
  }
  const admin = new pg.Client({ connectionString: url })
  await admin.connect()
  await admin.query('create table accounts as select i as id, 0 as balance from generate_series(1, 100) i')
  await admin.query('alter table accounts add primary key (id); create table audit (id int)')
  await admin.end()
  const { limit, limitMax = limit } = incident
  const pool = new pg.Pool({ connectionString: url, max: limit, application_name: 'incident' })
  const control = adapt(pool, {
    name: 'incident',
    limitMin: 2,
    limitInitial: limit,
    limitMax,
    warmUp: limit,
    acquireTimeoutMs: 1_500,
    createTimeoutMs: 2_000,
    controller: limitMax > limit ? hybrid() : fixed(),
  })
  const told: { warning: Warning; atMs: number }[] = []
  control.on('warning', (warning) => told.push({ warning, atMs: performance.now() }))
  const { ratePerSecond, waitMs = 5 } = incident
  const load: Load = { ratePerSecond, waitMs, slowMs: 0, leakEvery: 0, isNested: false }
  let failedAtMs: number | undefined
  let isOver = false
  let asked = 0
  const loading = (async () => {
    await sleep(200)
    let owed = 0
    let beforeMs = performance.now()
    while (!isOver) {
      await sleep(4)
      const nowMs = performance.now()
      owed += Math.min(1_000, nowMs - beforeMs) * (load.ratePerSecond / 1_000)
      beforeMs = nowMs
      for (; owed >= 1; owed -= 1) {
        asked += 1
        handle(pool, load, asked).catch(() => {
          failedAtMs ??= performance.now()
        })
      }
    }
  })()
  const quietMs = incident.isFromStart === true ? 0 : QUIET_MS
  await sleep(quietMs)
  failedAtMs = undefined
  const fromMs = performance.now()
  const undo = await incident.begin({ url, pool, control, load, stopServer })
  const ranMs = () => performance.now() - fromMs
  const isDone = () => {
    const first = told.find(({ atMs }) => atMs >= fromMs)
    if (first === undefined) return false
    if (performance.now() - first.atMs > SOON_MS) return true
    return first.warning.cause === incident.cause && failedAtMs !== undefined
  }
  while (ranMs() < INCIDENT_MS && !isDone()) await sleep(100)
  await undo()
  isOver = true
  await loading
  await control.drain({ timeoutMs: 1 })
  control.detach()
  await pool.end().catch(() => {})
  if (!isStopped) await server.stop()
  const since = told.filter(({ atMs }) => atMs >= fromMs)
  const [first] = since
  const soon = since.filter(({ atMs }) => atMs <= (first?.atMs ?? 0) + SOON_MS)
  return {
    first: first?.warning,
    isRight: first?.warning.cause === incident.cause,
    isRightSoon: soon.some(({ warning }) => warning.cause === incident.cause),
    warnedAfterMs: first === undefined ? Number.NaN : first.atMs - fromMs,
    leadMs: first === undefined || failedAtMs === undefined ? undefined : failedAtMs - first.atMs,
    falseAlarms: told.length - since.length,
    told: since.map(({ warning, atMs }) => `${warning.kind}/${warning.cause}@${((atMs - fromMs) / 1_000).toFixed(1)}`),
  }
}

/** Runs each incident so often, and prints what became of it. */
export async function runOnPostgres(runs: number, only: string | undefined): Promise<void> {
  console.log('\n## On PostgreSQL\n')
  let right = 0
  let soon = 0
  let all = 0
  await run({ ...(INCIDENTS[1] as Incident), limit: 20 }) // warms up the process
  for (const incident of INCIDENTS) {
    if (only !== undefined && !incident.says.includes(only)) continue
    for (let i = 1; i <= runs; i++) {
      const { isRight, isRightSoon, leadMs, warnedAfterMs, falseAlarms, told } = await run(incident)
      all += 1
      right += isRight ? 1 : 0
      soon += isRightSoon ? 1 : 0
      const mark = isRight ? 'right ' : isRightSoon ? 'soon  ' : 'WRONG '
      const lead = leadMs === undefined ? 'none failed' : `lead ${leadMs.toFixed(0)} ms`
      const before = falseAlarms > 0 ? `, ${falseAlarms} false before` : ''
      console.log(
        `${mark} ${incident.cause.padEnd(18)} ${incident.says}: after ${warnedAfterMs.toFixed(0)} ms, ${lead}${before}`,
      )
      console.log(`         ${told.slice(0, 5).join(' ')}`)
    }
  }
  console.log(`\nright at the first warning: ${right}/${all}; within 5 s of it: ${soon}/${all}`)
}
