import type { RunFigures } from './run-figures.ts'

/** How a run of the adopted pool compares with one of the static pool. */
export type Outcome =
  | 'adopted-better'
  | 'alike'
  | 'mixed' // it failed fewer, but was slower
  | 'static-better'

/** What the figures say, in words. */
export interface Verdict {
  readonly outcome: Outcome
  readonly headline: string
  /** One thing each: static pool, database, watched pool, adopted pool, its warnings; then what limits all that. */
  readonly sentences: readonly string[]
}

/** The first thing that a pool said of its trouble, and when. */
export interface FirstWarning {
  readonly kind: string
  /** From the start of its run, in ms. */
  readonly atMs: number
}

/** A run of a pool that can speak. */
export interface SpeakingRun {
  readonly figures: RunFigures
  readonly firstWarning?: FirstWarning
}

/** All that a verdict rests on. */
export interface VerdictEvidence {
  readonly staticRun: RunFigures
  /** The static pool again, adopted with its size fixed. */
  readonly watchedRun: SpeakingRun
  readonly adoptedRun: SpeakingRun
  /** `max` of the static pool, and where the adopted one starts. */
  readonly poolMax: number
  /** From the start of a run, in ms. */
  readonly spikeAtMs: number
}

/** Shares of failures closer than this count as equal: half of a percent is what we promise to stay below. */
const FAILED_SHARE_TOLERANCE = 0.005
/** 'Far less' is this factor. */
const FAR_LESS = 4
/** Latencies within this factor count as equal: two runs of the same pool differ by as much. */
const LATENCY_TOLERANCE = 1.25
/** … and so do those this close, in ms: a few turns of a busy event loop. */
const LATENCY_MARGIN_MS = 5
/** The database is healthy while a query past the pool takes at most this factor longer than before the spike … */
const HEALTHY_FACTOR = 1.5
/** … or this much longer, in ms: for a query so short that the factor would be noise. */
const HEALTHY_MARGIN_MS = 5
/** A generator later than this, in ms, has become part of what it measures. */
const GENERATOR_LATE_MS = 100

/** Puts two runs into words. It says what the figures say, also when they do not speak for the adopted pool. */
export function decideVerdict(evidence: VerdictEvidence): Verdict {
  const outcome = decideOutcome(evidence.staticRun, evidence.adoptedRun.figures)
  return {
    outcome,
    headline: headlineFor(outcome, evidence),
    sentences: [
      staticSentence(evidence),
      databaseSentence(evidence.staticRun),
      watchedSentence(evidence),
      adoptedSentence(evidence),
      adoptedWarningSentence(evidence),
      ...caveats(evidence),
    ],
  }
}

/** Failures decide; where they are equal, the slowest answers do. */
export function decideOutcome(staticRun: RunFigures, adoptedRun: RunFigures): Outcome {
  const fewerFailed = staticRun.failedShare - adoptedRun.failedShare
  const isSlower = isClearlyAbove(adoptedRun.latencyMsP99, staticRun.latencyMsP99)
  const isFaster = isClearlyAbove(staticRun.latencyMsP99, adoptedRun.latencyMsP99)
  if (fewerFailed > FAILED_SHARE_TOLERANCE) return isSlower ? 'mixed' : 'adopted-better'
  if (fewerFailed < -FAILED_SHARE_TOLERANCE) return 'static-better'
  if (isFaster) return 'adopted-better'
  return isSlower ? 'static-better' : 'alike'
}

function isClearlyAbove(aMs: number, bMs: number): boolean {
  return aMs > Math.max(bMs * LATENCY_TOLERANCE, bMs + LATENCY_MARGIN_MS)
}

/** Was the database as fast in the spike as before it? A query past the pool tells. */
export function isDatabaseHealthy({ directQueryMsCalm, directQueryMsSpike }: RunFigures): boolean {
  return directQueryMsSpike <= Math.max(directQueryMsCalm * HEALTHY_FACTOR, directQueryMsCalm + HEALTHY_MARGIN_MS)
}

function headlineFor(outcome: Outcome, { staticRun, adoptedRun }: VerdictEvidence): string {
  const adoptedShare = adoptedRun.figures.failedShare
  const staticFailed = staticRun.failedShare > FAILED_SHARE_TOLERANCE
  const adoptedFailed = adoptedShare > FAILED_SHARE_TOLERANCE
  const database = isDatabaseHealthy(staticRun) ? 'while the database was healthy' : 'and slowed the database down'
  switch (outcome) {
    case 'adopted-better':
      if (!staticFailed) {
        const but = staticRun.failed === 0 ? '' : `, but for ${failedOf(staticRun)}`
        return `The static pool survived this spike${but}; the adopted pool answered faster.`
      }
      if (adoptedFailed) {
        const degree = adoptedShare * FAR_LESS < staticRun.failedShare ? 'far less often' : 'less often'
        return `The spike exhausted the static pool ${database}. The adopted pool failed too, but ${degree}.`
      }
      return `The spike exhausted the static pool ${database}. The adopted pool rode it out.`
    case 'mixed':
      return `The spike exhausted the static pool ${database}. The adopted pool failed less often, but was slower.`
    case 'static-better':
      if (adoptedFailed) return 'The adopted pool failed more often than the static one in this run.'
      return staticRun.failed + adoptedRun.figures.failed === 0
        ? 'Neither pool failed, and the static one answered faster in this run.'
        : 'Hardly a request failed in either pool, and the static one answered faster in this run.'
    case 'alike':
      return staticFailed
        ? 'Both pools failed alike: adoption did not help in this run.'
        : 'This spike exhausted neither pool: there was nothing to win.'
  }
}

