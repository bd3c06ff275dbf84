import { show } from '../base/options.ts'
import type { Sample } from '../measure/sample.ts'
import { reportHtml, type Told } from './report.ts'
import type { RunError, SimulationRow, SimulationSummary, SimulationWarning, Timeline } from './summary.ts'

/** A run, told. Everything in it is data but `toCsv` and `toHtml`. */
export class SimulationResult {
  readonly summary: SimulationSummary
  /** One per window; of a run with more than 20,000, every second, fourth, … */
  readonly rows: readonly SimulationRow[]
  /** The first thousand. */
  readonly warnings: readonly SimulationWarning[]
  readonly timeline: Timeline
  /** Of the requests that `failed`: twenty kinds at most, the most frequent first; then, as one, all 'other errors'. */
  readonly errors: readonly RunError[]

  constructor({ summary, rows, warnings, timeline, errors }: Told) {
    this.summary = summary
    this.rows = rows
    this.warnings = warnings
    this.timeline = timeline
    this.errors = errors
  }

  /** The rows as comma-separated values under a line of names: time, limit, reason, then the members of the sample,
   * and `shadowLimit` of a controller under `shadow()`. */
  toCsv(): string {
    const first = this.rows[0]
    if (first === undefined) return 'atMs,limit,reason\n'
    const measures = (Object.keys(first.sample) as (keyof Sample)[]).filter((key) => key !== 'atMs' && key !== 'limit')
    const inShadow = first.decision.shadowLimit === undefined ? [] : (['shadowLimit'] as const)
    const lines = this.rows.map((row) =>
      [
        row.atMs,
        row.limit,
        row.decision.reason,
        ...measures.map((key) => row.sample[key]),
        ...inShadow.map((key) => row.decision[key]),
      ].join(','),
    )
    return `${['atMs', 'limit', 'reason', ...measures, ...inShadow].join(',')}\n${lines.join('\n')}\n`
  }

  /**
   * A page by itself, to be opened in a browser: what was offered and served in time, the limit and what was in use,
   * waits, warnings.
   *
   * @param title its headline. @defaultValue 'What became of a run'
   * @throws TypeError for what is no string
   */
  toHtml(title = 'What became of a run'): string {
    if (typeof title !== 'string') throw new TypeError(`toHtml: title must be a string, got ${show(title)}`)
    return reportHtml(title, this)
  }
}
