/**
 * The question: does an adopted pool ride out a spike as well as the best static size, which nobody knew before?
 *
 * A real PostgreSQL, an open-loop Poisson load (latency counts from when a request was due), each static size and the
 * adopted pool in turn over the same server with the same arrivals. Compare within one run only: how many connections
 * a static pool has open when the spike comes is left to chance by the connects of its cold start (`open before it`).
 * So there is one more row, `knew`: a pool of ten whose operator sets the best static size at the very moment.
 *
 * `cpu` offers shares of what the machine can do, measured first, so that it is the same spike on every machine.
 *
 *     npm run bench:pg-spike -- [io|cpu] [runs] [adopted]
 *
 * The third word leaves the static sizes out; BENCH_TRACE=1 prints every decision.
 */
import pg from 'pg'
import { systemClock } from '../src/base/clock.ts'
import { seededRandom } from '../src/base/random.ts'
import { startPostgres } from '../src/cli/embedded-postgres.ts'
import { offerLoad } from '../src/cli/open-loop.ts'
import { adapt, type DecisionRecord } from '../src/index.ts'
import { poisson } from '../src/sim/workload.ts'

interface Spike {
  readonly sql: string
  /** Requests per second in each phase, or the share of what the server can do, and how long it lasts. */
  readonly phases: readonly { readonly ratePerSecond: number; readonly durationMs: number }[]
  readonly areShares?: boolean
  readonly staticSizes: readonly number[]
  readonly limitMax: number
}

const SPIKES: Readonly<Record<string, Spike>> = {
  io: {
    sql: 'select pg_sleep(0.02)',
    phases: phases(200, 1500),
    staticSizes: [10, 20, 40, 80],
    limitMax: 100,
  },
  /** Only shows that the bench runs: `npm run bench:smoke`. */
  smoke: {
    sql: 'select pg_sleep(0.02)',
    phases: phases(100, 300).map(({ ratePerSecond }) => ({ ratePerSecond, durationMs: 500 })),
    staticSizes: [10],
    limitMax: 100,
  },
  cpu: {
    sql: 'select sum(i) from generate_series(1,20000) i',
    phases: phases(0.1, 0.75),
    areShares: true,
    staticSizes: [2, 5, 20, 40, 160],
    limitMax: 160,
  },
}

function phases(quiet: number, spike: number): Spike['phases'] {
  return [
    { ratePerSecond: quiet, durationMs: 2_000 },
    { ratePerSecond: spike, durationMs: 4_000 },
    { ratePerSecond: quiet, durationMs: 2_000 },
  ]
}

interface Outcome {
  readonly pool: string
  readonly openBefore: number
  readonly offered: number
  readonly failedShare: number
  readonly p50: number
  readonly p99: number
  readonly limits: readonly { readonly atMs: number; readonly limit: number }[]
}

/** Requests per second that the server answers when always asked by as many as is good for it. */
async function capacityPerSecond(sql: string, url: string): Promise<number> {
  const pool = new pg.Pool({ connectionString: url, max: 8 })
  const measure = async (durationMs: number): Promise<number> => {
    let answered = 0
    const endsAtMs = performance.now() + durationMs
    const ask = async (): Promise<void> => {
      while (performance.now() < endsAtMs) {
        await pool.query(sql)
        answered += 1
      }
    }
    await Promise.all(Array.from({ length: 8 }, ask))
    return (answered * 1_000) / durationMs
  }
  await measure(500)
  const perSecond = await measure(2_000)
  await pool.end()
  return perSecond
}

type Contestant = number | 'adopted' | { readonly knew: number }

async function run(spike: Spike, url: string, contestant: Contestant, seed: number): Promise<Outcome> {
  const size = typeof contestant === 'object' ? 'knew' : contestant
  const max = typeof size === 'number' ? size : 10
  const pool = new pg.Pool({ connectionString: url, max, connectionTimeoutMillis: 1_000 })
  pool.on('error', () => {})
  const limits: { atMs: number; limit: number }[] = []
  const startedAtMs = performance.now()
  if (size === 'adopted') {
    adapt(pool, { limitMax: spike.limitMax }).on('decided', (record) => {
      limits.push({ atMs: performance.now() - startedAtMs, limit: record.to })
      if (process.env.BENCH_TRACE) trace(record, startedAtMs)
    })
  }
  let openBefore = 0
  const edge = setTimeout(() => {
    openBefore = pool.totalCount
    if (typeof contestant === 'object') pool.options.max = contestant.knew
  }, spike.phases[0]?.durationMs)
  const durationMs = spike.phases.reduce((sum, phase) => sum + phase.durationMs, 0)
  const latencies: number[] = []
  let failed = 0
  await offerLoad({
    clock: systemClock,
    arrivals: poisson((atMs) => rateAt(spike.phases, atMs)).start(seededRandom(seed), durationMs),
    durationMs,
    settleMs: 5_000,
    work: () => pool.query(spike.sql),
    onArrival: () => {},
    onAnswer: ({ latencyMs, failure }) => {
      if (failure === undefined) latencies.push(latencyMs)
      else failed += 1
    },
  })
  clearTimeout(edge)
  await pool.end()
  latencies.sort((a, b) => a - b)
  const quantile = (q: number): number =>
    latencies[Math.min(latencies.length - 1, Math.floor(latencies.length * q))] ?? 0
  const offered = latencies.length + failed
  return {
    pool: String(size),
    openBefore,
    offered,
    failedShare: failed / offered,
    p50: quantile(0.5),
    p99: quantile(0.99),
    limits,
  }
}

