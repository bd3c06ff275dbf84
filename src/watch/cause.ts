import type { Sample } from '../measure/sample.ts'
import type { Decision, PoolCounts } from '../pool/contract.ts'
import { failedOf } from './burn.ts'
import { type CreationSeen, isCreationFailing, isCreationTrouble, isHistory, isRefusedLately } from './creation.ts'
import type { Insight } from './insight.ts'
import { isKnotted } from './knot.ts'
import { habitOf, timesNorm } from './norm.ts'
import { isGradual } from './overdue.ts'
import type { Slowdown } from './profile.ts'
import { normaliseQuery } from './query-text.ts'
import { isSurge, isUnderPressure, type Signals, seenLeaseMs } from './signals.ts'
import { isLate, isStalling } from './stall.ts'
import type { Evidence, Verdict } from './warning.ts'

/** All that is known at one moment. */
export interface View {
  readonly nowMs: number
  readonly counts: PoolCounts
  /** The last window. */
  readonly sample: Sample
  readonly decision: Decision
  /** The highest limit that the pool can reach by itself. */
  readonly ceiling: number
  readonly signals: Signals
  readonly creation: CreationSeen
  /** What a look at leases, waiters and their queries has shown. */
  readonly insight: Insight
  /** Callers have waited without a break for long. */
  readonly isExhausted: boolean
  /** By pause(). */
  readonly isPaused: boolean
  /** A deadlock has been told, and is not over for long. */
  readonly wasKnotted: boolean
}

/** What the evidence speaks for. */
export interface Finding {
  readonly verdict: Verdict
  /** 0..1; below 0.5: not decided. */
  readonly confidence: number
  readonly evidence: readonly Evidence[]
}

/** The likeliest, and what else is at work. */
export interface Findings extends Finding {
  readonly others: readonly Verdict[]
}

/** Leases beyond this no longer take their usual time. */
const SLOW_TIMES_NORM = 1.6
/** A norm learned in this much calm, in ms, is half believed. */
const NORM_HALF_MS = 1_000
/** Below it, the evidence decides for no cause. */
export const CONFIDENCE_MIN = 0.5

/** How it stands with the pool: nobody waits, or why they do. */
export function findState(view: View): Findings {
  const { sample } = view
  if (view.isPaused) return findCause(view)
  if (isAtRest(view) && !isInTrouble(view)) return alone('idle', 0.95, [fact('limit', view.counts.limit)])
  const isPressed = !isEmpty(view) && (view.isExhausted || isUnderPressure(sample) || isStanding(view))
  // Where a create has succeeded since, a refusal is still why callers wait, if they do: the limit was cut for it.
  const isRefusing = isRefused(view) && isCreationFailing(view.creation)
  if (isRefusing || isInTrouble(view) || isPressed || isStalling(view.signals.stall)) {
    const cause = findCause(view)
    if (cause.verdict !== 'undersized' || isShort(view)) return cause
  }
  if (view.insight.overdue.isLeaking) return findCause(view, 'leak')
  const quiet = [...demand(view), ...leaseTime(view), fact('waiting time (p95)', sample.waitMsP95, 'ms')]
  const { counts, signals } = view
  if (sample.arrivals + counts.inUse + counts.waiters === 0) return alone('idle', 0.95, quiet)
  const confidence = signals.windows === 0 ? 0.3 : sample.utilization < 0.9 && !isPressed ? 0.95 : 0.7
  return alone('healthy', confidence, quiet)
}

/** Callers wanted all that the limit allows, or failed: else they waited for what was being opened, or checked. */
function isShort({ sample, counts, isExhausted }: View): boolean {
  const wanted = Math.max(sample.inUseMax, sample.inUse + sample.waiters, counts.inUse + counts.waiters)
  return isExhausted || failedOf(sample) > 0 || wanted >= sample.limit
}

function alone(verdict: Verdict, confidence: number, evidence: readonly Evidence[]): Findings {
  return { verdict, confidence, evidence, others: [] }
}

/** Nothing is out, and nobody wants it to be: whatever callers felt in the last window is over. */
function isEmpty({ counts }: View): boolean {
  return counts.inUse + counts.waiters + counts.creating === 0
}

