/**
 * The question: does the simulator tell the truth?
 *
 * The same scenarios, controllers and seeds on a real embedded PostgreSQL, by drive(), and in the simulator, whose
 * backend is the throughput curve measured on this machine just before and after each controller's runs. Side by side:
 * goodput, the mean over the seeds (in overload the same pool on the same server differs by 4 points from run to run),
 * whether the controllers come out in the same order, and by how much the machine itself changed meanwhile: where that is
 * more than a few per cent, the line says nothing. What is run while others use more than a tenth of a core is run again.
 *
 *     npm run bench:truth -- [--seconds 8] [--scenarios step-up,hang] [--controllers hybrid,fixed-4,fixed-48] [--seeds 3]
 *     npm run bench:truth -- --server locks
 *
 * `--server cpu`: statements compute, on a core that the server has to itself where `taskset` can give it one; otherwise
 * the server, the load and the pool share the machine, and its scheduler decides how much is left of it. It takes a
 * machine that does nothing else. `--server locks`: each statement takes one of four locks for its time, and sleeps: the
 * same limited capacity without the CPU, so that what else the machine does matters less.
 */
import { spawnSync } from 'node:child_process'
import { parseArgs } from 'node:util'
import pg from 'pg'
import { startPostgres } from '../src/cli/embedded-postgres.ts'
import { createPool, fixed, hybrid, type Sample, seededRandom } from '../src/index.ts'
import { exponential } from '../src/sim/exponential.ts'
import {
  bursts,
  type CurveBackendOptions,
  curveBackend,
  type Disturbance,
  drive,
  mixed,
  poisson,
  type RequestKind,
  type SimulationResult,
  simulate,
  type Workload,
} from '../src/sim/index.ts'
import { cpuOfOthersMs } from './support/cpu-of-others.ts'

const { values } = parseArgs({
  options: {
    seconds: { type: 'string', default: '8' },
    scenarios: { type: 'string', default: '' },
    controllers: { type: 'string', default: 'hybrid,fixed-4,fixed-48' },
    seeds: { type: 'string', default: '1' },
    server: { type: 'string', default: 'cpu' },
  },
})
const DURATION_MS = 1000 * Number(values.seconds)
const FROM_MS = 0.3 * DURATION_MS
const TO_MS = 0.75 * DURATION_MS
const LIMIT_MAX = 64
const SLO_MS = 500
/** What a statement takes that has the server to itself: long enough that the client's own work is small beside it. */
const STATEMENT_MS = 6

/** A situation that can be brought about on a real server and in the simulator alike. `peak` is requests per second. */
interface TrueScenario {
  readonly workload: (peak: number) => Workload
  readonly retries?: number
  /** Mean time for which the application keeps its lease within the trigger, in ms. */
  readonly extraLeaseMs?: number
  readonly hangMs?: number
}

/** How long the application keeps its lease after the statement, in ms, by the request. */
const holdsMs = new WeakMap<RequestKind, number>()

/**
 * The very same requests in both worlds: arrivals of a chance of their own, since a simulation draws more than those
 * from what it is given, and for the real run what a simulation draws of it for each arrival, in their order.
 */
function sameEverywhere({ workload, extraLeaseMs = 0 }: TrueScenario, peak: number, seed: number): Workload {
  return {
    start(_, durationMs) {
      const arrivals = workload(peak).start(seededRandom(~seed), durationMs)
      const holds = seededRandom(seed)
      let kind: RequestKind | undefined
      return {
        nextAtMs() {
          const atMs = arrivals.nextAtMs()
          kind = { ...arrivals.kind }
          holdsMs.set(kind, exponential(holds) * (isTriggered(atMs) ? extraLeaseMs : 0))
          return atMs
        },
        get kind() {
          return kind
        },
      }
    },
  }
}

function isTriggered(atMs: number): boolean {
  return atMs >= FROM_MS && atMs < TO_MS
}

function pulse(base: number, raised: number): (peak: number) => Workload {
  return (peak) => poisson((tMs) => peak * (isTriggered(tMs) ? raised : base))
}

