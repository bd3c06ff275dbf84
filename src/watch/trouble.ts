import { failedOf, isBurning } from './burn.ts'
import { inUseUnexplained, isBackendFull, isBackendToBlame, isForgetting, isStuck, type View } from './cause.ts'
import { isFlapping, isStorm } from './churn.ts'
import { isCreationTrouble, wasRefused } from './creation.ts'
import type { EpisodeRule } from './episode.ts'
import type { Outlook } from './forecast.ts'
import { isKnotted } from './knot.ts'
import { isSlow, isSlowed, isUnderPressure, resourcesWanted } from './signals.ts'
import { isStalling } from './stall.ts'
import type { WarningKind } from './warning.ts'

/** The kinds that are watched for. */
export type WatchedKind = Extract<
  WarningKind,
  | 'backend-refusing'
  | 'creation-failing'
  | 'backend-saturated'
  | 'exhaustion-forecast'
  | 'limit-ceiling'
  | 'controller-failed'
  | 'wait-slo-burn'
  | 'slow-leases'
  | 'leak-suspected'
  | 'self-deadlock'
  | 'connect-storm'
  | 'event-loop-stall'
  | 'flapping'
>

/** When each kind is told, and when it may be told again. In the order in which those of one window are told. */
export const EPISODE_RULES: Readonly<Record<WatchedKind, EpisodeRule>> = {
  // A refusal is a fact. The limit is cut for it, and tried again by and by: within half a minute it is one story.
  'backend-refusing': { opensAfterWindows: 1, opensAfterMs: 0, closesAfterMs: 30_000 },
  // It counts its failures itself. It is over when a create succeeds, and stays so for a while.
  'creation-failing': { opensAfterWindows: 1, opensAfterMs: 0, closesAfterMs: 2_000 },
  // Whoever holds waits: that is seen in the leases themselves, and will not pass.
  'self-deadlock': { opensAfterWindows: 1, opensAfterMs: 0, closesAfterMs: 5_000 },
  // Its lateness is summed over seconds already.
  'event-loop-stall': { opensAfterWindows: 1, opensAfterMs: 0, closesAfterMs: 10_000 },
  // A lease that has not ended for so long will not end in the next second either.
  'leak-suspected': { opensAfterWindows: 1, opensAfterMs: 0, closesAfterMs: 5_000 },
  // The controller's test and ours are statistical; what holds for a quarter of a second is worth saying.
  'backend-saturated': { opensAfterWindows: 2, opensAfterMs: 250, closesAfterMs: 5_000 },
  // A forecast has no time to lose: its own statistics guard it. Demand that hovers about the limit is one story.
  'exhaustion-forecast': { opensAfterWindows: 1, opensAfterMs: 0, closesAfterMs: 120_000 },
  // Means of few leases waver; what is slow for a second is slow.
  'slow-leases': { opensAfterWindows: 4, opensAfterMs: 1_000, closesAfterMs: 10_000 },
  // The budget is counted over seconds already.
  'wait-slo-burn': { opensAfterWindows: 2, opensAfterMs: 500, closesAfterMs: 10_000 },
  // Both are counted over many seconds.
  'connect-storm': { opensAfterWindows: 1, opensAfterMs: 0, closesAfterMs: 20_000 },
  flapping: { opensAfterWindows: 1, opensAfterMs: 0, closesAfterMs: 15_000 },
  // A controller may reach for more to probe, and arrivals come in bursts: three seconds are neither.
  'limit-ceiling': { opensAfterWindows: 3, opensAfterMs: 3_000, closesAfterMs: 5_000 },
  // An exception is a fact. A controller that fails now and then is one story.
  'controller-failed': { opensAfterWindows: 1, opensAfterMs: 0, closesAfterMs: 10_000 },
}

/**
 * For a trend to count as an outlook. Noise brings forth a slope that lasts a second now and then; three seconds of a
 * horizon of thirty are not missed.
 */
export const TREND_RULE: EpisodeRule = { opensAfterWindows: 4, opensAfterMs: 3_000, closesAfterMs: 0 }

export const WATCHED_KINDS = Object.keys(EPISODE_RULES) as readonly WatchedKind[]

/** What has been told, and of the time to come. */
export interface Foresight {
  /** When callers will wait without a break, if they will. */
  readonly outlook: Outlook | undefined
  /** The forecast has been told already. */
  readonly isForetold: boolean
  /** Leases out are near what makes callers wait. Looked at only once the forecast has been told. */
  readonly isCrowded: boolean
  /** So has it been that callers wait for too long. */
  readonly isBurnTold: boolean
}

