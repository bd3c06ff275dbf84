import type { Sample } from '../measure/sample.ts'
import type { Decision, PoolCounts } from '../pool/contract.ts'
import { type CreationSeen, isCreationTrouble, isRefusedLately } from './creation.ts'
import { timesNorm } from './norm.ts'
import { isSurge, isUnderPressure, type Signals } from './signals.ts'
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
  /** Callers have waited without a break for long. */
  readonly isExhausted: boolean
}

/** What the evidence speaks for. */
export interface Finding {
  readonly verdict: Verdict
  /** 0..1; below 0.5: not decided. */
  readonly confidence: number
  readonly evidence: readonly Evidence[]
}

/** Leases beyond this no longer take their usual time. */
const SLOW_TIMES_NORM = 1.6
/** That they are slow is seen; why is not, and one good probe of a controller does not settle it. */
const SLOW_CONFIDENCE = 0.45
/** A norm learned in this much calm, in ms, is half believed. */
const NORM_HALF_MS = 1_000
/** A stalled event loop makes everyone wait, whatever the pool does: what is seen then counts for half. */
const STALL_MS = 200

/** How it stands with the pool: nobody waits, or why they do. */
export function findState(view: View): Finding {
  const { sample } = view
  if (isAtRest(view)) return { verdict: 'idle', confidence: 0.95, evidence: [fact('limit', view.counts.limit)] }
  if (isRefused(view) || isInTrouble(view) || view.isExhausted || isUnderPressure(sample)) return findCause(view)
  const quiet = [...demand(view), fact('waiting time (p95)', sample.waitMsP95, 'ms')]
  const { counts, signals } = view
  if (sample.arrivals + counts.inUse + counts.waiters === 0)
    return { verdict: 'idle', confidence: 0.95, evidence: quiet }
  const confidence = signals.windows === 0 ? 0.3 : sample.utilization < 0.9 ? 0.95 : 0.7
  return { verdict: 'healthy', confidence, evidence: quiet }
}

/** Nothing is out, and the window that would have said so was not worth a timer. */
function isAtRest({ nowMs, sample, counts }: View): boolean {
  return nowMs - sample.atMs > sample.windowMs && counts.inUse + counts.waiters + counts.creating === 0
}

/**
 * Why callers wait, or are about to. Tried in the order of how directly the evidence speaks.
 *
 * Slow leases alone do not tell a slow backend from callers who keep what they have: that takes a test, by a controller
 * that moves the limit or by what two limits yielded. Without one, the verdict says no more than that leases are slow.
 */
export function findCause(view: View): Finding {
  const finding =
    findRefusal(view) ?? findCreationTrouble(view) ?? findSaturation(view) ?? findSlowness(view) ?? findShortage(view)
  if (view.sample.loopDelayMs < STALL_MS) return finding
  const stall = fact('event loop late by', view.sample.loopDelayMs, 'ms')
  return { ...finding, confidence: finding.confidence / 2, evidence: [...finding.evidence, stall] }
}

function isRefused({ creation, nowMs }: View): boolean {
  return isRefusedLately(creation, nowMs)
}

function isInTrouble({ creation, counts }: View): boolean {
  return isCreationTrouble(creation, counts.live - counts.creating, counts.waiters)
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

function findSaturation(view: View): Finding | undefined {
  const { comparison } = view.signals.throughput
  const isTested = view.decision.limitedBy === 'backend'
  const isFlat = comparison?.isFlat === true
  if (!isTested && !isFlat) return undefined
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

function findSlowness(view: View): Finding | undefined {
  const { leaseNorm, leaseMs, silentMs } = view.signals
  // While nothing ends, nothing is measured: the silence itself is the lease time.
  const seenMs = Math.max(leaseMs, silentMs)
  if (timesNorm(leaseNorm, seenMs) < SLOW_TIMES_NORM) return undefined
  const silence = silentMs > leaseMs ? [fact('no lease has ended for', silentMs, 'ms')] : []
  const evidence = [...silence, ...leaseTime(view), ...line(view)]
  return { verdict: 'slow-leases', confidence: SLOW_CONFIDENCE, evidence }
}

function findShortage(view: View): Finding {
  const { signals, decision } = view
  const evidence = [...demand(view), ...leaseTime(view), ...line(view)]
  const trust = signals.arrivalsNorm.calmMs / (signals.arrivalsNorm.calmMs + NORM_HALF_MS)
  if (isSurge(signals)) {
    return { verdict: 'surge', confidence: 0.95 * trust, evidence }
  }
  // Without a norm, nobody knows whether it is a surge; what is sure is that there is too little.
  const tested = decision.limitedBy === 'pool' ? 0.95 : 0.8
  return { verdict: 'undersized', confidence: tested * (0.6 + 0.4 * trust), evidence }
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
  const failed = sample.timedOut + sample.shed + sample.queueFull + sample.createRefused
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

/** Three digits that count are enough for what was measured; what was counted stays as it is. */
export function fact(what: string, value: number | string, unit?: Evidence['unit']): Evidence {
  const isMeasured = typeof value === 'number' && Number.isFinite(value) && !Number.isInteger(value)
  const rounded = isMeasured ? Number(value.toPrecision(3)) : value
  return unit === undefined ? { what, value: rounded } : { what, value: rounded, unit }
}