/** And the window that would have said so was not worth a timer. */
function isAtRest(view: View): boolean {
  return view.nowMs - view.sample.atMs > view.sample.windowMs && isEmpty(view)
}

/** All is out and somebody waits, whatever the last window saw: it may have ended before. */
function isStanding({ counts }: View): boolean {
  return counts.waiters > 0 && counts.idle === 0 && counts.inUse >= counts.limit
}

/** One lost lease of many is worth a warning, but is not why callers wait. */
function isLeaking({ insight, counts }: View): boolean {
  return insight.overdue.isLeaking && insight.overdue.leaked >= 0.2 * counts.limit
}

/**
 * Why callers wait, or are about to. All that the evidence speaks for, in the order of how directly it does: what is
 * certain comes before what is concluded.
 *
 * @param own what the reader is told anyway: of that there is no doubt, and it comes first
 */
export function findCause(view: View, own?: Verdict): Findings {
  const found = [
    findRefusal(view),
    findCreationTrouble(view),
    view.isPaused ? pause(view) : undefined,
    findKnot(view),
    isStalling(view.signals.stall) ? stalled(view) : undefined,
    findLeak(view),
    // Who waits for resume() is not under load; of what is told by itself, load is the cause all the same.
    ...findLoad(view).filter((finding) => !view.isPaused || finding?.verdict === own),
  ].filter((finding) => finding !== undefined)
  const decided = found.filter(({ confidence }) => confidence >= CONFIDENCE_MIN)
  const first = own === undefined ? (decided[0] ?? found[0] ?? findShortage(view)) : findOwn(own, found, view)
  const others = new Set(decided.map(({ verdict }) => verdict))
  others.delete(first.verdict)
  return { ...first, others: [...others] }
}

/** A lease or two that leak may be too few to make anybody wait. */
function findOwn(own: Verdict, found: readonly Finding[], view: View): Finding {
  const finding = found.find(({ verdict }) => verdict === own)
  return finding ?? { verdict: own, confidence: 0.8, evidence: own === 'leak' ? leakFacts(view) : line(view) }
}

function isRefused({ creation, nowMs }: View): boolean {
  return isRefusedLately(creation, nowMs)
}

/** At rest, no window ends that would make history of it. */
function isInTrouble({ creation, counts, nowMs }: View): boolean {
  return !isHistory(creation, nowMs) && isCreationTrouble(creation, counts.live - counts.creating)
}

function findRefusal(view: View): Finding | undefined {
  if (!isRefused(view)) return undefined
  const evidence = [fact('resources open', view.counts.live - view.counts.creating), ...creationFacts(view)]
  return { verdict: 'backend-refusing', confidence: 0.95, evidence }
}

function findCreationTrouble(view: View): Finding | undefined {
  if (!isInTrouble(view)) return undefined
  return { verdict: 'creation-failing', confidence: 0.95, evidence: [...creationFacts(view), ...line(view)] }
}

/** Nothing is lent, and whoever waits does so for no other reason. */
function pause(view: View): Finding {
  return { verdict: 'idle', confidence: 0.95, evidence: [fact('paused by hand', 'until resume()'), ...line(view)] }
}

/** Who holds a lease waits for another, all of them do, and nobody can go on; what is felt just after comes of it. */
function findKnot(view: View): Finding | undefined {
  const { counts, sample, insight } = view
  const { knot } = insight
  const isTied = counts.waiters > 0 && counts.inUse >= counts.limit && isKnotted(knot, counts.inUse)
  if (!isTied && !view.wasKnotted) return undefined
  const isAll = knot.known >= counts.inUse
  const confidence = isAll ? 0.95 : sample.completions === 0 ? 0.9 : 0.6
  const evidence = [
    fact('leases whose holder waits for another', knot.blocked),
    fact('leases whose holder is known', knot.known),
    ...known('held at', knot.heldAt),
    ...known('asked again at', knot.askedAt),
    ...known('last query', knot.heldText && normaliseQuery(knot.heldText)),
    ...line(view),
  ]
  return { verdict: 'self-deadlock', confidence, evidence }
}

