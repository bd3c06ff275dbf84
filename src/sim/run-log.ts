import type { DecisionRecord } from '../control/controller.ts'
import type { Warning, WatchEvents } from '../watch/warning.ts'
import type { SimulationRow, SimulationWarning } from './summary.ts'

/** So many rows, and at least half as many, tell of a run of any length. */
const ROWS_MAX = 20_000
const WARNINGS_MAX = 1_000

/** What a pool decided and said in a run, in bounded memory. */
export class RunLog {
  #rows: SimulationRow[] = []
  readonly #warnings: SimulationWarning[] = []
  /** Every so-manieth window has a row. */
  #stride = 1
  #windows = 0
  #moves = 0
  #reversals = 0
  #direction = 0

  /** @param atMs from the start of the run; the pool's own clock may have leapt */
  decided(atMs: number, { from, to, reason, sample, shadowLimit }: DecisionRecord): void {
    if (this.#windows % this.#stride === 0) {
      const decision = { from, to, reason, ...(shadowLimit === undefined ? {} : { shadowLimit }) }
      this.#rows.push({ atMs, limit: to, sample, decision })
    }
    this.#windows += 1
    if (this.#rows.length > ROWS_MAX) {
      this.#rows = this.#rows.filter((_, at) => at % 2 === 0)
      this.#stride *= 2
    }
    const direction = Math.sign(to - from)
    if (direction === 0) return
    this.#moves += 1
    if (direction === -this.#direction) this.#reversals += 1
    this.#direction = direction
  }

  warned(atMs: number, warning: Warning): void {
    if (this.#warnings.length < WARNINGS_MAX) this.#warnings.push({ atMs, ...warning })
  }

  warningEnded({ kind, lastedMs }: WatchEvents['warningEnded']): void {
    const at = this.#warnings.findLastIndex((warning) => warning.kind === kind)
    const warning = this.#warnings[at]
    if (warning !== undefined && warning.lastedMs === undefined) this.#warnings[at] = { ...warning, lastedMs }
  }

  get rows(): readonly SimulationRow[] {
    return this.#rows
  }

  get warnings(): readonly SimulationWarning[] {
    return this.#warnings
  }

  moves(): { readonly windows: number; readonly moves: number; readonly reversals: number } {
    return { windows: this.#windows, moves: this.#moves, reversals: this.#reversals }
  }
}