/** Which of the troubles show in a window that has just ended. */
export function troublesOf(view: View, foresight: Foresight): Readonly<Record<WatchedKind, boolean>> {
  const { sample, decision, signals, creation, insight, isExhausted } = view
  const { outlook, isForetold, isCrowded, isBurnTold } = foresight
  const isFull = isUnderPressure(sample) && isBackendToBlame(view)
  const isDeadlocked = isStandingStill(view) && isKnotted(insight.knot, sample.inUse)
  return {
    'backend-refusing': wasRefused(creation, sample),
    'creation-failing': isCreationTrouble(creation, sample.live - sample.creating),
    'backend-saturated': isFull,
    // Once told, it is not over before the shortage is, nor while the next one is a matter of chance.
    'exhaustion-forecast': outlook !== undefined || (isForetold && (isExhausted || isCrowded)),
    'limit-ceiling':
      !view.isPaused &&
      sample.limit >= sample.limitMax &&
      isMoreWanted(view) &&
      !isBackendFull(view) &&
      (sample.waiters > 0 || failedOf(sample) > 0),
    'self-deadlock': isDeadlocked,
    'event-loop-stall': isStalling(signals.stall),
    'leak-suspected': !isDeadlocked && (insight.overdue.isLeaking || isLeakingByAndBy(view)),
    'slow-leases': isSlowAndFelt(view) && !isFull && !isStalling(signals.stall),
    // Where callers stand in line, that has been told, or will be in a moment.
    'wait-slo-burn': isBurning(signals.burn, isBurnTold) && !isForetold && !isExhausted,
    'connect-storm': isStorm(signals.churn),
    flapping: isFlapping(signals.churn),
    'controller-failed': decision.reason === CONTROLLER_FAILED,
  }
}

/** So many deviations of chance above what one window has seen, demand may be. */
const DEVIATIONS_MAX = 3

/**
 * More than limitMax, by those who ask or by the controller, and still so in the last window. Not while leases are
 * slow: every controller then wants more, and those who ask are many for asking again.
 */
function isMoreWanted(view: View): boolean {
  const { sample, signals, decision } = view
  const { arrivals, windowMs, limitMax } = sample
  const { leaseNorm, leaseMs } = signals
  if (areSlow(view) || isStuck(view)) return false
  const wantedMax =
    ((arrivals + DEVIATIONS_MAX * Math.sqrt(arrivals + 1)) / windowMs) * Math.max(leaseNorm.value, leaseMs)
  return Math.min(wantedMax, Math.max(decision.limit, resourcesWanted(signals))) > limitMax
}

/** Everything is out, nothing comes back, somebody waits, and the pool cannot or will not grow. */
function isStandingStill({ sample, decision, ceiling }: View): boolean {
  const { waiters, completions, creating, inUse, limit } = sample
  if (waiters === 0 || completions > 0 || creating > 0 || inUse < limit) return false
  return limit >= ceiling || Math.round(decision.limit) <= limit
}

/** Of the limit. */
const KEPT_SHARE = 0.3

function isLeakingByAndBy(view: View): boolean {
  const { sample, insight } = view
  const isMany = insight.overdue.kept.size >= Math.max(3, KEPT_SHARE * sample.limit)
  return sample.completions > 0 && isMany && isForgetting(view)
}

/** The share of the ceiling that slow leases fill, from which on they matter. */
const FELT_SHARE = 0.5

/**
 * Slow leases matter to a pool that they begin to fill. While there is room for all, that most of them are slow does: a
 * batch job's few beside the others' do not; and many of them do not either, if each holder's take as long as ever.
 */
function isSlowAndFelt(view: View): boolean {
  const { sample, signals, ceiling } = view
  if (isUnderPressure(sample)) return areSlow(view) || isStuck(view)
  if (isSlowed(signals) && view.insight.slow.slowShare > 0.5) return true
  return areSlow(view) && sample.leaseMsP50 > signals.leaseNorm.value && sample.offeredMean > FELT_SHARE * ceiling
}

function areSlow(view: View): boolean {
  return isSlow(view.signals, inUseUnexplained(view))
}

/** The control loop's own reason for a window in which the controller failed. */
const CONTROLLER_FAILED = 'controller-failed'