/** The event loop is late, and it shows in what callers and leases wait for. */
function stalled(view: View): Finding {
  const { stall } = view.signals
  const evidence = [
    fact('event loop late by', stall.worst.loopDelayMs, 'ms'),
    fact('late in the last seconds', stall.lateMs, 'ms'),
    ...known('CPU time used meanwhile', stall.worst.cpuMs, 'ms'),
    fact('resources idle', view.counts.idle),
    ...line(view),
  ]
  return { verdict: 'event-loop-stall', confidence: 0.9, evidence }
}

/**
 * Leases that have become slower by less than arrivals have grown are a consequence of the surge, and come second;
 * unless it was tested that more of them would not help: then that comes first.
 */
function findLoad(view: View): readonly (Finding | undefined)[] {
  const slow = findSlownessOrSaturation(view)
  const surge = findSurge(view)
  const { leaseNorm, arrivalsNorm, arrivalsPerMs } = view.signals
  const leaseMs = seenLeaseMs(view.signals, view.sample.inUse)
  const isLoad = timesNorm(leaseNorm, leaseMs) <= timesNorm(arrivalsNorm, arrivalsPerMs)
  return isBackendFull(view) || !isLoad ? [slow, surge] : [surge, slow]
}

/** It was tested, or seen, that more leases out do not complete more work. */
export function isBackendFull({ decision, signals }: Pick<View, 'decision' | 'signals'>): boolean {
  return decision.limitedBy === 'backend' || signals.throughput.comparison?.isFlat === true
}

/** How long leases take while nobody waits has been seen, or that more of them complete more. */
export function isRoomKnown({ decision, signals }: View): boolean {
  const isTested = decision.limitedBy === 'pool' || signals.throughput.comparison?.isSteep === true
  return isTested || habitOf(signals.leaseNorm) === 1
}

/** Shares of what is out. */
const KEPT_SHARE_MIN = 0.3

/** Leases that do not come back, one after the other, while those that do come back take their usual time. */
function findLeak(view: View): Finding | undefined {
  const { counts, insight } = view
  const { kept } = insight.overdue
  const isMany = kept.size >= Math.max(2, KEPT_SHARE_MIN * counts.inUse)
  const isByAndBy = isForgetting(view)
  const isProven = isLeaking(view) || (isMany && (isByAndBy || insight.overdue.isLeaking))
  if (!isProven) return undefined
  return {
    verdict: 'leak',
    confidence: isByAndBy ? 0.85 : 0.6,
    evidence: [...leakFacts(view), ...leaseTime(view), ...line(view)],
  }
}

/** Leases are forgotten by and by, while what does come back comes as soon as ever. */
export function isForgetting({ insight, signals }: View): boolean {
  const { leaseMs, leaseNorm } = signals
  return isGradual(insight.overdue) && leaseMs > 0 && timesNorm(leaseNorm, leaseMs) < 2
}

function leakFacts({ insight }: View): Evidence[] {
  const { kept, leakedBy, leakedSite, oldestMs } = insight.overdue
  return [
    fact('leases that do not come back', kept.size),
    fact('oldest lease', oldestMs, 'ms'),
    fact('oldest held by', leakedBy),
    ...known('asked for at', leakedSite),
  ]
}

/**
 * Leases have become slow, or more of them have been shown not to complete more: the two are told apart by what was
 * tested, and by what the leases' time is spent on.
 *
 * | time is spent | |
 * |---|---|
 * | on a few blocks of an event loop that is late again and again | it: event-loop-stall, unless slow-leases is sure |
 * | held without a query running | the application keeps them: slow-leases |
 * | in some queries, others are as fast as ever | those queries, or their locks: slow-leases |
 * | in all queries | the backend as a whole: backend-saturated, unless more leases out complete nearly as many more |
 * | unknown | what was tested decides; without a test, slow-leases says what is seen |
 */
function findSlownessOrSaturation(view: View): Finding | undefined {
  const slow = findSlowness(view)
  const isSure = slow !== undefined && slow.confidence >= 0.8
  // A lease waits for each of its queries.
  const answerMs = view.insight.slow.query?.lateMs ?? seenLeaseMs(view.signals, inUseUnexplained(view))
  if (!isSure && isLate(view.signals.stall, answerMs)) return stalled(view)
  return isBackendFull(view) && !isSure && !isExplained(view) ? findSaturation(view) : slow
}