function staticSentence({ staticRun, poolMax, spikeAtMs }: VerdictEvidence): string {
  const name = `The static pool (max ${poolMax})`
  const p99 = `p99 ${formatMs(staticRun.latencyMsP99)}`
  if (staticRun.failed === 0) return `${name} served all of ${formatCount(staticRun.offered)} requests, ${p99}.`
  const first =
    staticRun.firstFailureAtMs === undefined
      ? ''
      : `, the first ${describeMoment(staticRun.firstFailureAtMs - spikeAtMs)}`
  return `${name} failed ${failedOf(staticRun)}${first}; those it served had ${p99}.`
}

function databaseSentence(staticRun: RunFigures): string {
  const { directQueryMsCalm, directQueryMsSpike } = staticRun
  const figures = `${formatMs(directQueryMsSpike)} in the spike, ${formatMs(directQueryMsCalm)} before it`
  const seen = `The same query on a connection past that pool took ${figures} (medians)`
  if (!isDatabaseHealthy(staticRun)) return `${seen}: the database, or this machine, was short of something too.`
  return staticRun.failed > 0 ? `${seen}: the database was not the reason.` : `${seen}: the database was healthy.`
}

function watchedSentence({ watchedRun, spikeAtMs }: VerdictEvidence): string {
  const { figures, firstWarning } = watchedRun
  const name = 'The same pool, watched only,'
  if (firstWarning === undefined) return `${name} gave no warning.`
  return `${name} warned ${describeWarning(firstWarning, spikeAtMs, figures.firstFailureAtMs)}.`
}

function adoptedSentence({ adoptedRun: { figures }, poolMax }: VerdictEvidence): string {
  const moved =
    figures.limitMax > poolMax
      ? `raised its limit from ${poolMax} to ${figures.limitMax} at most`
      : `did not raise its limit above ${poolMax}`
  const served =
    figures.failed === 0 ? `served all of ${formatCount(figures.offered)} requests` : `failed ${failedOf(figures)}`
  return `The adopted pool ${moved} and ${served}, p99 ${formatMs(figures.latencyMsP99)}.`
}

function adoptedWarningSentence({ adoptedRun, spikeAtMs }: VerdictEvidence): string {
  const { figures, firstWarning } = adoptedRun
  if (firstWarning !== undefined) {
    return `It warned ${describeWarning(firstWarning, spikeAtMs, figures.firstFailureAtMs)}.`
  }
  return figures.failed === 0 ? 'It gave no warning, and had no need to.' : 'It gave no warning.'
}

function describeWarning(
  { kind, atMs }: FirstWarning,
  spikeAtMs: number,
  firstFailureAtMs: number | undefined,
): string {
  const when = `(${kind}) ${describeMoment(atMs - spikeAtMs)}`
  return firstFailureAtMs === undefined ? when : `${when}, ${describeLead(firstFailureAtMs - atMs)} its first failure`
}

function caveats({ staticRun, adoptedRun: { figures } }: VerdictEvidence): string[] {
  const sentences: string[] = []
  if (!isDatabaseHealthy(figures)) {
    const slower = `${formatMs(figures.directQueryMsSpike)} instead of ${formatMs(figures.directQueryMsCalm)}`
    const seen = `In the spike of the adopted pool, the query past it took ${slower}`
    sentences.push(`${seen}: the server, or this machine, was at its limit.`)
  }
  const lateMs = Math.max(staticRun.generatorLateMsMax, figures.generatorLateMsMax)
  if (lateMs > GENERATOR_LATE_MS) {
    const late = `The load generator was late by up to ${formatMs(lateMs)}`
    sentences.push(`${late}: this machine was busy with other things, and the latencies above contain that.`)
  }
  return sentences
}

function failedOf({ failed, offered, failedShare }: RunFigures): string {
  return `${formatCount(failed)} of ${formatCount(offered)} requests (${formatShare(failedShare)})`
}

/** `sinceSpikeMs` after the start of the spike, in words; negative: before it. */
function describeMoment(sinceSpikeMs: number): string {
  return `${formatSeconds(Math.abs(sinceSpikeMs))} ${sinceSpikeMs < 0 ? 'before the spike' : 'into the spike'}`
}

/** '0.88 s before', as in "before its first failure". */
export function describeLead(leadMs: number): string {
  return `${formatSeconds(Math.abs(leadMs))} ${leadMs < 0 ? 'after' : 'before'}`
}

/** 12345 as '12,345'. */
export function formatCount(count: number): string {
  return Math.round(count).toLocaleString('en')
}

/** A ratio in percent: '51.9 %', but '0 %' only for none at all. */
export function formatShare(share: number): string {
  if (share === 0) return '0 %'
  return share < 0.0005 ? '< 0.1 %' : `${(share * 100).toFixed(1)} %`
}

/** Milliseconds with the digits that mean something. */
export function formatMs(ms: number): string {
  return ms < 10 ? `${ms.toFixed(1)} ms` : `${formatCount(ms)} ms`
}

/** Milliseconds as seconds: '0.42 s', '3.1 s'. */
export function formatSeconds(ms: number): string {
  return `${(ms / 1000).toFixed(Math.abs(ms) < 1000 ? 2 : 1)} s`
}
