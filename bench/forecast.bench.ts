/**
 * The question: is what recurs met before it comes, from the second day on?
 *
 * Two whole days, simulated with the production engine: at each full hour the traffic is four or ten times what it was,
 * within a moment and for twenty seconds. A connect takes 150 ms and the work of a query, and nobody waits for longer than 100 ms:
 * who opens when the surge has come is late. The default controller, the same without its memory, and a pool that knew:
 * a fixed size, open from the beginning. Day 2 alone is told: the same run ends after one day, and after two.
 *
 * The whole surge hides its edge: judged is the first second of each, in which everything is lost that is lost.
 *
 *     npm run bench:forecast -- [--factors 4,10] [--seed 1]
 *     npm run bench:forecast -- --trace requests-per-minute.csv --from 50 --divide 20
 *
 * --trace replays a recorded trace instead: lines `time,count`, a minute apart or `--bin` ms, or a line a request, which
 * begins with its time. Of more than two days, two, beginning `--from` days after its first line, of which the second
 * is told; else all of it. Every count is divided by `--divide`.
 */
import { readFileSync } from 'node:fs'
import { parseArgs } from 'node:util'
import { fixed, hybrid } from '../src/index.ts'
import { fromCounts, poisson, type SimulateOptions, simulate, uslBackend, type Workload } from '../src/sim/index.ts'

const MINUTE_MS = 60_000
const HOUR_MS = 60 * MINUTE_MS
const DAY_MS = 24 * HOUR_MS
const SURGE_MS = 20_000
const BASE_PER_SECOND = 10
/** A lease takes 100 ms: who has to wait for a connect is late. */
const LEASE_MS = 100
const CONNECT_MS = 150
const ACQUIRE_TIMEOUT_MS = 100
const SLO_MS = LEASE_MS + ACQUIRE_TIMEOUT_MS
/** So much of a surge is judged. */
const EDGE_MS = 1_000

const { values } = parseArgs({
  options: {
    trace: { type: 'string' },
    from: { type: 'string', default: '0' },
    divide: { type: 'string', default: '1' },
    bin: { type: 'string', default: String(MINUTE_MS) },
    size: { type: 'string', default: '60' },
    seed: { type: 'string', default: '1' },
    factors: { type: 'string', default: '4,10' },
  },
})

interface Season {
  readonly name: string
  readonly workload: Workload
  /** How long it is, and from when it is told, in ms. */
  readonly durationMs: number
  readonly toldFromMs: number
  /** Requests of a day that come in the edges of its surges; undefined: it has none to speak of. */
  readonly surging?: number
}

const POOLS = {
  hybrid: { controller: hybrid() },
  'without its memory': { controller: hybrid({ forecast: false }) },
  'that knew': {
    controller: fixed(),
    limitMin: Number(values.size),
    limitMax: Number(values.size),
    warmUp: Number(values.size),
    idleTimeoutMs: Number.POSITIVE_INFINITY,
    lifetimeMs: Number.POSITIVE_INFINITY,
  },
}

const head = [
  'traffic',
  'pool',
  'requests',
  'in time',
  'in time, of the edges',
  'of the pool that knew',
  'live',
  'opened',
]
console.log(
  `Node ${process.versions.node}, seed ${values.seed}; leases of ${LEASE_MS} ms, connects of ${CONNECT_MS} ms, SLO ${SLO_MS} ms\n`,
)
console.log(`| ${head.join(' | ')} |`)
console.log('|---|---|---|---|---|---|---|---|')
for (const season of seasons()) {
  const days = []
  for (const [name, pool] of Object.entries(POOLS)) days.push({ name, ...(await told(season, pool)) })
  const seer = days.at(-1)
  for (const { name, offered, lost, live, created } of days) {
    const atSurges = (missed: number): number => 1 - missed / (season.surging ?? offered)
    const cells = [
      season.name,
      name,
      String(offered),
      percent(1 - lost / offered),
      season.surging === undefined ? '' : percent(atSurges(lost)),
      percent(atSurges(lost) / atSurges(seer?.lost ?? 0)),
      live.toFixed(1),
      String(created),
    ]
    console.log(`| ${cells.join(' | ')} |`)
  }
}

async function told({ workload, durationMs, toldFromMs }: Season, pool: SimulateOptions['pool']) {
  const options: SimulateOptions = {
    seed: Number(values.seed),
    durationMs,
    workload,
    sloMs: SLO_MS,
    backend: uslBackend({ serviceMsMean: LEASE_MS, serviceTimes: 'constant', connectMs: CONNECT_MS, connectWork: 1 }),
    pool: { limitMin: 2, limitMax: 200, acquireTimeoutMs: ACQUIRE_TIMEOUT_MS, ...pool },
  }
  const { summary: all } = await simulate(options)
  const before = toldFromMs > 0 ? (await simulate({ ...options, durationMs: toldFromMs })).summary : undefined
  const { offered = 0, withinSlo = 0, created = 0, liveMean = 0 } = before ?? {}
  return {
    offered: all.offered - offered,
    lost: all.offered - offered - (all.withinSlo - withinSlo),
    live: (durationMs * all.liveMean - toldFromMs * liveMean) / (durationMs - toldFromMs),
    created: all.created - created,
  }
}

function seasons(): readonly Season[] {
  const days = { durationMs: 2 * DAY_MS, toldFromMs: DAY_MS }
  if (values.trace !== undefined) return [traced(values.trace)]
  return values.factors
    .split(',')
    .map(Number)
    .map((factor) => ({
      ...days,
      name: `× ${factor} at full hours`,
      workload: poisson((atMs) => BASE_PER_SECOND * (isSurge(atMs) ? factor : 1)),
      surging: (24 * EDGE_MS * BASE_PER_SECOND * factor) / 1_000,
    }))
}

/** At the full hour: half a minute past it, so that the run does not begin within one. */
function isSurge(atMs: number): boolean {
  const inHourMs = atMs % HOUR_MS
  return inHourMs >= MINUTE_MS / 2 && inHourMs < MINUTE_MS / 2 + SURGE_MS
}

function traced(file: string): Season {
  const [head = '', ...lines] = readFileSync(file, 'utf8').trim().split('\n')
  const isCounted = head.split(',').length === 2
  const binMs = isCounted ? Number(values.bin) : 100
  const counts = isCounted ? lines.map((line) => Number(line.split(',').at(-1))) : countsOf(lines, binMs)
  const perDay = DAY_MS / binMs
  const first = Number(values.from) * perDay
  const chosen = counts.slice(first, first + 2 * perDay).map((count) => Math.round(count / Number(values.divide)))
  const isLong = chosen.length === 2 * perDay
  return {
    name: file.split('/').at(-1) ?? file,
    workload: fromCounts(chosen, { binMs }),
    durationMs: chosen.length * binMs,
    toldFromMs: isLong ? DAY_MS : 0,
  }
}

/** Of lines that begin with a time: how many fall into each bin. */
function countsOf(lines: readonly string[], binMs: number): number[] {
  const times = lines.map((line) => Date.parse(`${line.split(',')[0]?.slice(0, 23)}Z`))
  const fromMs = Math.min(...times)
  const counts = new Array<number>(Math.floor((Math.max(...times) - fromMs) / binMs) + 1).fill(0)
  for (const atMs of times) {
    const bin = Math.floor((atMs - fromMs) / binMs)
    counts[bin] = (counts[bin] ?? 0) + 1
  }
  return counts
}

function percent(ratio: number): string {
  return `${(100 * ratio).toFixed(2)} %`
}
