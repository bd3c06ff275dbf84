import { type Phase, quantile, type RunRecord } from './run-record.ts'
import { type Paint, paintFor, progressBar, type Screen, sparkline } from './terminal-plot.ts'
import { formatCount, formatMs } from './verdict.ts'

/** What a run looks like at one moment: the last values of its plots. */
export interface Frame {
  readonly phase: Phase | undefined
  readonly elapsedMs: number
  readonly durationMs: number
  readonly plots: readonly Plot[]
}

/** One line of small bars, and its last value in words. */
export interface Plot {
  readonly name: string
  /** Over time, one per frame. */
  readonly values: readonly TimedValue[]
  readonly last: string
  /** Anything above zero is bad news. */
  readonly isAlarm?: boolean
}

interface TimedValue {
  readonly atMs: number
  readonly value: number
}

/** A frame that wraps, or is higher than the terminal, cannot be drawn over. */
const COLUMNS_MIN = 46
const ROWS_MIN = 12

/** How far back a rate and a quantile look, in ms. */
const SPAN_MS = 500

/**
 * Shows a run while it is on its way: redrawn in place on a terminal, a line per second elsewhere. One of these shows
 * all runs, so that their plots share one scale and can be compared.
 */
export class DemoProgress {
  readonly #write: (text: string) => void
  readonly #paint: Paint
  readonly #isLive: boolean
  readonly #columns: () => number
  readonly #history = new Map<string, TimedValue[]>()
  readonly #scales = new Map<string, number>()
  #title = ''
  #drawnLines = 0
  #nextLineAtMs = 0

  constructor(screen: Screen, env: NodeJS.ProcessEnv) {
    this.#write = (text) => void screen.write(text)
    this.#paint = paintFor(screen, env)
    const { columns = COLUMNS_MIN, rows = ROWS_MIN } = screen
    this.#isLive = screen.isTTY === true && env.TERM !== 'dumb' && columns >= COLUMNS_MIN && rows >= ROWS_MIN
    this.#columns = () => screen.columns ?? 80
  }

  /** A line that stays. */
  say(text: string): void {
    this.#write(`${text}\n`)
  }

