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
  /** Of the requests that `failed`, the most frequent first; twenty kinds at most. */
  readonly errors: readonly RunError[]

  constructor({ summary, rows, warnings, timeline, errors }: Told) {
    this.summary = summary
    this.rows = rows
    this.warnings = warnings
    this.timeline = timeline
    this.errors = errors
  }

  /** The rows as comma-separated values under a line of names: time, limit, reason, then the members of the sample. */
  toCsv(): string {
    const first = this.rows[0]
    if (first === undefined) return 'atMs,limit,reason\n'
    const measures = (Object.keys(first.sample) as (keyof Sample)[]).filter((key) => key !== 'atMs' && key !== 'limit')
    const lines = this.rows.map(({ atMs, limit, reason, sample }) =>
      [atMs, limit, reason, ...measures.map((key) => sample[key])].join(','),
    )
    return `${['atMs', 'limit', 'reason', ...measures].join(',')}\n${lines.join('\n')}\n`
  }

  /**
   * A page by itself, to be opened in a browser: what was offered and served in time, the limit and what was in use,
   * waits, warnings.
   *
   * @param title its headline. @defaultValue 'What became of a run'
   */
  toHtml(title = 'What became of a run'): string {
    return reportHtml(title, this)
  }
}
