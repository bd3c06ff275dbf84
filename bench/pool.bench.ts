/**
 * The question: what does an acquire with its release cost, beside other pools and beside the least it can cost?
 *
 * Each case runs in fresh processes. In a process all subjects take turns, round by round, in an order that alternates,
 * so that whatever the machine does meanwhile meets all of them; a round's times are compared only with each other.
 *
 *     npm run bench -- [case…] [--processes 3] [--rounds 30] [--only subject,…] [--json file]
 */
import { spawnSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { cpus } from 'node:os'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import type { Loops } from './support/loops.ts'
import { AGAIN, type OpenPool, SUBJECTS, type Subject } from './support/subjects.ts'

interface Case {
  readonly name: string
  readonly resources: number
  /** Of one round. */
  readonly cycles: number
  run(loops: Loops, pool: OpenPool): Promise<void>
  readonly timeoutMs?: number
}

const CASES: readonly Case[] = [
  callers(1, 10, 20_000),
  callers(100, 10, 20_000),
  callers(5_000, 10, 20_000),
  callers(100_000, 10, 200_000),
  callers(1, 1_000, 20_000),
  callers(1, 10_000, 20_000),
  lentAtOnce(10, 20_000),
  lentAtOnce(1_000, 20_000),
  lentAtOnce(10_000, 20_000),
]

function callers(count: number, resources: number, cycles: number): Case {
  return {
    name: `${count}-on-${resources}`,
    resources,
    cycles,
    run: (loops, pool) => loops.cycles(pool, count, cycles / count),
  }
}

function lentAtOnce(resources: number, cycles: number): Case {
  return {
    name: `all-of-${resources}`,
    resources,
    cycles,
    run: (loops, pool) => loops.waves(pool, resources, cycles / resources),
  }
}

/** ns per cycle, round by round, in one process: rounds of the same index ran side by side. */
type Times = Readonly<Record<string, readonly number[]>>

async function measure(wanted: Case, subjects: readonly Subject[], rounds: number): Promise<Times> {
  const times: Record<string, number[]> = {}
  const runs: (() => Promise<number>)[] = []
  for (const { name, open } of subjects) {
    const loops = (await import(`./support/loops.ts?of=${encodeURIComponent(name)}`)) as Loops
    const pool = await open(wanted.resources)
    times[name] = []
    runs.push(async () => {
      globalThis.gc?.({ type: 'minor' } as never)
      const startedAt = process.hrtime.bigint()
      await wanted.run(loops, pool)
      return Number(process.hrtime.bigint() - startedAt) / wanted.cycles
    })
  }
  const names = subjects.map(({ name }) => name)
  for (let round = -WARM_UP_ROUNDS; round < rounds; round++) {
    const order = runs.map((_, i) => (round % 2 === 0 ? i : runs.length - 1 - i))
    for (const i of order) {
      const ns = await (runs[i] as () => Promise<number>)()
      if (round >= 0) times[names[i] as string]?.push(ns)
      await new Promise(setImmediate) // timers and housekeeping get their turn, outside the timing
    }
  }
  return times
}

const WARM_UP_ROUNDS = 5

/** In a process of its own. */
function measureApart(wanted: Case, only: string | undefined, rounds: number): Times {
  const flags = ['--expose-gc', '--import', 'tsx', fileURLToPath(import.meta.url), '--worker', '--rounds', `${rounds}`]
  const args = [...flags, ...(only === undefined ? [] : ['--only', only]), wanted.name]
  const { stdout, status } = spawnSync(process.execPath, args, {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  if (status !== 0) throw new Error(`${wanted.name}: exit ${status}`)
  return JSON.parse(stdout) as Times
}

interface Row {
  readonly case: string
  readonly subject: string
  readonly kind: Subject['kind']
  /** ns per cycle: median over all rounds, and the quartiles. */
  readonly ns: number
  readonly nsLow: number
  readonly nsHigh: number
  /** Median of the paired ratios: its time by the floor's, and by ours. */
  readonly byFloor: number
  readonly byOurs: number
}

function rowsOf(wanted: Case, runs: readonly Times[], subjects: readonly Subject[]): Row[] {
  return subjects.map(({ name, kind }) => {
    const ns = runs.flatMap((run) => run[name] ?? []).sort((a, b) => a - b)
    const by = (other: string): number => median(runs.map((run) => pairedRatio(run[name], run[other])))
    return {
      case: wanted.name,
      subject: name,
      kind,
      ns: quantile(ns, 0.5),
      nsLow: quantile(ns, 0.25),
      nsHigh: quantile(ns, 0.75),
      byFloor: by('floor'),
      byOurs: by('adaptive-pool'),
    }
  })
}

function pairedRatio(a: readonly number[] = [], b: readonly number[] = []): number {
  return median(a.map((value, i) => value / (b[i] ?? Number.NaN)))
}

function median(values: readonly number[]): number {
  return quantile(
    [...values].sort((a, b) => a - b),
    0.5,
  )
}

function quantile(sorted: readonly number[], q: number): number {
  return sorted[Math.min(sorted.length - 1, Math.floor(q * sorted.length))] ?? Number.NaN
}

function print(rows: readonly Row[]): void {
  const width = Math.max(...rows.map(({ subject }) => subject.length))
  console.log(`\n${rows[0]?.case}${' '.repeat(width)} ns per cycle (quartiles)   × floor   × ours`)
  for (const { subject, ns, nsLow, nsHigh, byFloor, byOurs } of rows) {
    const spread = `(${nsLow.toFixed(0)}-${nsHigh.toFixed(0)})`
    const ratios = `${byFloor.toFixed(2).padStart(8)} ${byOurs.toFixed(2).padStart(8)}`
    console.log(`  ${subject.padEnd(width)} ${ns.toFixed(0).padStart(7)} ${spread.padEnd(14)} ${ratios}`)
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
    worker: { type: 'boolean', default: false },
  },
})
const cases = CASES.filter(({ name }) => positionals.length === 0 || positionals.includes(name))
const only = values.only?.split(',')
const subjects = SUBJECTS.filter(({ name }) => only === undefined || only.includes(name))
if (values.worker) {
  const times = await measure(cases[0] as Case, subjects, Number(values.rounds))
  process.stdout.write(JSON.stringify(times), () => process.exit()) // peers leave timers behind
} else {
  const rows: Row[] = []
  for (const wanted of cases) {
    const runs = Array.from({ length: Number(values.processes) }, () =>
      measureApart(wanted, values.only, Number(values.rounds)),
    )
    const some = rowsOf(wanted, runs, subjects)
    print(some)
    rows.push(...some)
  }
  const machine = `${cpus()[0]?.model}, ${cpus().length} cores, Node ${process.versions.node}`
  console.log(`\n${machine}`)
  if (values.json !== undefined) writeFileSync(values.json, `${JSON.stringify({ machine, rows }, null, 1)}\n`)
}