  /** A new run begins below what the last one has left on the screen. */
  begin(title: string): void {
    this.#title = title
    if (!this.#isLive) this.say(title)
    this.#history.clear()
    this.#drawnLines = 0
    this.#nextLineAtMs = 0
  }

  show(phases: readonly Phase[], record: RunRecord, elapsedMs: number): void {
    const frame = this.#frameOf(phases, record, elapsedMs)
    if (this.#isLive) this.#redraw(frame)
    else if (elapsedMs >= this.#nextLineAtMs) {
      this.#nextLineAtMs += 1_000
      this.say(plainLine(frame))
    }
  }

  #frameOf(phases: readonly Phase[], record: RunRecord, elapsedMs: number): Frame {
    const durationMs = phases.reduce((sum, phase) => sum + phase.durationMs, 0)
    const values = latestValues(record, elapsedMs)
    const plots = PLOTS.map(({ name, of, tell = formatCount, isAlarm = false }) => {
      const seen = of(values)
      const value = seen ?? 0
      const history = this.#history.get(name) ?? []
      history.push({ atMs: elapsedMs, value })
      this.#history.set(name, history)
      const scale = SAME_SCALE.get(name) ?? name
      this.#scales.set(scale, Math.max(this.#scales.get(scale) ?? 0, value))
      return { name, values: history, last: seen === undefined ? '–' : tell(seen), isAlarm }
    })
    return { phase: phaseAt(phases, elapsedMs), elapsedMs, durationMs, plots }
  }

  #redraw(frame: Frame): void {
    const columns = this.#columns()
    const width = Math.max(10, Math.min(60, columns - 36))
    const head = [this.#paint('bold', this.#title.slice(0, columns - 1)), this.#timeLine(frame, width)]
    const lines = [...head, ...frame.plots.map((plot) => this.#plotLine(plot, width, frame.durationMs))]
    const up = this.#drawnLines === 0 ? '' : `\x1b[${this.#drawnLines}A`
    this.#drawnLines = lines.length
    this.#write(`${up}${lines.map((line) => `\x1b[2K${line}\n`).join('')}`)
  }

  #timeLine({ phase, elapsedMs, durationMs }: Frame, width: number): string {
    const times = `${toSeconds(Math.min(elapsedMs, durationMs))} of ${toSeconds(durationMs)} s`
    const bar = this.#paint('cyan', progressBar(elapsedMs / durationMs, width))
    return `  ${times.padEnd(20)} ${bar} ${phase?.name ?? 'last answers'}`
  }

  #plotLine({ name, values, last, isAlarm }: Plot, width: number, durationMs: number): string {
    const scale = this.#scales.get(SAME_SCALE.get(name) ?? name) ?? 0
    const bars = sparkline(toColumns(values, width, durationMs), width, scale)
    const isBad = isAlarm === true && values.some(({ value }) => value > 0)
    return `  ${name.padEnd(20)} ${isBad ? this.#paint('red', bars) : bars} ${last.padStart(9)}`
  }
}

interface LatestValues {
  readonly offeredPerSecond: number
  readonly servedPerSecond: number
  readonly failedPerSecond: number
  readonly limit: number
  readonly inUse: number
  readonly waiting: number
  /** Undefined: nothing has been served. */
  readonly latencyMsP99: number | undefined
  /** Undefined: none has come back yet. */
  readonly queryMs: number | undefined
}

const PLOTS: readonly {
  readonly name: string
  readonly of: (values: LatestValues) => number | undefined
  readonly tell?: (value: number) => string
  readonly isAlarm?: boolean
}[] = [
  { name: 'offered /s', of: (v) => v.offeredPerSecond },
  { name: 'served /s', of: (v) => v.servedPerSecond },
  { name: 'failed /s', of: (v) => v.failedPerSecond, isAlarm: true },
  { name: 'limit', of: (v) => v.limit },
  { name: 'in use', of: (v) => v.inUse },
  { name: 'waiting', of: (v) => v.waiting },
  { name: 'latency p99', of: (v) => v.latencyMsP99, tell: formatMs },
  { name: 'query past the pool', of: (v) => v.queryMs, tell: formatMs },
]

/** Plots that mean the same unit share one scale, so that their heights can be compared. */
const SAME_SCALE: ReadonlyMap<string, string> = new Map([
  ['served /s', 'offered /s'],
  ['failed /s', 'offered /s'],
  ['in use', 'limit'],
  ['query past the pool', 'latency p99'],
])

function latestValues(record: RunRecord, elapsedMs: number): LatestValues {
  const sinceMs = Math.max(0, elapsedMs - SPAN_MS)
  const perSecond = (count: number): number => (count * 1_000) / Math.max(1, elapsedMs - sinceMs)
  const answers = tailWhile(record.answers, ({ arrivedAtMs, latencyMs }) => arrivedAtMs + latencyMs >= sinceMs)
  const latenciesMs = answers.filter(({ failure }) => failure === undefined).map(({ latencyMs }) => latencyMs)
  const gauge = record.gauges.at(-1)
  return {
    offeredPerSecond: perSecond(tailWhile(record.arrivalsAtMs, (atMs) => atMs >= sinceMs).length),
    servedPerSecond: perSecond(latenciesMs.length),
    failedPerSecond: perSecond(answers.length - latenciesMs.length),
    limit: gauge?.limit ?? 0,
    inUse: gauge?.inUse ?? 0,
    waiting: gauge?.waiting ?? 0,
    latencyMsP99: latenciesMs.length === 0 ? undefined : quantile(latenciesMs, 0.99),
    queryMs: record.observations.at(-1)?.queryMs,
  }
}

/** The values at the end for which the statement holds without a break. */
function tailWhile<T>(values: readonly T[], holds: (value: T) => boolean): readonly T[] {
  let from = values.length
  while (from > 0 && holds(values[from - 1] as T)) from -= 1
  return values.slice(from)
}

/** One value for each column of time so far, the largest of those that fall into it, so that no peak is lost. */
function toColumns(values: readonly TimedValue[], width: number, durationMs: number): number[] {
  const columns: number[] = []
  for (const { atMs, value } of values) {
    const column = Math.min(width - 1, Math.floor((atMs / durationMs) * width))
    while (columns.length < column) columns.push(columns.at(-1) ?? 0) // a late frame leaves no gap
    columns[column] = Math.max(columns[column] ?? 0, value)
  }
  return columns
}

function phaseAt(phases: readonly Phase[], elapsedMs: number): Phase | undefined {
  let endsAtMs = 0
  return phases.find((phase) => {
    endsAtMs += phase.durationMs
    return elapsedMs < endsAtMs
  })
}

function plainLine({ phase, elapsedMs, plots }: Frame): string {
  const values = plots.map(({ name, last }) => `${name} ${last}`).join(', ')
  return `  ${toSeconds(elapsedMs).padStart(4)} s, ${phase?.name ?? 'last answers'}: ${values}`
}

function toSeconds(ms: number): string {
  return (ms / 1000).toFixed(1)
}