const SCENARIOS: Readonly<Record<string, TrueScenario>> = {
  'step-up': { workload: pulse(0.2, 0.75) },
  overload: { workload: pulse(0.3, 1.35) },
  'overload-retries': { workload: pulse(0.3, 1.2), retries: 2 },
  'slow-leases': { workload: (peak) => poisson(0.3 * peak), extraLeaseMs: 90 },
  'very-slow-leases': { workload: (peak) => poisson(0.3 * peak), extraLeaseMs: 250 },
  ramp: { workload: (peak) => poisson((tMs) => (1.1 * peak * tMs) / DURATION_MS) },
  'cold-start': { workload: (peak) => poisson((tMs) => (tMs < FROM_MS ? 1 : 0.7 * peak)) },
  bursts: { workload: (peak) => bursts({ ratePerSecond: 0.6 * peak, dispersion: 10, spreadMs: 20 }) },
  hang: { workload: (peak) => poisson(0.5 * peak), hangMs: 1_500 },
  'mixed-classes': {
    workload: (peak) =>
      mixed([
        { tag: 'page', workload: poisson(0.35 * peak) },
        { tag: 'report', work: 10, workload: poisson((tMs) => (isTriggered(tMs) ? 0.03 * peak : 0)) },
      ]),
  },
}

interface Calibration {
  readonly throughput: CurveBackendOptions['throughput']
  /** Variance of the times of statements with most clients, over the square of their mean. */
  readonly variation: number
  readonly connectMs: number
  /** How much longer each takes if many are begun at once: what the server does one at a time. */
  readonly connectSerialMs: number
}

/** Numbers of clients at which the curve is measured, and for how long each, in ms. */
const CLIENTS = [1, 2, 4, 8, 16, 48]
const MEASURE_MS = 1_000
const CONNECTS = 12

const LOCKS = 4
const HAS_LOCKS = values.server === 'locks'
const picks = seededRandom(79)

/** @param size rows to add up, or ms to sleep with a lock in hand */
function sqlOf(size: number): string {
  if (!HAS_LOCKS) return `select sum(i) from generate_series(1, ${Math.round(size)}) i, gate`
  return `select pg_advisory_xact_lock(${Math.floor(picks.next() * LOCKS)}), pg_sleep(${size / 1_000}) from gate`
}

/** The server on the second core, with all that it will fork, and this process on the first. */
function parted(serverPid: number | undefined): void {
  const isParted = [
    ['-cp', '1', String(serverPid)],
    ['-acp', '0', String(process.pid)],
  ].every((args) => spawnSync('taskset', args).status === 0)
  console.log(isParted ? 'the server has a core to itself' : 'the server shares its cores with the load')
}

async function connect(url: string): Promise<pg.Client> {
  const client = new pg.Client({ connectionString: url })
  client.on('error', () => {})
  await client.connect()
  return client
}

/** How many rows a statement must read to last that long: by its best time, when nobody disturbs. */
async function sizeOf(url: string): Promise<number> {
  const client = await connect(url)
  await client.query('create table if not exists gate as select 1 as one')
  if (HAS_LOCKS) {
    await client.end()
    return STATEMENT_MS
  }
  let bestMs = Number.POSITIVE_INFINITY
  for (let i = 0; i < 100; i++) {
    const startedAtMs = performance.now()
    await client.query(sqlOf(20_000))
    bestMs = Math.min(bestMs, performance.now() - startedAtMs)
  }
  await client.end()
  return Math.round((20_000 * STATEMENT_MS) / bestMs)
}

/** Clients that ask again as soon as they are answered, more and more of them. */
async function calibrate(url: string, size: number): Promise<Calibration> {
  const startedAtMs = performance.now()
  for (let i = 0; i < 5; i++) await (await connect(url)).end()
  const connectMs = (performance.now() - startedAtMs) / 5
  const togetherFromMs = performance.now()
  const together = await Promise.all(Array.from({ length: CONNECTS }, () => connect(url)))
  const connectSerialMs = Math.max(0, (performance.now() - togetherFromMs - connectMs) / (CONNECTS - 1))
  await Promise.all(together.map((client) => client.end()))
  const throughput: [number, number][] = []
  let variation = 0
  for (const n of CLIENTS) {
    const timesMs = await statementsOf(url, n, size)
    throughput.push([n, (1_000 * timesMs.length) / MEASURE_MS])
    variation = variationOf(timesMs)
  }
  return { throughput, variation, connectMs, connectSerialMs }
}