/** The backend is full, and nobody's leases in particular are why. */
export function isBackendToBlame(view: View): boolean {
  return isBackendFull(view) && findSlownessOrSaturation(view)?.verdict === 'backend-saturated'
}

function findSaturation(view: View): Finding {
  const { comparison } = view.signals.throughput
  const isTested = view.decision.limitedBy === 'backend'
  const isFlat = comparison?.isFlat === true
  const evidence: Evidence[] = []
  if (isFlat) {
    evidence.push(
      fact('leases out before', comparison.inUseFrom),
      fact('leases out after', comparison.inUseTo),
      fact('completions before', comparison.completionsPerMsFrom * 1_000, 'per s'),
      fact('completions after', comparison.completionsPerMsTo * 1_000, 'per s'),
    )
  }
  if (isTested) evidence.push(fact('tested by the controller', view.decision.reason))
  const confidence = isTested && isFlat ? 0.95 : isTested ? 0.9 : 0.8
  return { verdict: 'backend-saturated', confidence, evidence: [...evidence, ...leaseTime(view), ...line(view)] }
}

/** Leases out of which it says something that none ends: all, or none. */
export function inUseUnexplained(view: View): number {
  return isExplained(view) ? 0 : view.sample.inUse
}

/** What is out was forgotten, or its holders wait for each other: that nothing ends says nothing of leases. */
function isExplained({ insight, counts: { inUse } }: View): boolean {
  const { kept, isLeaking } = insight.overdue
  const isForgotten = kept.size > inUse / 2 && (isLeaking || isGradual(insight.overdue))
  return isForgotten || isKnotted(insight.knot, inUse)
}

function findSlowness(view: View): Finding | undefined {
  const { leaseNorm, leaseMs, silentMs } = view.signals
  const { slow, overdue } = view.insight
  const seenMs = seenLeaseMs(view.signals, inUseUnexplained(view))
  const isSlow = timesNorm(leaseNorm, seenMs) >= SLOW_TIMES_NORM
  const by = slowBy(view)
  if (!isSlow && by === undefined) return undefined
  const silence = silentMs > leaseMs ? [fact('no lease has ended for', silentMs, 'ms')] : []
  const common = [...silence, ...leaseTime(view), ...line(view)]
  const tell = (verdict: Verdict, confidence: number, seen: readonly Evidence[] = []): Finding => {
    return { verdict, confidence, evidence: [...seen, ...common] }
  }
  if (isStuck(view)) {
    const seen = [
      fact('leases whose query does not end', overdue.running),
      fact('longest runs for', overdue.runningMs, 'ms'),
      ...known('it asks', overdue.runningText),
    ]
    return tell('slow-leases', slow.steadyShare > 0 ? 0.85 : 0.7, seen)
  }
  if (by?.what === 'held') {
    if (by.longer !== undefined) return tell('slow-leases', 0.9, slowdown(view, 'held', by.longer))
    const seen = [
      fact('leases held without a query', overdue.held),
      fact('longest held for', overdue.heldMs, 'ms'),
      fact('longest held by', overdue.heldBy),
    ]
    return tell('slow-leases', 0.85, seen)
  }
  if (by?.longer !== undefined) {
    const seen = slowdown(view, by.what, by.longer)
    if (slow.steadyShare >= 0.25) return tell('slow-leases', 0.85, seen)
    if (view.signals.throughput.comparison?.isSteep) return tell('slow-leases', 0.8, seen)
    return tell('backend-saturated', 0.7, [fact('queries that are slower', 'all'), ...seen])
  }
  if (!isSlow) return undefined
  return tell('slow-leases', view.decision.limitedBy === 'pool' ? 0.8 : 0.5)
}

/** What takes the time of slow leases, and the code or query whose ended leases show it, if they do. */
interface SlowBy {
  readonly what: 'held' | 'query'
  readonly longer?: Slowdown | undefined
}

