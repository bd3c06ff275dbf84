/**
 * The question: is what recurs met before it comes, from the second day on?
 *
 * Two whole days, simulated with the production engine: at each full hour the traffic is four or ten times what it was, within a second and for twenty. The default controller, the same without its memory, and a pool that knew: a
 * fixed size, open from the beginning. Day 2 alone is told: the same run ends after one day, and after two.
 *
 *     npm run bench:forecast
 *     npm run bench:forecast -- --trace requests-per-minute.csv --from 20 --divide 60
 *
 * --trace replays two days of a recorded trace instead (lines `time,count`, one a minute), beginning `--from` days after
 * its first line, every count divided by `--divide`.
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
/** A lease takes 100 ms: who has to wait for a connect of 300 ms is late. */
const SLO_MS = 200

const { values } = parseArgs({
  options: {
    trace: { type: 'string' },
    from: { type: 'string', default: '0' },
    divide: { type: 'string', default: '1' },
    size: { type: 'string', default: '60' },
    seed: { type: 'string', default: '1' },
  },
})

interface Season {
  readonly name: string
  readonly workload: Workload
  /** Requests of a day that come in its surges; undefined: it has none to speak of. */
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

console.log(
  `Day 2 of 2, Node ${process.versions.node}, seed ${values.seed}; SLO ${SLO_MS} ms, leases of 100 ms, connects of 300 ms\n`,
)
console.log(
  '| traffic | pool | requests | in time | in time, of the surges | of the pool that knew | resources, mean | opened |',
)
console.log('|---|---|---|---|---|---|---|---|')
for (const season of seasons()) {
  const days = []
  for (const [name, pool] of Object.entries(POOLS)) days.push({ name, ...(await secondDay(season, pool)) })
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

async function secondDay({ workload }: Season, pool: SimulateOptions['pool']) {
  const options: SimulateOptions = {
    seed: Number(values.seed),
    durationMs: DAY_MS,
    workload,
    sloMs: SLO_MS,
    backend: uslBackend({ serviceMsMean: 100, serviceTimes: 'constant', connectMs: 300 }),
    pool: { limitMin: 2, limitMax: 200, acquireTimeoutMs: 1_000, ...pool },
  }
  const { summary: one } = await simulate(options)
  const { summary: two } = await simulate({ ...options, durationMs: 2 * DAY_MS })
  const offered = two.offered - one.offered
  return {
    offered,
    lost: offered - (two.withinSlo - one.withinSlo),
    live: 2 * two.liveMean - one.liveMean,
    created: two.created - one.created,
  }
}

function seasons(): readonly Season[] {
  if (values.trace !== undefined)
    return [{ name: 'trace', workload: fromCounts(traced(values.trace), { binMs: MINUTE_MS }) }]
  return [4, 10].map((factor) => ({
    name: `× ${factor} at full hours`,
    workload: poisson((atMs) => BASE_PER_SECOND * (isSurge(atMs) ? factor : 1)),
    surging: (24 * SURGE_MS * BASE_PER_SECOND * factor) / 1_000,
  }))
}

/** At the full hour: half a minute past it, so that the run does not begin within one. */
function isSurge(atMs: number): boolean {
  const inHourMs = atMs % HOUR_MS
  return inHourMs >= MINUTE_MS / 2 && inHourMs < MINUTE_MS / 2 + SURGE_MS
}

function traced(file: string): number[] {
  const perDay = DAY_MS / MINUTE_MS
  const lines = readFileSync(file, 'utf8').trim().split('\n').slice(1)
  const first = Number(values.from) * perDay
  return lines
    .slice(first, first + 2 * perDay)
    .map((line) => Math.round(Number(line.split(',').at(-1)) / Number(values.divide)))
}

function percent(ratio: number): string {
  return `${(100 * ratio).toFixed(2)} %`
}