function variationOf(timesMs: readonly number[]): number {
  const mean = timesMs.reduce((a, b) => a + b, 0) / timesMs.length
  return timesMs.reduce((sum, ms) => sum + (ms / mean - 1) ** 2, 0) / timesMs.length
}

function peakOf({ throughput }: Calibration): number {
  return Math.max(...throughput.map(([, perSecond]) => perSecond))
}

function between(one: Calibration, other: Calibration): Calibration {
  const throughput = one.throughput.map(([n, x], at) => [n, (x + (other.throughput[at]?.[1] ?? x)) / 2] as const)
  const mean = (of: (seen: Calibration) => number): number => (of(one) + of(other)) / 2
  return {
    throughput,
    variation: mean(({ variation }) => variation),
    connectMs: mean(({ connectMs }) => connectMs),
    connectSerialMs: mean(({ connectSerialMs }) => connectSerialMs),
  }
}

/** What each took that ended within the time, in ms. */
async function statementsOf(url: string, n: number, size: number): Promise<readonly number[]> {
  const clients = await Promise.all(Array.from({ length: n }, () => connect(url)))
  const startedAtMs = performance.now()
  const fromMs = startedAtMs + 150 + n * STATEMENT_MS
  const endMs = fromMs + MEASURE_MS
  const timesMs: number[] = []
  await Promise.all(
    clients.map(async (client, at) => {
      // One after another: those who begin together are served in turn and end together, and a second has three waves
      // of 48, or four.
      await sleep(at * STATEMENT_MS)
      while (performance.now() < endMs) {
        const begunAtMs = performance.now()
        await client.query(sqlOf(size))
        const nowMs = performance.now()
        if (nowMs >= fromMs && nowMs < endMs) timesMs.push(nowMs - begunAtMs)
      }
    }),
  )
  await Promise.all(clients.map((client) => client.end()))
  return timesMs
}

function poolOptions(controller: string) {
  const fixedSize = Number(/^fixed-(\d+)$/.exec(controller)?.[1] ?? 0)
  const shared = { acquireTimeoutMs: 1_000, name: controller }
  if (fixedSize > 0)
    return { ...shared, limitMin: fixedSize, limitMax: fixedSize, warmUp: fixedSize, controller: fixed() }
  return { ...shared, limitMin: 2, limitMax: LIMIT_MAX, warmUp: 4, controller: hybrid() }
}

/** What became of it on the real server. */
async function real(
  url: string,
  scenario: TrueScenario,
  controller: string,
  size: number,
  peak: number,
  seed: number,
): Promise<SimulationResult> {
  const options = poolOptions(controller)
  const pool = createPool({
    ...options,
    create: () => connect(url),
    destroy: (client: pg.Client) => client.end(),
    destroyOnError: () => true,
  })
  for (let waits = 0; pool.counts().idle < options.warmUp && waits < 100; waits++) await sleep(50)
  const admin = await connect(url)
  const { hangMs = 0, retries = 0 } = scenario
  const work = async (client: pg.Client, kind: RequestKind = {}): Promise<void> => {
    await client.query(sqlOf(size * (kind.work ?? 1)))
    const holdMs = holdsMs.get(kind) ?? 0
    if (holdMs > 0) await sleep(holdMs)
  }
  const hang = hangMs > 0 ? lockGate(admin, hangMs) : undefined
  const workload = sameEverywhere(scenario, peak, seed)
  const result = await drive(pool, { workload, durationMs: DURATION_MS, sloMs: SLO_MS, seed, retries, work })
  await hang
  await admin.end()
  await pool.drain({ timeoutMs: 2_000 })
  return result
}

async function lockGate(admin: pg.Client, hangMs: number): Promise<void> {
  await sleep(FROM_MS)
  await admin.query('begin; lock table gate in access exclusive mode')
  await sleep(hangMs)
  await admin.query('commit')
}

