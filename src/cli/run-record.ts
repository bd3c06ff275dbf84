import type { Answer } from './open-loop.ts'

/** A stretch of the load with one rate. */
export interface Phase {
  readonly name: 'calm before' | 'spike' | 'calm after'
  readonly durationMs: number
  readonly ratePerSecond: number
}

/** The pool at one moment. Times of a record are in ms from the start of its run. */
export interface Gauge {
  readonly atMs: number
  readonly limit: number
  readonly inUse: number
  /** Callers without a connection. */
  readonly waiting: number
}

/** The server at one moment, asked on a connection of its own, past the pool. */
export interface Observation {
  readonly atMs: number
  /** Connections of the pool, as pg_stat_activity counts them. */
  readonly connections: number
  /** How long the load's own query took there, in ms. */
  readonly queryMs: number
}

/** Something that the adopted pool said. */
export interface PoolSaid {
  readonly atMs: number
  readonly event: 'warning' | 'exhausted' | 'recovered'
  /** A warning's kind, else the event's name. */
  readonly kind: string
  readonly severity: 'info' | 'warn' | 'critical'
  readonly message: string
}

/** A move of the limit, and the controller's word for it. */
export interface LimitMove {
  readonly atMs: number
  readonly from: number
  readonly to: number
  readonly reason: string
}

/** All that was seen of one run, in order of time. */
export interface RunRecord {
  readonly arrivalsAtMs: number[]
  /** In the order of their ends. */
  readonly answers: Answer[]
  readonly gauges: Gauge[]
  readonly observations: Observation[]
  readonly said: PoolSaid[]
  readonly limitMoves: LimitMove[]
}

export function newRunRecord(): RunRecord {
  return { arrivalsAtMs: [], answers: [], gauges: [], observations: [], said: [], limitMoves: [] }
}

/** One bin of a run's time, for plots. Counts are of events within the bin. */
export interface RunRow {
  /** Start of the bin, in ms. */
  readonly atMs: number
  readonly offered: number
  readonly served: number
  readonly failed: number
  /** Of those served within the bin; absent when there were none. */
  readonly latencyMsP50?: number
  readonly latencyMsP99?: number
}

/** Sums a record up into bins of `binMs`, from its start to its last event. */
export function toRows(record: RunRecord, binMs: number): RunRow[] {
  const endsAtMs = record.answers.map((answer) => answer.arrivedAtMs + answer.latencyMs)
  const binCount = Math.floor(Math.max(0, endsAtMs.at(-1) ?? 0, record.arrivalsAtMs.at(-1) ?? 0) / binMs) + 1
  const bins = Array.from({ length: binCount }, () => ({ offered: 0, failed: 0, latenciesMs: [] as number[] }))
  for (const atMs of record.arrivalsAtMs) (bins[Math.floor(atMs / binMs)] as (typeof bins)[0]).offered += 1
  for (const [i, answer] of record.answers.entries()) {
    const bin = bins[Math.min(binCount - 1, Math.floor((endsAtMs[i] ?? 0) / binMs))] as (typeof bins)[0]
    if (answer.failure === undefined) bin.latenciesMs.push(answer.latencyMs)
    else bin.failed += 1
  }
  return bins.map(({ offered, failed, latenciesMs }, i) => {
    const row = { atMs: i * binMs, offered, served: latenciesMs.length, failed }
    if (latenciesMs.length === 0) return row
    return { ...row, latencyMsP50: quantile(latenciesMs, 0.5), latencyMsP99: quantile(latenciesMs, 0.99) }
  })
}

/**
 * The value that a share `q` of the values does not exceed (nearest rank); 0 for no values.
 *
 * @param q a ratio in 0..1
 */
export function quantile(values: readonly number[], q: number): number {
  if (values.length === 0) return 0
  const sorted = Float64Array.from(values).sort()
  return sorted[Math.max(0, Math.ceil(q * sorted.length) - 1)] ?? 0
}
