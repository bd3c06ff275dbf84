import type { DemoRunEnd } from './demo-run.ts'
import { type RunFigures, toFigures } from './run-figures.ts'
import {
  type Gauge,
  type LimitMove,
  type Observation,
  type Phase,
  type PoolSaid,
  type RunRow,
  toRows,
} from './run-record.ts'
import { decideVerdict, type FirstWarning, type Verdict } from './verdict.ts'

/** How the demo was set up: what its figures depend on. */
export interface DemoSetup {
  readonly query: string
  readonly seed: number
  /** The second is the spike. */
  readonly phases: readonly Phase[]
  /** Of the watched run, which is over once the pool has been exhausted for a while. */
  readonly watchedPhases: readonly Phase[]
  /** `max` of the static pool, and where the adopted one starts. */
  readonly poolMax: number
  readonly limitMax: number
  readonly acquireTimeoutMs: number
  /** 'PostgreSQL 18.4', and whether it was ours. */
  readonly server: string
  readonly isServerEmbedded: boolean
  /** 'Node v20.20.2 on linux x64, 2 processors'. */
  readonly machine: string
}

/** One run, as the report and `--json` show it. */
export interface DemoRunResult {
  readonly figures: RunFigures
  /** Bins of ROW_MS. */
  readonly rows: readonly RunRow[]
  readonly gauges: readonly Gauge[]
  readonly observations: readonly Observation[]
  readonly limitMoves: readonly LimitMove[]
  readonly said: readonly PoolSaid[]
}

/** All that the demo found; survives JSON. */
export interface DemoResult {
  readonly setup: DemoSetup
  readonly verdict: Verdict
  /** From the start of a run, in ms. */
  readonly spikeAtMs: number
  /** A pg.Pool as it is. */
  readonly static: DemoRunResult
  /** The same, adopted with its size fixed: only watched. Told for its warnings. */
  readonly watched: DemoRunResult
  /** The same, adopted: it sizes itself. */
  readonly adopted: DemoRunResult
}

/** The three runs, as they ended. */
export interface DemoRuns {
  readonly static: DemoRunEnd
  readonly watched: DemoRunEnd
  readonly adopted: DemoRunEnd
}

/** Short enough to see the spike begin, long enough for a p99 that is not one unlucky query. */
const ROW_MS = 200

/** Puts finished runs together. */
export function toDemoResult(setup: DemoSetup, runs: DemoRuns): DemoResult {
  const spikeAtMs = setup.phases[0]?.durationMs ?? 0
  const fixed = toRunResult(runs.static, setup.phases)
  const watched = toRunResult(runs.watched, setup.watchedPhases)
  const adopted = toRunResult(runs.adopted, setup.phases)
  const verdict = decideVerdict({
    staticRun: fixed.figures,
    watchedRun: { figures: watched.figures, ...firstWarningOf(watched, spikeAtMs) },
    adoptedRun: { figures: adopted.figures, ...firstWarningOf(adopted, spikeAtMs) },
    poolMax: setup.poolMax,
    spikeAtMs,
  })
  return { setup, verdict, spikeAtMs, static: fixed, watched, adopted }
}

function toRunResult({ record, end }: DemoRunEnd, phases: readonly Phase[]): DemoRunResult {
  const { gauges, observations, limitMoves, said } = record
  const figures = toFigures(record, end, phases)
  return { figures, rows: toRows(record, ROW_MS), gauges, observations, limitMoves, said }
}

/** The first of the spike; one from before it, as of a slow machine's first connects, only if there is no other. */
function firstWarningOf({ said }: DemoRunResult, spikeAtMs: number): { readonly firstWarning?: FirstWarning } {
  const warnings = said.filter(({ event, severity }) => event !== 'recovered' && severity !== 'info')
  const firstWarning = warnings.find(({ atMs }) => atMs >= spikeAtMs) ?? warnings[0]
  return firstWarning ? { firstWarning } : {}
}