/** The most certain first: verdict, message and advice tell of the same. Undefined: nobody knows. */
export function slowBy(view: View): SlowBy | undefined {
  const { held, query } = view.insight.slow
  if (isStuck(view)) return { what: 'query' }
  if (held !== undefined || isHeld(view)) return { what: 'held', longer: held }
  return query === undefined ? undefined : { what: 'query', longer: query }
}

/** Queries that do not end are on a good part of what is out. */
export function isStuck({ insight, counts }: View): boolean {
  return insight.overdue.running >= Math.max(2, KEPT_SHARE_MIN * counts.inUse)
}

/** A good part of what is out is held without a query running: it is not the backend that is full. */
function isHeld(view: View): boolean {
  return view.insight.overdue.held >= Math.max(2, KEPT_SHARE_MIN * view.counts.inUse) && !isExplained(view)
}

function slowdown({ nowMs }: View, kind: 'held' | 'query', { what, lateMs, usualMs, sinceMs }: Slowdown): Evidence[] {
  const isHeld = kind === 'held'
  return [
    fact(isHeld ? 'held without a query by' : 'slow query', what),
    fact(isHeld ? 'held without a query for' : 'it takes', lateMs, 'ms'),
    fact(isHeld ? 'usually held for' : 'it usually takes', usualMs, 'ms'),
    fact('since', nowMs - sinceMs, 'ms'),
  ]
}

function findSurge(view: View): Finding | undefined {
  if (!isSurge(view.signals)) return undefined
  return { verdict: 'surge', confidence: 0.95 * trust(view), evidence: shortage(view) }
}

function trust({ signals }: View): number {
  return signals.arrivalsNorm.calmMs / (signals.arrivalsNorm.calmMs + NORM_HALF_MS)
}

function shortage(view: View): Evidence[] {
  return [...demand(view), ...leaseTime(view), ...line(view)]
}

function findShortage(view: View): Finding {
  // Without a norm, nobody knows whether it is a surge; what is sure is that there is too little.
  const tested = view.decision.limitedBy === 'pool' ? 0.95 : 0.8
  return { verdict: 'undersized', confidence: tested * (0.65 + 0.35 * trust(view)), evidence: shortage(view) }
}

function demand({ sample, counts, signals, ceiling }: View): Evidence[] {
  const times = timesNorm(signals.arrivalsNorm, signals.arrivalsPerMs)
  return [
    fact('arrivals', signals.arrivalsPerMs * 1_000, 'per s'),
    ...(times === 1 ? [] : [fact('arrivals compared', times, '× the norm')]),
    fact('utilization', sample.utilization * 100, '%'),
    fact('limit', counts.limit),
    fact('limit within reach', ceiling),
  ]
}

function leaseTime({ signals }: View): Evidence[] {
  if (signals.leaseMs === 0) return []
  const times = timesNorm(signals.leaseNorm, signals.leaseMs)
  return [fact('lease time', signals.leaseMs, 'ms'), fact('lease time compared', times, '× the norm')]
}

function line({ sample, counts }: View): Evidence[] {
  const failed = failedOf(sample)
  return [
    fact('callers waiting', counts.waiters),
    fact('oldest wait', sample.oldestWaitMs, 'ms'),
    fact('leases out', counts.inUse),
    ...(failed > 0 ? [fact('callers failed in the last window', failed)] : []),
  ]
}

function creationFacts({ creation, nowMs }: View): Evidence[] {
  return [
    fact('creates failed in a row', creation.failures),
    ...(creation.message === '' ? [] : [fact('last failure', creation.message)]),
    fact('last failure ago', nowMs - creation.failedAtMs, 'ms'),
  ]
}

function known(what: string, value: number | string | undefined, unit?: Evidence['unit']): readonly Evidence[] {
  return value === undefined || value === '' ? [] : [fact(what, value, unit)]
}

/** Three digits that count are enough for what was measured; what was counted stays as it is. */
export function fact(what: string, value: number | string, unit?: Evidence['unit']): Evidence {
  const isMeasured = typeof value === 'number' && Number.isFinite(value) && !Number.isInteger(value)
  const rounded = isMeasured ? Number(value.toPrecision(3)) : value
  return unit === undefined ? { what, value: rounded } : { what, value: rounded, unit }
}
