import { type ScenarioName, scenarios } from '../../src/sim/index.ts'
import type { Farm } from './farm.ts'
import { limitMaxOf, type Outcome } from './run.ts'

/** Densest where the knees are; about a peak, a fifth more or less hardly matters. */
const SIZES = [3, 5, 8, 10, 12, 15, 18, 22, 26, 30, 35, 48, 68, 100, 130, 200]
/** The best few of the first seed are looked at with all seeds. */
const FINALISTS = 2

/** What somebody could have had who knew everything but how to move. */
export interface Oracle {
  readonly scenario: ScenarioName
  /** The best fixed size, and its outcome with each seed. */
  readonly size: number
  readonly outcomes: readonly Outcome[]
  /** The smallest size that does as well, to within half a per cent: what is truly needed. */
  readonly need: number
  /** Goodput by size, first seed. */
  readonly curve: ReadonlyMap<number, number>
}

/** By search: every size with the first seed, the best few with all. */
export async function findOracles(
  farm: Farm,
  names: readonly ScenarioName[],
  queue: 'codel' | 'fifo',
  seeds: readonly number[],
): Promise<readonly Oracle[]> {
  const grid = names.flatMap((scenario) =>
    SIZES.filter((size) => size <= limitMaxOf(scenarios[scenario])).map((size) => ({ scenario, size })),
  )
  const specOf = ({ scenario, size }: (typeof grid)[number], seed: number) =>
    ({ scenario, controller: `fixed-${size}`, queue, seed }) as const
  const first = await farm.runAll(grid.map((cell) => specOf(cell, seeds[0] ?? 1)))
  const curves = new Map(names.map((name) => [name, new Map<number, number>()]))
  grid.forEach(({ scenario, size }, at) => {
    curves.get(scenario)?.set(size, first[at]?.goodput ?? 0)
  })
  const finals = names.flatMap((scenario) => {
    const ranked = [...(curves.get(scenario) ?? [])].sort(([a, x], [b, y]) => y - x || a - b)
    return ranked.slice(0, FINALISTS).map(([size]) => ({ scenario, size }))
  })
  const all = await farm.runAll(finals.flatMap((cell) => seeds.map((seed) => specOf(cell, seed))))
  return names.map((scenario) => {
    const candidates = finals
      .map((cell, at) => ({ ...cell, outcomes: all.slice(at * seeds.length, (at + 1) * seeds.length) }))
      .filter((candidate) => candidate.scenario === scenario)
    const best = candidates.reduce((a, b) => (meanGoodput(b.outcomes) > meanGoodput(a.outcomes) ? b : a))
    const curve = curves.get(scenario) ?? new Map<number, number>()
    const enough = 0.995 * (curve.get(best.size) ?? 0)
    const need = [...curve].find(([, goodput]) => goodput >= enough)?.[0] ?? best.size
    return { scenario, size: best.size, outcomes: best.outcomes, need, curve }
  })
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