/** As good as constant. */
const STAGES_MAX = 100

/** What becomes of it in the simulator. */
function simulated(
  scenario: TrueScenario,
  controller: string,
  peak: number,
  seen: Calibration,
  seed: number,
): Promise<SimulationResult> {
  const { throughput, variation, connectMs, connectSerialMs } = seen
  // Over the loopback device a connect is nothing but work (a fork, and a password hashed on both sides): the more of
  // them, the less is left for statements that compute, and a pool that opens many under pressure pays for it.
  const costMs = HAS_LOCKS ? 0 : connectMs
  const connectWork = (costMs * (throughput[0]?.[1] ?? 0)) / 1000
  const { extraLeaseMs = 0, hangMs = 0, retries = 0 } = scenario
  const disturbances: Disturbance[] = [
    ...(extraLeaseMs > 0 ? [{ fromMs: FROM_MS, toMs: TO_MS, extraLeaseMs }] : []),
    ...(hangMs > 0 ? [{ fromMs: FROM_MS, toMs: FROM_MS + hangMs, hang: true as const }] : []),
  ]
  return simulate({
    seed,
    durationMs: DURATION_MS,
    sloMs: SLO_MS,
    retries,
    workload: sameEverywhere(scenario, peak, seed),
    backend: curveBackend({
      throughput,
      connectMs: connectMs - costMs,
      connectSerialMs: HAS_LOCKS ? connectSerialMs : 0,
      connectWork,
      // No two statements get the same share of a processor, nor do equal ones take the same time: with many inside it
      // shows in how long they take, by a quarter more or less, which is all that decides near the bound of patience.
      serviceTimes: { stages: Math.min(STAGES_MAX, Math.max(1, Math.round(1 / variation))) },
      disturbances,
    }),
    pool: poolOptions(controller),
  })
}

/** Spans of the trace, in ms. */
const TRACE_MS = 250

/** How a run went, a line per span: what to look at where the two part. */
function trace(title: string, { rows, summary }: SimulationResult): void {
  const { goodput, completed, shed, timedOut, failed, latencyMsP50, latencyMsP99 } = summary
  const figures = { goodput: percent(goodput), completed, shed, timedOut, failed, latencyMsP50, latencyMsP99 }
  console.error(`\n${title}: ${JSON.stringify(figures)}`)
  for (let fromMs = 0; fromMs < DURATION_MS; fromMs += TRACE_MS) {
    const within = rows.filter(({ atMs }) => atMs > fromMs && atMs <= fromMs + TRACE_MS)
    const last = within.at(-1)
    if (last === undefined) continue
    const sum = (of: (sample: Sample) => number): number => within.reduce((total, { sample }) => total + of(sample), 0)
    const { limit, sample } = last
    const done = sum((s) => s.completions)
    const cells = {
      limit,
      live: sample.live,
      creating: sample.creating,
      waiters: sample.waiters,
      arrivals: sum((s) => s.arrivals),
      completions: done,
      lost: sum((s) => s.shed + s.timedOut),
      leaseMs: (sum((s) => s.completions * s.leaseMsMean) / Math.max(1, done)).toFixed(1),
      lateMs: Math.max(...within.map((row) => row.sample.loopDelayMs)).toFixed(0),
    }
    const reasons = [...new Set(within.map(({ decision }) => decision.reason))].join(' ')
    console.error(
      `${fromMs + TRACE_MS} ms: ${Object.entries(cells)
        .map(([what, n]) => `${what} ${n}`)
        .join(', ')}; ${reasons}`,
    )
  }
}

/** Others are many who take more of a core than this; tried so often until there are fewer. */
const OTHERS_MAX = 0.1
const ATTEMPTS = 3

/** The largest share of a core that others had beside what was kept; and what they had spoilt. */
let othersMax = 0
let spoilt = 0