function rateAt(phases: Spike['phases'], atMs: number): number {
  let endsAtMs = 0
  for (const phase of phases) {
    endsAtMs += phase.durationMs
    if (atMs < endsAtMs) return phase.ratePerSecond
  }
  return 0
}

function trace({ from, to, reason, sample: s }: DecisionRecord, startedAtMs: number): void {
  const figures = {
    arrivals: s.arrivals,
    completions: s.completions,
    waiters: s.waiters,
    inUse: s.inUseMean.toFixed(1),
    leaseMs: s.leaseMsMean.toFixed(1),
    live: s.live,
    creating: s.creating,
    createMs: s.createMsMean.toFixed(0),
    loopDelayMs: s.loopDelayMs.toFixed(0),
  }
  const text = Object.entries(figures).map(([what, value]) => `${what} ${value}`)
  const atMs = (performance.now() - startedAtMs).toFixed(0)
  console.error(`${atMs} ms (window ${s.windowMs.toFixed(0)} ms): ${from} -> ${to} ${reason}; ${text.join(', ')}`)
}

/** Longest time in ms for which the limit stayed above `bound`. */
function longestAbove(limits: Outcome['limits'], bound: number): number {
  let longestMs = 0
  let sinceMs: number | undefined
  for (const { atMs, limit } of limits) {
    if (limit > bound) sinceMs ??= atMs
    if (sinceMs !== undefined) longestMs = Math.max(longestMs, atMs - sinceMs)
    if (limit <= bound) sinceMs = undefined
  }
  return longestMs
}

/** Of the static sizes without a failure, the one with the lowest p99. */
function bestOf(outcomes: readonly Outcome[]): Outcome | undefined {
  const clean = outcomes.filter(({ pool, failedShare }) => Number(pool) > 0 && failedShare === 0)
  return clean.sort((a, b) => a.p99 - b.p99)[0]
}

function describe(outcome: Outcome, best: Outcome | undefined): string {
  const { pool, openBefore, offered, failedShare, p50, p99, limits } = outcome
  const open = `${openBefore} open before it`
  const figures = `${pool.padStart(8)}: ${open}, ${offered} offered, ${(failedShare * 100).toFixed(2)} % failed`
  const latency = `p50 ${p50.toFixed(0)} ms, p99 ${p99.toFixed(0)} ms`
  if (pool !== 'adopted') return `${figures}, ${latency}`
  const top = `limit up to ${Math.max(0, ...limits.map(({ limit }) => limit))}`
  if (best === undefined) return `${figures}, ${latency}, ${top}`
  const size = Number(best.pool)
  const ratio = `${(p99 / best.p99).toFixed(2)} x the p99 of the best static size (${size})`
  return `${figures}, ${latency}, ${top}; ${ratio}, ${longestAbove(limits, 2 * size).toFixed(0)} ms beyond twice it`
}

const [name = 'io', runs = '1', only] = process.argv.slice(2)
const named = SPIKES[name]
if (named === undefined) throw new RangeError(`spike must be one of ${Object.keys(SPIKES).join(', ')}, got ${name}`)
const sizes = only === 'adopted' ? [] : named.staticSizes
const server = await startPostgres({ maxConnections: 250 })

function scaled(spike: Spike, capacity: number): Spike {
  const phases = spike.phases.map((phase) => ({ ...phase, ratePerSecond: phase.ratePerSecond * capacity }))
  return { ...spike, phases }
}

try {
  const capacity = named.areShares ? await capacityPerSecond(named.sql, server.url) : 1
  const spike = named.areShares ? scaled(named, capacity) : named
  if (named.areShares) console.log(`This machine answers ${capacity.toFixed(0)} of them a second.`)
  for (let round = 1; round <= Number(runs); round++) {
    console.log(`\n${name}, run ${round}: ${spike.sql}`)
    const outcomes: Outcome[] = []
    const show = async (contestant: Contestant): Promise<void> => {
      const outcome = await run(spike, server.url, contestant, round)
      outcomes.push(outcome)
      console.log(`  ${describe(outcome, bestOf(outcomes))}`)
    }
    for (const size of sizes) await show(size)
    const best = bestOf(outcomes)
    if (best !== undefined) await show({ knew: Number(best.pool) })
    await show('adopted')
  }
} finally {
  await server.stop()
}
