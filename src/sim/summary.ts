import type { DecisionRecord } from '../control/controller.ts'
import type { Sample } from '../measure/sample.ts'
import type { Warning } from '../watch/warning.ts'

/** What became of a run as a whole. Counts are of requests, retries not counted apart, unless it says so. */
export interface SimulationSummary {
  /** Requests that came. Each ended in one of the next five ways. */
  readonly offered: number
  readonly completed: number
  /** Given up, after all their retries, by what ended the last one. */
  readonly timedOut: number
  readonly shed: number
  readonly failed: number
  /** Under way when the run ended, sloMs after the last arrival: too late in any case. */
  readonly unfinished: number
  /** Completed within sloMs of their arrival. */
  readonly withinSlo: number
  /** withinSlo / offered: a ratio in 0..1; 1 if nothing was offered. */
  readonly goodput: number
  /** acquire() calls, retries included. */
  readonly acquires: number
  /** From acquire() to lease, over all leases, in ms. */
  readonly waitMsMean: number
  /** Of several processes, the largest. */
  readonly waitMsP99: number
  /** From a request's arrival to its completion, retries included, over those completed, in ms. */
  readonly latencyMsP50: number
  readonly latencyMsP99: number
  /** Resources that were held or being opened, of all processes: time mean, and most. */
  readonly liveMean: number
  readonly liveMax: number
  /** Resources opened during the run, and failures to. */
  readonly created: number
  readonly createFailed: number
  /** Windows of the control loop, of the first process; moves of the limit, and how often their sign changed. */
  readonly windows: number
  readonly moves: number
  readonly reversals: number
  /**
   * From `recoverFromMs`, or the end of the last disturbance, to the first moment, on a grid of 100 ms, at which three
   * seconds begin of which each completes 95 % of its arrivals within sloMs. In ms; undefined: never within ten
   * minutes, or there was neither.
   */
  readonly recoveryMs: number | undefined
  /** How late the load itself came, at worst, in ms; latencies include it. A simulation is never late. */
  readonly lateMsMax: number
}

/** One window of the pool's control loop: what it saw, and what was decided. */
export interface SimulationRow {
  /** When it ended, in ms from the start of the run. */
  readonly atMs: number
  /** In force from then on. */
  readonly limit: number
  readonly sample: Sample
  /** As `decisions()` tells it; its time and its sample are the row's. */
  readonly decision: Omit<DecisionRecord, 'atMs' | 'sample'>
}

/** A warning, and when it was given. */
export interface SimulationWarning extends Warning {
  /** In ms from the start of the run. */
  readonly atMs: number
  /** From then to the last sign of it, in ms; undefined: it was not over when the run was. */
  readonly lastedMs?: number
}

/** What failed requests ended with: errors of one message, numbers within it aside. */
export interface RunError {
  /** Of the first of them. */
  readonly message: string
  readonly count: number
}

/** Arrivals by time: how many there were, and how many of them were served in time. At most 4096 bins. */
export interface Timeline {
  /** Length of a bin, in ms. */
  readonly binMs: number
  readonly offered: readonly number[]
  readonly withinSlo: readonly number[]
}
