/**
 * The gate: has a change made the pool worse? First what is exact and may block a merge on any machine (goodput under
 * virtual time; clock readings, timers and promises per cycle), then time, as ratios to peers and the floor in
 * one process. Time fails only when three of three repeats fall short by more than the same code twice is apart.
 *
 *     npm run bench:ci [-- --json] [--update] [--no-time]
 *
 * Exit code 1: something is worse than bench/baseline.json. `--update` writes a new baseline instead: whoever changes a
 * controller on purpose runs `npm run bench:ci -- --no-time --update` and commits what it says.
 */
import { createHook } from 'node:async_hooks'
import { spawnSync } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import type * as Package from '../src/index.ts'
import type * as Sim from '../src/sim/index.ts'

const BASELINE = new URL('./baseline.json', import.meta.url)
const DIST = process.env.BENCH_DIST ?? fileURLToPath(new URL('../dist/index.js', import.meta.url))
const { createPool, hybrid } = (await import(DIST)) as typeof Package
const { simulate, scenarios } = (await import(DIST.replace('index.js', 'sim/index.js'))) as typeof Sim

/** Those of CONTROL.md that separate controllers; a minute of CPU would be needed for the whole bank. */
const GOODPUT_SCENARIOS = ['step-up', 'overload', 'slow-leases', 'brown-out', 'cold-start'] as const

interface Figure {
  readonly name: string
  readonly value: number
  /** How much worse than the baseline it may be: absolute for goodput and counts, a ratio for bytes and time. */
  readonly allowed: { readonly by: number; readonly kind: 'points' | 'ratio' }
  readonly better: 'higher' | 'lower'
}

async function goodput(): Promise<Figure[]> {
  const figures: Figure[] = []
  for (const name of GOODPUT_SCENARIOS) {
    const pool = { limitMin: 2, limitMax: 200, acquireTimeoutMs: 1_000, controller: hybrid() }
    const { summary } = await simulate({ ...scenarios[name].options, pool, seed: 1 })
    const allowed = { by: 0.01, kind: 'points' } as const
    figures.push({ name: `goodput, ${name}`, value: summary.goodput, allowed, better: 'higher' })
  }
  return figures
}

/** What one cycle does, counted: the same on every machine. */
async function operations(callers: number): Promise<Figure[]> {
  const counted = { readings: 0, timers: 0, promises: 0 }
  const clock: Package.Clock = {
    nowMs: () => {
      counted.readings += 1
      return performance.now()
    },
    startTimer(delayMs, fire, background) {
      counted.timers += 1
      const timer = setTimeout(fire, delayMs)
      if (background) timer.unref()
      return { cancel: () => clearTimeout(timer) }
    },
  }
  const options = { create: async () => ({}), destroy: () => {}, limitMin: 10, limitMax: 10 }
  const pool = createPool({ ...options, clock, waitersMax: 10_000 })
  const cycle = async (times: number): Promise<void> => {
    for (let i = 0; i < times; i++) (await pool.acquire()).release()
  }
  const cycles = (times: number): Promise<unknown> =>
    Promise.all(Array.from({ length: callers }, () => cycle(times / callers)))
  await cycles(CYCLES)
  Object.assign(counted, { readings: 0, timers: 0 })
  const hook = createHook({
    init(_, type) {
      if (type === 'PROMISE') counted.promises += 1
    },
  }).enable()
  await cycles(CYCLES)
  hook.disable()
  await pool.drain()
  const of = `per cycle, ${callers} on 10`
  const count = (name: string, value: number): Figure => {
    return { name: `${name} ${of}`, value, allowed: { by: 0.05, kind: 'points' }, better: 'lower' }
  }
  return [
    count('clock readings', counted.readings / CYCLES),
    count('timers', counted.timers / CYCLES),
    count('promises', counted.promises / CYCLES),
  ]
}

const CYCLES = 20_000

interface BenchRow {
  readonly case: string
  readonly subject: string
  readonly byOurs: number
}

/** Each half of a cycle by itself, where a slowdown of it is not thinned out by the other; and both, with waiters. */
const TIMED_CASES = ['acquire-alone', 'release-alone', '100-on-10']
/** Processes of the same code are further apart than rounds of one: several of each, and short rounds. */
const PROCESSES = '3'
const ROUNDS = '30'
const YARDSTICKS = ['floor', 'generic-pool', 'sequelize-pool']
const AGAIN = 'adaptive-pool again'
const REPEATS = 3

interface Repeat {
  /** Our time by that of the yardsticks, as a geometric mean, by case: ours is that of two processes of the same code. */
  readonly byYardsticks: Readonly<Record<string, number>>
  /** How far those two are apart, at worst: a ratio >= 1. What is no further off the baseline may be chance. */
  readonly apart: number
}

