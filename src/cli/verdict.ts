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
  /** One thing each: the static pool, the database, the adopted pool, its warnings, and what limits the statement. */
  readonly sentences: readonly string[]
}

/** The adopted pool's first word, and when. */
export interface FirstWarning {
  readonly kind: string
  /** From the start of its run, in ms. */
  readonly atMs: number
}

/** All that a verdict rests on. */
export interface VerdictEvidence {
  readonly staticRun: RunFigures
  readonly adoptedRun: RunFigures
  /** `max` of the static pool, and where the adopted one starts. */
  readonly poolMax: number
  /** From the start of a run, in ms. */
  readonly spikeAtMs: number
  readonly firstWarning?: FirstWarning
}

/** Shares of failures closer than this count as equal: half of a percent is what we promise to stay below. */
const FAILED_SHARE_TOLERANCE = 0.005
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
  const outcome = decideOutcome(evidence.staticRun, evidence.adoptedRun)
  return {
    outcome,
    headline: headlineFor(outcome, evidence),
    sentences: [
      staticSentence(evidence),
      databaseSentence(evidence.staticRun),
      adoptedSentence(evidence),
      warningSentence(evidence),
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
  const staticFailed = staticRun.failedShare > FAILED_SHARE_TOLERANCE
  const adoptedFailed = adoptedRun.failedShare > FAILED_SHARE_TOLERANCE
  const database = isDatabaseHealthy(staticRun) ? 'while the database was healthy' : 'and slowed the database down'
  switch (outcome) {
    case 'adopted-better':
      if (!staticFailed) return 'The static pool survived this spike; the adopted pool answered faster.'
      if (adoptedFailed) {
        return `The spike exhausted the static pool ${database}. The adopted pool failed too, but far less often.`
      }
      return `The spike exhausted the static pool ${database}. The adopted pool rode it out.`
    case 'mixed':
      return `The spike exhausted the static pool ${database}. The adopted pool failed less often, but was slower.`
    case 'static-better':
      return adoptedFailed
        ? 'The adopted pool failed more often than the static one in this run.'
        : 'Neither pool failed, and the static one answered faster in this run.'
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

function adoptedSentence({ adoptedRun, poolMax }: VerdictEvidence): string {
  const moved =
    adoptedRun.limitMax > poolMax
      ? `raised its limit from ${poolMax} to ${adoptedRun.limitMax} at most`
      : `did not raise its limit above ${poolMax}`
  const served =
    adoptedRun.failed === 0
      ? `served all of ${formatCount(adoptedRun.offered)} requests`
      : `failed ${failedOf(adoptedRun)}`
  return `The adopted pool ${moved} and ${served}, p99 ${formatMs(adoptedRun.latencyMsP99)}.`
}

function warningSentence({ staticRun, adoptedRun, firstWarning, spikeAtMs }: VerdictEvidence): string {
  if (firstWarning === undefined) return 'The adopted pool gave no warning.'
  const words = [`Its first warning (${firstWarning.kind}) came ${describeMoment(firstWarning.atMs - spikeAtMs)}`]
  if (staticRun.firstFailureAtMs !== undefined) {
    words.push(`${describeLead(staticRun.firstFailureAtMs - firstWarning.atMs)} the static pool's first failure`)
  }
  if (adoptedRun.firstFailureAtMs !== undefined) {
    words.push(`${describeLead(adoptedRun.firstFailureAtMs - firstWarning.atMs)} its own first failure`)
  }
  return `${words.join(', ')}.`
}

function caveats({ staticRun, adoptedRun }: VerdictEvidence): string[] {
  const lateMs = Math.max(staticRun.generatorLateMsMax, adoptedRun.generatorLateMsMax)
  if (lateMs <= GENERATOR_LATE_MS) return []
  const late = `The load generator was late by up to ${formatMs(lateMs)}`
  return [`${late}: this machine was busy with other things, and the latencies above contain that.`]
}

function failedOf({ failed, offered, failedShare }: RunFigures): string {
  return `${formatCount(failed)} of ${formatCount(offered)} requests (${formatShare(failedShare)})`
}

/** `sinceSpikeMs` after the start of the spike, in words; negative: before it. */
export function describeMoment(sinceSpikeMs: number): string {
  return `${formatSeconds(Math.abs(sinceSpikeMs))} ${sinceSpikeMs < 0 ? 'before the spike' : 'into the spike'}`
}

function describeLead(leadMs: number): string {
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
