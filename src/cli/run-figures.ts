import type { OpenLoopEnd } from './open-loop.ts'
import { type Phase, quantile, type RunRecord } from './run-record.ts'

/** One run in figures. Latencies are in ms, from the intended arrival to the answer, of those that were served. */
export interface RunFigures {
  readonly offered: number
  readonly served: number
  /** With an error, or without an answer when the run was over. */
  readonly failed: number
  /** failed / offered: a ratio. */
  readonly failedShare: number
  /** What they failed with, most frequent first. */
  readonly failures: readonly { readonly message: string; readonly count: number }[]
  readonly latencyMsP50: number
  readonly latencyMsP95: number
  readonly latencyMsP99: number
  /** From the start of the run; absent when nothing failed. When it failed, not when it arrived. */
  readonly firstFailureAtMs?: number
  /**
   * From the start of the spike until at least 95 % of the arrivals were served, for good. 0: it never fell below.
   * Absent: not within the run.
   */
  readonly recoveryMs?: number
  /** Most connections of the pool on the server, as the server counts them. */
  readonly connectionsMax: number
  readonly limitMax: number
  readonly waitingMax: number
  /** The load's own query on a connection past the pool, median: before the spike, and in it. */
  readonly directQueryMsCalm: number
  readonly directQueryMsSpike: number
  /** How late the load generator was, at worst. Latencies include it. */
  readonly generatorLateMsMax: number
}

/** Sums a finished run up. The second of the phases is the spike. */
export function toFigures(record: RunRecord, end: OpenLoopEnd, phases: readonly Phase[]): RunFigures {
  const [calm, spike] = phases
  const spikeAtMs = calm?.durationMs ?? 0
  const spikeEndMs = spikeAtMs + (spike?.durationMs ?? 0)
  const served = record.answers.filter((answer) => answer.failure === undefined).map((answer) => answer.latencyMs)
  const failedAnswers = record.answers.filter((answer) => answer.failure !== undefined)
  const firstFailed = failedAnswers[0]
  const offered = record.arrivalsAtMs.length
  const failed = failedAnswers.length + end.unanswered
  const recoveryMs = recoveryMsOf(record, spikeAtMs)
  return {
    offered,
    served: served.length,
    failed,
    failedShare: offered === 0 ? 0 : failed / offered,
    failures: countFailures(
      failedAnswers.map((answer) => answer.failure ?? ''),
      end.unanswered,
    ),
    latencyMsP50: quantile(served, 0.5),
    latencyMsP95: quantile(served, 0.95),
    latencyMsP99: quantile(served, 0.99),
    ...(firstFailed && { firstFailureAtMs: firstFailed.arrivedAtMs + firstFailed.latencyMs }),
    ...(recoveryMs !== undefined && { recoveryMs }),
    connectionsMax: Math.max(0, ...record.observations.map(({ connections }) => connections)),
    limitMax: Math.max(0, ...record.gauges.map(({ limit }) => limit), ...record.limitMoves.map(({ to }) => to)),
    waitingMax: Math.max(0, ...record.gauges.map(({ waiting }) => waiting)),
    directQueryMsCalm: directQueryMs(record, 0, spikeAtMs),
    directQueryMsSpike: directQueryMs(record, spikeAtMs, spikeEndMs),
    generatorLateMsMax: end.lateMsMax,
  }
}

/** Wide enough for 40 arrivals at 200/s: chance alone takes none of those bins below 95 %. */
const RECOVERY_BIN_MS = 200
const SERVED_SHARE_RECOVERED = 0.95

/** By arrival: a bin is good when those who came in it were served, however late that turned out. */
function recoveryMsOf(record: RunRecord, spikeAtMs: number): number | undefined {
  const offered = countBins(record.arrivalsAtMs)
  const servedAnswers = record.answers.filter((answer) => answer.failure === undefined)
  const served = countBins(servedAnswers.map((answer) => answer.arrivedAtMs))
  const isBad = (bin: number): boolean => (served[bin] ?? 0) < SERVED_SHARE_RECOVERED * (offered[bin] ?? 0)
  let lastBad = offered.length - 1
  while (lastBad >= 0 && !isBad(lastBad)) lastBad -= 1
  if (lastBad >= 0 && lastBad === offered.length - 1) return undefined
  return Math.max(0, (lastBad + 1) * RECOVERY_BIN_MS - spikeAtMs)
}

function countBins(timesMs: readonly number[]): number[] {
  const counts: number[] = []
  for (const atMs of timesMs) {
    const bin = Math.floor(atMs / RECOVERY_BIN_MS)
    while (counts.length <= bin) counts.push(0)
    counts[bin] = (counts[bin] ?? 0) + 1
  }
  return counts
}

/** Numbers within a message (waits, counts) differ from failure to failure; the failures are one kind all the same. */
function countFailures(messages: readonly string[], unanswered: number): RunFigures['failures'] {
  const counts = new Map<string, { message: string; count: number }>()
  for (const message of messages) {
    const kind = message.replace(/\d+/g, '#')
    const known = counts.get(kind)
    if (known) known.count += 1
    else counts.set(kind, { message, count: 1 })
  }
  if (unanswered > 0) counts.set('', { message: 'no answer when the run was over', count: unanswered })
  return [...counts.values()].sort((a, b) => b.count - a.count)
}

function directQueryMs(record: RunRecord, fromMs: number, toMs: number): number {
  const within = record.observations.filter(({ atMs }) => atMs >= fromMs && atMs < toMs)
  return quantile(
    within.map(({ queryMs }) => queryMs),
    0.5,
  )
}