function timeOnce(): Repeat {
  const subjects = ['adaptive-pool', AGAIN, ...YARDSTICKS].join(',')
  const out = fileURLToPath(new URL('../node_modules/.bench.json', import.meta.url))
  const bench = fileURLToPath(new URL('./pool.bench.ts', import.meta.url))
  const args = [
    '--import',
    'tsx',
    bench,
    '--processes',
    PROCESSES,
    '--rounds',
    ROUNDS,
    '--only',
    subjects,
    '--json',
    out,
  ]
  const { status } = spawnSync(process.execPath, [...args, ...TIMED_CASES], { stdio: ['ignore', 'ignore', 'inherit'] })
  if (status !== 0) throw new Error(`pool.bench: exit ${status}`)
  const rows = (JSON.parse(readFileSync(out, 'utf8')) as { rows: BenchRow[] }).rows
  const byYardsticks: Record<string, number> = {}
  let apart = 1
  for (const name of TIMED_CASES) {
    const byOurs = (subject: string): number => {
      const row = rows.find((one) => one.case === name && one.subject === subject)
      if (row === undefined || !(row.byOurs > 0)) throw new Error(`pool.bench: nothing of ${subject} in ${name}`)
      return row.byOurs
    }
    const logs = YARDSTICKS.map((subject) => Math.log(byOurs(AGAIN)) / 2 - Math.log(byOurs(subject)))
    byYardsticks[name] = Math.exp(logs.reduce((sum, log) => sum + log, 0) / logs.length)
    apart = Math.max(apart, byOurs(AGAIN), 1 / byOurs(AGAIN))
  }
  return { byYardsticks, apart }
}

/** Half of the 30 % that are to be found, in a ratio: as far from no change as from those. */
const TIME_RATIO_MAX = 1.15

/** Against a baseline, the best of up to three repeats: what is slower is slower each time. For one, their median. */
function time(before: Readonly<Record<string, number>> | undefined): Figure[] {
  const repeats: Repeat[] = []
  const allowed = (): number => TIME_RATIO_MAX * Math.max(...repeats.map(({ apart }) => apart)) ** 0.5
  const sorted = (name: string) => repeats.map(({ byYardsticks }) => byYardsticks[name] as number).sort((a, b) => a - b)
  const isFine = (name: string): boolean => (sorted(name)[0] as number) <= (before?.[timeName(name)] ?? 0) * allowed()
  do repeats.push(timeOnce())
  while (repeats.length < REPEATS && !TIMED_CASES.every(isFine))
  return TIMED_CASES.map((name) => ({
    name: timeName(name),
    value: sorted(name)[before === undefined ? REPEATS >> 1 : 0] as number,
    allowed: { by: allowed() - 1, kind: 'ratio' },
    better: 'lower',
  }))
}

function timeName(name: string): string {
  return `time by that of others, ${name}`
}

function isWorse({ value, allowed, better }: Figure, before: number): boolean {
  const limit = allowed.kind === 'points' ? before : before * (1 + (better === 'lower' ? allowed.by : -allowed.by))
  const slack = allowed.kind === 'points' ? allowed.by : 0
  return better === 'lower' ? value > limit + slack : value < limit - slack
}

const { values } = parseArgs({
  options: {
    json: { type: 'boolean', default: false },
    update: { type: 'boolean', default: false },
    'no-time': { type: 'boolean', default: false },
  },
})
const baseline = readBaseline()
const figures = [...(await goodput()), ...(await operations(1)), ...(await operations(100))]
if (!values['no-time']) figures.push(...time(values.update ? undefined : baseline))
const results = figures.map((figure) => {
  const before = baseline[figure.name]
  return { ...figure, before, isWorse: before !== undefined && isWorse(figure, before) }
})
if (values.update) {
  const kept = Object.fromEntries(figures.map(({ name, value }) => [name, Number(value.toPrecision(4))]))
  writeFileSync(BASELINE, `${JSON.stringify({ ...baseline, ...kept }, null, 2)}\n`)
}
if (values.json) {
  console.log(JSON.stringify({ isWorse: results.some((result) => result.isWorse), figures: results }, null, 1))
} else {
  for (const { name, value, before, isWorse } of results) {
    const was = before === undefined ? 'new' : `was ${before}`
    console.log(`${isWorse ? 'WORSE' : '   ok'}  ${name.padEnd(48)} ${value.toPrecision(4).padStart(9)}  ${was}`)
  }
}
process.exitCode = !values.update && results.some((result) => result.isWorse) ? 1 : 0

function readBaseline(): Readonly<Record<string, number>> {
  try {
    return JSON.parse(readFileSync(BASELINE, 'utf8')) as Record<string, number>
  } catch {
    return {}
  }
}
