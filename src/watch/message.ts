import { formatMs } from '../base/format-ms.ts'
import { isError, messageOf } from '../base/thrown.ts'
import { burnRate } from './burn.ts'
import { slowBy, type View } from './cause.ts'
import type { Outlook } from './forecast.ts'
import { timesNorm } from './norm.ts'
import { limitNeeded, seenLeaseMs } from './signals.ts'
import type { Verdict } from './warning.ts'

/** "Pool 'orders' will be exhausted in about 0.8 s: …" */
export function describeOutlook(poolName: string, outlook: Outlook, view: View, cause: Verdict | undefined): string {
  const seen = outlook.basis === 'queue' ? describeQueue(outlook, view) : describeTrend(outlook, view)
  const when =
    outlook.exhaustedInMs > 0 ? `will be exhausted in about ${formatMs(outlook.exhaustedInMs)}` : 'is exhausted'
  const likely = cause === undefined ? '' : ` Likely cause: ${cause}.`
  return `Pool '${poolName}' ${when}: ${seen}.${likely}`
}

function describeQueue({ failsInMs }: Outlook, { counts }: View): string {
  const queue = `${callers(counts.waiters)} for ${counts.inUse} resources in use, and the queue outgrows what is served`
  return Number.isFinite(failsInMs)
    ? `${queue}; callers time out in about ${formatMs(failsInMs)}, if they are not shed sooner`
    : queue
}

function describeTrend({ basis, trend }: Outlook, { signals, ceiling }: View): string {
  const { level, slopePerMs } = trend ?? signals.trend
  const wanted = `callers want ${level.toFixed(1)} of at most ${ceiling} resources at a time`
  return basis === 'season'
    ? `it was at this time before; now ${wanted}`
    : `${wanted}, and ${(slopePerMs * 1_000).toFixed(2)} more each second`
}

export function describeSaturation(poolName: string, { counts, signals }: View): string {
  const { comparison } = signals.throughput
  const shown =
    comparison?.isFlat !== true
      ? 'the controller has tested that more resources do not complete more work'
      : `with ${comparison.inUseTo.toFixed(0)} resources in use instead of ${comparison.inUseFrom.toFixed(0)}, ` +
        `${(comparison.completionsPerMsTo * 1_000).toFixed(0)} leases end each second ` +
        `instead of ${(comparison.completionsPerMsFrom * 1_000).toFixed(0)}`
  return (
    `The backend of pool '${poolName}' is saturated: ${shown}. ` +
    `A larger pool will not help; ${callers(counts.waiters)}.`
  )
}

export function describeCeiling(poolName: string, { sample, counts, decision, signals }: View): string {
  const wanted = Math.max(Math.ceil(decision.limit), limitNeeded(signals))
  return (
    `Pool '${poolName}' is at its limitMax of ${sample.limitMax}, and demand needs about ${wanted} resources: ` +
    `${callers(counts.waiters)}.`
  )
}

export function describeCreationTrouble(poolName: string, { creation, counts }: View): string {
  const left = counts.live - counts.creating
  const rest = left === 0 ? 'none is left' : `${left} are left`
  return (
    `Pool '${poolName}' cannot create resources: ${creation.failures} failed in a row ` +
    `(${creation.failure ?? 'unreachable'}: ${creation.message}), and ${rest}.`
  )
}

export function describeRefusal(poolName: string, { creation, counts }: View): string {
  return (
    `The backend of pool '${poolName}' refuses connections because it has too many (${creation.message}); ` +
    `this pool has ${counts.live - counts.creating} open.`
  )
}

export function describeKnot(poolName: string, { counts, insight }: View): string {
  const { heldAt = 'unknown', askedAt = 'unknown' } = insight.knot
  return (
    `Pool '${poolName}' is deadlocked by its own callers: of ${counts.inUse} leases out, those looked at are held by ` +
    `callers who wait for another one. Held at ${heldAt}, asked again at ${askedAt}; ${callers(counts.waiters)}.`
  )
}

export function describeLeak(poolName: string, { insight, counts }: View): string {
  const { kept, leakedBy, leakedSite, oldestMs } = insight.overdue
  const where = leakedSite === undefined ? '' : `, asked for at ${leakedSite}`
  return (
    `Pool '${poolName}' seems to leak: ${kept.size} of ${counts.inUse} leases have not come back for far longer than usual ` +
    `(the oldest is ${formatMs(oldestMs)} old, held by ${leakedBy}${where}).`
  )
}

export function describeSlowness(poolName: string, view: View): string {
  const { insight, signals, counts, nowMs } = view
  const { running, runningText, runningMs, held, heldBy, heldMs } = insight.overdue
  const times = timesNorm(signals.leaseNorm, seenLeaseMs(signals, view.sample.inUse))
  const seen = `Leases of pool '${poolName}' take ${times.toFixed(1)} times as long as usual`
  const by = slowBy(view)
  if (by?.longer !== undefined) {
    const { what, lateMs, usualMs, sinceMs } = by.longer
    const instead = `${formatMs(lateMs)} instead of ${formatMs(usualMs)}, for ${formatMs(nowMs - sinceMs)} now`
    return by.what === 'held'
      ? `${seen}: ${what} holds them without a query running, ${instead}.`
      : `${seen}: ${instead}, for this query: ${what}.`
  }
  if (by?.what === 'held') {
    return `${seen}: ${held} of ${counts.inUse} are held without a query running, the longest for ${formatMs(heldMs)} by ${heldBy}.`
  }
  if (runningText !== undefined) {
    return `${seen}: ${running} of ${counts.inUse} have a query running, the longest for ${formatMs(runningMs)}: ${runningText}.`
  }
  return `${seen}; ${callers(counts.waiters)}.`
}

export function describeStall(poolName: string, { signals, counts }: View): string {
  return (
    `The event loop was blocked for ${formatMs(signals.stall.worst.loopDelayMs)} or more: ` +
    `${callers(counts.waiters)} for pool '${poolName}', ${counts.idle} of whose resources are idle.`
  )
}

export function describeBurn(poolName: string, { signals }: View): string {
  const share = burnRate(signals.burn.fast)
  return (
    `Callers of pool '${poolName}' wait for too long: ${share.toFixed(0)} % of the last seconds' acquires took longer than ` +
    'waitSloMs or failed, where 1 % may.'
  )
}

export function describeStorm(poolName: string, { signals, counts }: View): string {
  const { created, grown } = signals.churn
  return (
    `Pool '${poolName}' opens resources over and over: about ${(created - grown).toFixed(0)} in ten seconds beyond what ` +
    `growth explains, with ${counts.live} live. Something closes them: the backend, a proxy, or their holders.`
  )
}

export function describeFlapping(poolName: string, { signals, counts }: View): string {
  return (
    `The limit of pool '${poolName}' goes up and down: about ${signals.churn.turns.toFixed(0)} turns in ten seconds, ` +
    `now ${counts.limit}.`
  )
}

export function describeControllerFailure(poolName: string, error: unknown, limit: number): string {
  const text = isError(error) ? `${error.name}: ${messageOf(error)}` : messageOf(error)
  return `The controller of pool '${poolName}' failed (${text}); the limit stays at ${limit} until it works again.`
}

function callers(count: number): string {
  return count === 1 ? '1 caller waits' : `${count || 'no'} callers wait`
}
