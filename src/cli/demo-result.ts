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
  readonly static: DemoRunResult
  readonly adopted: DemoRunResult
}

/** Short enough to see the spike begin, long enough for a p99 that is not one unlucky query. */
export const ROW_MS = 200

/** Puts two finished runs together. */
export function toDemoResult(setup: DemoSetup, staticRun: DemoRunEnd, adoptedRun: DemoRunEnd): DemoResult {
  const spikeAtMs = setup.phases[0]?.durationMs ?? 0
  const [fixed, adopted] = [toRunResult(staticRun, setup), toRunResult(adoptedRun, setup)]
  const firstWarning = firstWarningOf(adopted)
  const verdict = decideVerdict({
    staticRun: fixed.figures,
    adoptedRun: adopted.figures,
    poolMax: setup.poolMax,
    spikeAtMs,
    ...(firstWarning && { firstWarning }),
  })
  return { setup, verdict, spikeAtMs, static: fixed, adopted }
}

function toRunResult({ record, end }: DemoRunEnd, { phases }: DemoSetup): DemoRunResult {
  const { gauges, observations, limitMoves, said } = record
  const figures = toFigures(record, end, phases)
  return { figures, rows: toRows(record, ROW_MS), gauges, observations, limitMoves, said }
}

function firstWarningOf({ said }: DemoRunResult): FirstWarning | undefined {
  return said.find(({ event, severity }) => event !== 'recovered' && severity !== 'info')
}
