import { seededRandom } from '../../src/base/random.ts'
import { type ScenarioName, scenarios } from '../../src/sim/index.ts'
import { quantile } from '../support/quantile.ts'
import { mean, meanGoodput, type Oracle } from './oracle.ts'
import type { Outcome } from './run.ts'

/** Service must be back this soon after the trigger has ended, in ms. */
const RECOVERED_WITHIN_MS = 10_000
const RESAMPLES = 1_000

/** How one controller did in one scenario. */
export interface Cell {
  readonly scenario: ScenarioName
  readonly goodput: number
  /** Of the oracle's goodput; and its 95 % interval. */
  readonly ratio: number
  readonly low: number
  readonly high: number
  /** Seeds with which service was not back in time, though it was for the oracle. */
  readonly unrecovered: number
  /** Median, in ms, from where the scenario counts; null: never. */
  readonly recoveryMs: number | null
  readonly live: number
  readonly liveOverNeed: number
  /** The same, if hardly anybody is to wait. */
  readonly liveOverCalm: number
  readonly reversalsPerMinute: number
}

/** How one controller did in the whole bank. */
export interface Verdict {
  readonly controller: string
  readonly cells: readonly Cell[]
  readonly worst: number
  readonly worstIn: ScenarioName
  /** 95 % interval of the worst ratio. */
  readonly worstLow: number
  readonly worstHigh: number
  readonly mean: number
  readonly unrecovered: number
  readonly liveOverNeed: number
  readonly liveOverCalm: number
  readonly reversalsPerMinute: number
}

/** @param outcomes by scenario, in the order of the oracles, one for each seed */
export function judge(
  controller: string,
  oracles: readonly Oracle[],
  outcomes: readonly (readonly Outcome[])[],
): Verdict {
  const resampled = oracles.map((oracle, at) => resampledRatios(outcomes[at] ?? [], oracle.outcomes))
  const cells = oracles.map((oracle, at) => cellOf(oracle, outcomes[at] ?? [], resampled[at] ?? []))
  const worst = cells.reduce((a, b) => (b.ratio < a.ratio ? b : a))
  const worstOfEach = Array.from({ length: RESAMPLES }, (_, i) =>
    Math.min(...resampled.map((ratios) => ratios[i] ?? 1)),
  )
  return {
    controller,
    cells,
    worst: worst.ratio,
    worstIn: worst.scenario,
    worstLow: quantile(worstOfEach, 0.025),
    worstHigh: quantile(worstOfEach, 0.975),
    mean: mean(cells.map(({ ratio }) => ratio)),
    unrecovered: cells.filter(({ unrecovered }) => unrecovered > 0).length,
    liveOverNeed: mean(cells.map(({ liveOverNeed }) => liveOverNeed)),
    liveOverCalm: mean(cells.map(({ liveOverCalm }) => liveOverCalm)),
    reversalsPerMinute: mean(cells.map(({ reversalsPerMinute }) => reversalsPerMinute)),
  }
}

function cellOf(oracle: Oracle, outcomes: readonly Outcome[], ratios: readonly number[]): Cell {
  const { options } = scenarios[oracle.scenario]
  const goodput = meanGoodput(outcomes)
  const live = mean(outcomes.map(({ liveMean }) => liveMean))
  const recoveries = outcomes.map(({ recoveryMs }) => recoveryMs ?? Number.POSITIVE_INFINITY).sort((a, b) => a - b)
  const recoveryMs = recoveries[Math.floor(recoveries.length / 2)] ?? Number.POSITIVE_INFINITY
  return {
    scenario: oracle.scenario,
    goodput,
    ratio: goodput / meanGoodput(oracle.outcomes),
    low: quantile(ratios, 0.025),
    high: quantile(ratios, 0.975),
    unrecovered: outcomes.filter((outcome, at) => {
      const seer = oracle.outcomes[at]
      return isLate(oracle.scenario, outcome) && seer !== undefined && !isLate(oracle.scenario, seer)
    }).length,
    recoveryMs: recoveryMs === Number.POSITIVE_INFINITY ? null : recoveryMs,
    live,
    liveOverNeed: live / oracle.need,
    liveOverCalm: live / oracle.needWithoutWait,
    reversalsPerMinute: mean(outcomes.map(({ reversals }) => reversals)) / (options.durationMs / 60_000),
  }
}

function isLate(name: ScenarioName, { recoveryMs }: Outcome): boolean {
  const { trigger, options } = scenarios[name]
  if (recoveryMs === null) return true
  return (options.recoverFromMs ?? 0) + recoveryMs > trigger.toMs + RECOVERED_WITHIN_MS
}

/** The seeds drawn again and again, with both pools under the same ones. @source Efron 1979, Ann. Statist. 7(1) */
function resampledRatios(outcomes: readonly Outcome[], seer: readonly Outcome[]): readonly number[] {
  const random = seededRandom(1)
  return Array.from({ length: RESAMPLES }, () => {
    let ours = 0
    let theirs = 0
    for (let i = 0; i < outcomes.length; i++) {
      const drawn = Math.floor(random.next() * outcomes.length)
      ours += outcomes[drawn]?.goodput ?? 0
      theirs += seer[drawn]?.goodput ?? 0
    }
    return theirs > 0 ? ours / theirs : 1
  })
}
