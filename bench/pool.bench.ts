/**
 * The question: what does an acquire with its release cost, beside other pools and beside the least it can cost? And how
 * much memory does a waiter take, and an idle resource?
 *
 * Each subject has a process of its own, so that nobody pays for another's garbage, timers or async hooks. The processes
 * take turns, round by round, another one first each time, while all others sleep: whatever the machine does meanwhile
 * meets all of them, and a round's times are compared only with each other. Then once more, with fresh processes.
 *
 *     npm run bench -- [case…] [--processes 3] [--rounds 30] [--only subject,…] [--json file]
 */
import { writeFileSync } from 'node:fs'
import { cpus } from 'node:os'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { cycles, type Part, partTimes, waves } from './support/loops.ts'
import { quantile } from './support/quantile.ts'
import { AGAIN, type OpenPool, SUBJECTS, type Subject } from './support/subjects.ts'
import { answerRounds, inTurns, Worker } from './support/worker.ts'

const HERE = fileURLToPath(import.meta.url)

interface Case {
  readonly name: string
  readonly unit: 'ns per cycle' | 'ns each' | 'bytes each'
  readonly resources: number
  /** One round: how much one of its cycles cost, or how much memory one of its things takes. */
  run(pool: OpenPool, before: Before): Promise<number>
  /** @defaultValue as many as are asked for */
  readonly roundsMax?: number
}

/** What was there before the pool was. */
interface Before {
  readonly heapBytes: number
}

const CASES: readonly Case[] = [
  callers(1, 10, 50_000),
  callers(100, 10, 50_000),
  callers(5_000, 10, 50_000),
  callers(100_000, 10, 200_000),
  callers(1, 1_000, 50_000),
  callers(1, 10_000, 50_000),
  lentAtOnce(10, 50_000),
  lentAtOnce(1_000, 50_000),
  lentAtOnce(10_000, 50_000),
  alone('acquire', 1_000, 10_000),
  alone('wait', 1_000, 10_000),
  alone('release', 1_000, 10_000),
  memoryOfWaiters(100_000),
  memoryOfIdle(10_000),
]

function callers(count: number, resources: number, times: number): Case {
  return {
    name: `${count}-on-${resources}`,
    unit: 'ns per cycle',
    resources,
    run: (pool) => nsEach(times, () => cycles(pool, count, times / count)),
  }
}

function lentAtOnce(resources: number, times: number): Case {
  return {
    name: `all-of-${resources}`,
    unit: 'ns per cycle',
    resources,
    run: (pool) => nsEach(times, () => waves(pool, resources, times / resources)),
  }
}

/** One part of a cycle, without the awaits between: what makes it slower is not thinned out by the others. */
function alone(part: Part, resources: number, times: number): Case {
  return {
    name: `${part}-alone`,
    unit: 'ns each',
    resources,
    run: async (pool) => (await partTimes(pool, resources, times))[part] / times,
  }
}

async function nsEach(times: number, run: () => Promise<void>): Promise<number> {
  globalThis.gc?.({ type: 'minor' } as never)
  const startedAt = process.hrtime.bigint()
  await run()
  return Number(process.hrtime.bigint() - startedAt) / times
}

/** Its promise is part of it: nobody waits without one. */
function memoryOfWaiters(count: number): Case {
  return {
    name: `memory-of-${count}-waiters`,
    unit: 'bytes each',
    resources: 10,
    roundsMax: 1,
    async run(pool) {
      const leases = await Promise.all(Array.from({ length: 10 }, () => pool.acquire()))
      const asked: Promise<unknown>[] = new Array(count)
      const beforeBytes = heapBytes()
      for (let i = 0; i < count; i++) asked[i] = pool.acquire()
      const bytes = (heapBytes() - beforeBytes) / count
      for (const lease of leases) pool.release(lease)
      for (const one of asked) pool.release(await one)
      return bytes
    },
  }
}

/** With the pool around them. */
function memoryOfIdle(count: number): Case {
  return {
    name: `memory-of-${count}-idle`,
    unit: 'bytes each',
    resources: count,
    roundsMax: 1,
    async run(pool, before) {
      const bytes = (heapBytes() - before.heapBytes) / count
      pool.release(await pool.acquire())
      return bytes
    },
  }
}

function heapBytes(): number {
  for (let i = 0; i < 3; i++) globalThis.gc?.()
  return process.memoryUsage().heapUsed
}

/** What rounds cost, round by round, by subject: rounds of the same index ran side by side. */
type Times = Readonly<Record<string, readonly number[]>>

const WARM_UP_ROUNDS = 5

