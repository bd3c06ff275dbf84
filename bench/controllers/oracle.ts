import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { type ScenarioName, scenarios } from '../../src/sim/index.ts'
import type { Farm } from './farm.ts'
import { limitMaxOf, type Outcome } from './run.ts'

/** Densest where the knees are; about a peak, a fifth more or less hardly matters. */
const SIZES = [3, 5, 8, 10, 12, 15, 18, 22, 26, 30, 35, 48, 68, 100, 130, 200]
/** The best few of the search are looked at with all seeds. */
const FINALISTS = 2
/** What the search has found: goodput by queue, scenario and size. Kept beside this file, since it rarely changes. */
const CURVES_FILE = fileURLToPath(new URL('./curves.txt', import.meta.url))
const SEARCH_SEED = 1

/** What somebody could have had who knew everything but how to move. */
export interface Oracle {
  readonly scenario: ScenarioName
  /** The best fixed size, and its outcome with each seed. */
  readonly size: number
  readonly outcomes: readonly Outcome[]
  /** The smallest size that does as well, to within half a per cent: what is truly needed. */
  readonly need: number
  /** The smallest of these that lets hardly anybody wait; `need`, where none does. */
  readonly needWithoutWait: number
  /** Goodput by size, with the one seed of the search. */
  readonly curve: ReadonlyMap<number, number>
}

/** An SLO of 500 ms lets a pool that is far too small queue its callers for 400: nobody wants that where more is to be had. */
const WAIT_MS_P99 = 20
/** Looked at for that: so many sizes from `need` upwards. */
const LARGER_SIZES = 5

type Queue = 'codel' | 'fifo'
type Curve = ReadonlyMap<number, number>

/** Every size with one seed, as far as `isAfresh` or no earlier search has; then the best few with all seeds. */
export async function findOracles(
  farm: Farm,
  names: readonly ScenarioName[],
  queue: Queue,
  seeds: readonly number[],
  isAfresh: boolean,
): Promise<readonly Oracle[]> {
  const curves = await curvesOf(farm, names, queue, isAfresh)
  const finals = names.flatMap((scenario) => {
    const ranked = [...(curves.get(scenario) ?? [])].sort(([a, x], [b, y]) => y - x || a - b)
    return ranked.slice(0, FINALISTS).map(([size]) => ({ scenario, size }))
  })
  const specs = finals.flatMap(({ scenario, size }) =>
    seeds.map((seed) => ({ scenario, controller: `fixed-${size}`, queue, seed })),
  )
  const all = await farm.runAll(specs)
  const needed = names.map((scenario) => {
    const candidates = finals
      .map((cell, at) => ({ ...cell, outcomes: all.slice(at * seeds.length, (at + 1) * seeds.length) }))
      .filter((candidate) => candidate.scenario === scenario)
    const best = candidates.reduce((a, b) => (meanGoodput(b.outcomes) > meanGoodput(a.outcomes) ? b : a))
    const curve = curves.get(scenario) ?? new Map<number, number>()
    const enough = 0.995 * (curve.get(best.size) ?? 0)
    const good = [...curve].filter(([, goodput]) => goodput >= enough).map(([size]) => size)
    return { scenario, size: best.size, outcomes: best.outcomes, need: good[0] ?? best.size, good, curve }
  })
  const larger = needed.flatMap(({ scenario, good }) =>
    good
      .slice(0, LARGER_SIZES)
      .map((size) => ({ scenario, controller: `fixed-${size}`, queue, seed: SEARCH_SEED, size })),
  )
  const tried = await farm.runAll(larger)
  return needed.map(({ good: _, ...oracle }) => {
    const at = larger.findIndex(
      ({ scenario }, i) => scenario === oracle.scenario && (tried[i]?.waitMsP99 ?? 0) <= WAIT_MS_P99,
    )
    return { ...oracle, needWithoutWait: larger[at]?.size ?? oracle.need }
  })
}

async function curvesOf(
  farm: Farm,
  names: readonly ScenarioName[],
  queue: Queue,
  isAfresh: boolean,
): Promise<ReadonlyMap<ScenarioName, Curve>> {
  const known = readCurves()
  const missing = names.filter((name) => isAfresh || !known.has(`${queue} ${name}`))
  const grid = missing.flatMap((scenario) =>
    SIZES.filter((size) => size <= limitMaxOf(scenarios[scenario])).map((size) => ({ scenario, size })),
  )
  const outcomes = await farm.runAll(
    grid.map(({ scenario, size }) => ({ scenario, controller: `fixed-${size}`, queue, seed: SEARCH_SEED })),
  )
  for (const name of missing) known.set(`${queue} ${name}`, new Map())
  grid.forEach(({ scenario, size }, at) => {
    known.get(`${queue} ${scenario}`)?.set(size, Number((outcomes[at]?.goodput ?? 0).toFixed(5)))
  })
  if (missing.length > 0) writeCurves(known)
  return new Map(names.map((name) => [name, known.get(`${queue} ${name}`) ?? new Map()]))
}

/** By queue and scenario. A line of the file: `codel step-up 3:0.51317 5:0.63467 …`. */
function readCurves(): Map<string, Map<number, number>> {
  if (!existsSync(CURVES_FILE)) return new Map()
  const lines = readFileSync(CURVES_FILE, 'utf8').trim().split('\n')
  return new Map(
    lines.map((line) => {
      const [queue, scenario, ...points] = line.split(' ')
      return [`${queue} ${scenario}`, new Map(points.map((point) => point.split(':').map(Number) as [number, number]))]
    }),
  )
}

function writeCurves(curves: ReadonlyMap<string, Curve>): void {
  const lines = Array.from(curves, ([key, curve]) =>
    [key, ...Array.from(curve, ([size, goodput]) => `${size}:${goodput}`)].join(' '),
  )
  writeFileSync(CURVES_FILE, `${lines.sort().join('\n')}\n`)
}

/** The one size for everything: the best in its worst scenario, and the best in the mean. */
export function bestSingleSizes(oracles: readonly Oracle[]): { readonly byWorst: number; readonly byMean: number } {
  const judged = SIZES.map((size) => {
    const ratios = oracles.map(({ curve, size: best }) => (nearest(curve, size) ?? 0) / (curve.get(best) ?? 1))
    return { size, worst: Math.min(...ratios), mean: mean(ratios) }
  })
  const best = (by: 'worst' | 'mean'): number => judged.reduce((a, b) => (b[by] > a[by] ? b : a)).size
  return { byWorst: best('worst'), byMean: best('mean') }
}

/** A pool that may not be as large as that is as large as it may be. */
function nearest(curve: ReadonlyMap<number, number>, size: number): number | undefined {
  return curve.get(size) ?? [...curve.values()].at(-1)
}

export function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / Math.max(1, values.length)
}

export function meanGoodput(outcomes: readonly Outcome[]): number {
  return mean(outcomes.map(({ goodput }) => goodput))
}