async function undisturbed<T>(work: () => Promise<T>): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    const startedAtMs = performance.now()
    const beforeMs = cpuOfOthersMs(server.pid)
    const result = await work()
    const others = (cpuOfOthersMs(server.pid) - beforeMs) / (performance.now() - startedAtMs)
    if (others <= OTHERS_MAX || attempt === ATTEMPTS) {
      othersMax = Math.max(othersMax, others)
      return result
    }
    spoilt += 1
  }
}

function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms))
}

/** Do two rankings agree? Within a point, two controllers are as good as each other. */
function isSameRanking(one: readonly number[], other: readonly number[]): boolean {
  const TIE = 0.01
  return one.every((a, i) =>
    one.every((b, j) => {
      const difference = (other[i] ?? 0) - (other[j] ?? 0)
      return !(a - b > TIE && difference < -TIE)
    }),
  )
}

function meanGoodput(results: readonly SimulationResult[]): number {
  return results.reduce((sum, { summary }) => sum + summary.goodput, 0) / results.length
}

const seeds = Array.from({ length: Number(values.seeds) }, (_, at) => at + 1)
const percent = (ratio: number): string => (100 * ratio).toFixed(1)
const names = values.scenarios === '' ? Object.keys(SCENARIOS) : values.scenarios.split(',')
const controllers = values.controllers.split(',')
const server = await startPostgres({ maxConnections: 200 })
if (!HAS_LOCKS) parted(server.pid)
try {
  const size = await sizeOf(server.url)
  let before = await undisturbed(() => calibrate(server.url, size))
  console.log(`statements/s by clients: ${before.throughput.map(([n, x]) => `${n}:${x.toFixed(0)}`).join(' ')}`)
  console.log(`times of statements with most clients vary by ${percent(Math.sqrt(before.variation))} %`)
  console.log(
    `a connect takes ${before.connectMs.toFixed(1)} ms, ${before.connectSerialMs.toFixed(1)} of them one at a time\n`,
  )
  const heads = controllers.map((name) => `${name}: simulated / real`)
  console.log(
    `| scenario | ${heads.join(' | ')} | apart | same ranking | others, spoilt | peak before, between, after |`,
  )
  console.log(`|---|${heads.map(() => '---').join('|')}|---|---|---|---|`)
  let apartMax = 0
  let sameRankings = 0
  for (const name of names) {
    const scenario = SCENARIOS[name]
    if (scenario === undefined)
      throw new RangeError(`no scenario ${name}; there are ${Object.keys(SCENARIOS).join(', ')}`)
    const peak = peakOf(before)
    const peaks = [peak]
    othersMax = 0
    spoilt = 0
    const seen: number[] = []
    const told: number[] = []
    for (const controller of controllers) {
      const truths: SimulationResult[] = []
      for (const seed of seeds) {
        truths.push(await undisturbed(() => real(server.url, scenario, controller, size, peak, seed)))
      }
      const after = await undisturbed(() => calibrate(server.url, size))
      const curve = between(before, after)
      const models = await Promise.all(seeds.map((seed) => simulated(scenario, controller, peak, curve, seed)))
      if (process.env.BENCH_TRACE) {
        for (const truth of truths) trace(`${name}, ${controller}, real`, truth)
        for (const model of models) trace(`${name}, ${controller}, simulated`, model)
      }
      seen.push(meanGoodput(truths))
      told.push(meanGoodput(models))
      peaks.push(peakOf(after))
      before = after
    }
    const apart = Math.max(...told.map((ratio, at) => Math.abs(ratio - (seen[at] ?? 0))))
    const isSame = isSameRanking(told, seen)
    apartMax = Math.max(apartMax, apart)
    if (isSame) sameRankings += 1
    const cells = told.map((ratio, at) => `${percent(ratio)} / ${percent(seen[at] ?? 0)}`)
    const capacity = peaks.map((perSecond) => perSecond.toFixed(0)).join(', ')
    console.log(
      `| ${name} | ${cells.join(' | ')} | ${percent(apart)} | ${isSame ? 'yes' : 'NO'} | ${percent(othersMax)} %, ${spoilt} | ${capacity} |`,
    )
  }
  console.log(`\nAt most ${percent(apartMax)} points apart; the same ranking in ${sameRankings} of ${names.length}.`)
} finally {
  await server.stop()
}