async function measure(wanted: Case, subjects: readonly Subject[], roundsAsked: number): Promise<Times> {
  const rounds = Math.min(roundsAsked, wanted.roundsMax ?? Number.POSITIVE_INFINITY)
  const warmUp = wanted.roundsMax === undefined ? WARM_UP_ROUNDS : 0
  const workers: Worker<number>[] = []
  try {
    for (const { name } of subjects) {
      workers.push(await Worker.start(HERE, ['--worker', name, wanted.name], ['--expose-gc']))
    }
    const costs = await inTurns(workers, warmUp + rounds)
    return Object.fromEntries(subjects.map(({ name }, at) => [name, (costs[at] as number[]).slice(warmUp)]))
  } finally {
    for (const worker of workers) worker.stop()
  }
}

/** In a process of its own: a round whenever it is told to. */
async function work(wanted: Case, { open }: Subject): Promise<void> {
  await open(1) // one that loads its code only now would pay for it with each resource
  const before = { heapBytes: heapBytes() }
  const pool = await open(wanted.resources)
  answerRounds(() => wanted.run(pool, before))
}

interface Row {
  readonly case: string
  readonly subject: string
  readonly kind: Subject['kind']
  /** ns or bytes: median over all rounds, and the quartiles. */
  readonly cost: number
  readonly costLow: number
  readonly costHigh: number
  readonly unit: Case['unit']
  /** The fastest round of each process, and of those the median: what others do on the machine only makes rounds slower. */
  readonly fastest: number
  /** Median of the paired ratios: its cost by the floor's, and by ours. */
  readonly byFloor: number
  readonly byOurs: number
}

function rowsOf(wanted: Case, runs: readonly Times[], subjects: readonly Subject[]): Row[] {
  return subjects.map(({ name, kind }) => {
    const costs = runs.flatMap((run) => run[name] ?? [])
    const by = (other: string): number => median(runs.map((run) => pairedRatio(run[name], run[other])))
    return {
      case: wanted.name,
      subject: name,
      kind,
      unit: wanted.unit,
      cost: quantile(costs, 0.5),
      costLow: quantile(costs, 0.25),
      costHigh: quantile(costs, 0.75),
      fastest: median(runs.map((run) => Math.min(...(run[name] ?? [])))),
      byFloor: by('floor'),
      byOurs: by('adaptive-pool'),
    }
  })
}

function pairedRatio(a: readonly number[] = [], b: readonly number[] = []): number {
  return median(a.map((value, i) => value / (b[i] ?? Number.NaN)))
}

function median(values: readonly number[]): number {
  return quantile(values, 0.5)
}

function print(rows: readonly Row[]): void {
  const width = Math.max(...rows.map(({ subject }) => subject.length))
  const title = `\n${rows[0]?.case}, ${rows[0]?.unit}`
  console.log(`${title.padEnd(width + 4)} median (quartiles)   × floor   × ours`)
  for (const { subject, cost, costLow, costHigh, byFloor, byOurs } of rows) {
    const spread = `(${costLow.toFixed(0)}-${costHigh.toFixed(0)})`
    const ratios = `${byFloor.toFixed(2).padStart(8)} ${byOurs.toFixed(2).padStart(8)}`
    console.log(`  ${subject.padEnd(width)} ${cost.toFixed(0).padStart(7)} ${spread.padEnd(14)} ${ratios}`)
  }
  const off = Math.abs((rows.find(({ subject }) => subject === AGAIN)?.byOurs ?? 1) - 1)
  if (off > 0.1) console.log(`  NOISY: the same code twice is ${(off * 100).toFixed(0)} % apart`)
}

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    processes: { type: 'string', default: '3' },
    rounds: { type: 'string', default: '30' },
    only: { type: 'string' },
    json: { type: 'string' },
    worker: { type: 'string' },
  },
})
const cases = CASES.filter(({ name }) => positionals.length === 0 || positionals.includes(name))
const only = values.only?.split(',')
const subjects = SUBJECTS.filter(({ name }) => only === undefined || only.includes(name))
const worker = SUBJECTS.find(({ name }) => name === values.worker)
if (worker !== undefined) await work(cases[0] as Case, worker)
else await compareAll()

async function compareAll(): Promise<void> {
  const rows: Row[] = []
  for (const wanted of cases) {
    const runs: Times[] = []
    while (runs.length < Number(values.processes)) runs.push(await measure(wanted, subjects, Number(values.rounds)))
    const some = rowsOf(wanted, runs, subjects)
    print(some)
    rows.push(...some)
  }
  const machine = `${cpus()[0]?.model}, ${cpus().length} cores, Node ${process.versions.node}`
  console.log(`\n${machine}`)
  if (values.json !== undefined) writeFileSync(values.json, `${JSON.stringify({ machine, rows }, null, 1)}\n`)
}
