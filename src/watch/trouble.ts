import type { Sample } from '../measure/sample.ts'
import type { Decision } from '../pool/contract.ts'
import { type CreationSeen, isCreationTrouble, wasRefused } from './creation.ts'
import type { EpisodeRule } from './episode.ts'
import type { Outlook } from './forecast.ts'
import { isUnderPressure, resourcesWanted, type Signals } from './signals.ts'
import type { WarningKind } from './warning.ts'

/** The kinds that are watched for so far. */
export type WatchedKind = Extract<
  WarningKind,
  | 'backend-refusing'
  | 'creation-failing'
  | 'backend-saturated'
  | 'exhaustion-forecast'
  | 'limit-ceiling'
  | 'controller-failed'
>

/** When each kind is told, and when it may be told again. In the order in which those of one window are told. */
export const EPISODE_RULES: Readonly<Record<WatchedKind, EpisodeRule>> = {
  // A refusal is a fact. The limit is cut for it, and tried again by and by: within half a minute it is one story.
  'backend-refusing': { opensAfterWindows: 1, opensAfterMs: 0, closesAfterMs: 30_000 },
  // It counts its failures itself. It is over when a create succeeds, and stays so for a while.
  'creation-failing': { opensAfterWindows: 1, opensAfterMs: 0, closesAfterMs: 2_000 },
  // The controller's test and ours are statistical; what holds for a quarter of a second is worth saying.
  'backend-saturated': { opensAfterWindows: 2, opensAfterMs: 250, closesAfterMs: 5_000 },
  // A forecast has no time to lose: its own statistics guard it.
  'exhaustion-forecast': { opensAfterWindows: 1, opensAfterMs: 0, closesAfterMs: 10_000 },
  // A controller may reach for more to probe, and arrivals come in bursts: half a second is neither.
  'limit-ceiling': { opensAfterWindows: 3, opensAfterMs: 500, closesAfterMs: 5_000 },
  // An exception is a fact. A controller that fails now and then is one story.
  'controller-failed': { opensAfterWindows: 1, opensAfterMs: 0, closesAfterMs: 10_000 },
}

/**
 * For a trend to count as an outlook. Noise brings forth a slope that lasts a second now and then; three seconds of a
 * horizon of thirty are not missed.
 */
export const TREND_RULE: EpisodeRule = { opensAfterWindows: 4, opensAfterMs: 3_000, closesAfterMs: 0 }

export const WATCHED_KINDS = Object.keys(EPISODE_RULES) as readonly WatchedKind[]

/** What one window tells. */
export interface TroubleInput {
  readonly sample: Sample
  readonly decision: Decision
  readonly signals: Signals
  readonly creation: CreationSeen
  /** When callers will wait without a break, if they will. */
  readonly outlook: Outlook | undefined
  readonly isExhausted: boolean
  /** The forecast has been told already. */
  readonly isForetold: boolean
}

/** Which of the troubles show in this window. */
export function troublesOf(input: TroubleInput): Readonly<Record<WatchedKind, boolean>> {
  const { sample, decision, signals, creation } = input
  const hasFailed = sample.timedOut + sample.shed + sample.queueFull > 0
  const isBackendFull = decision.limitedBy === 'backend' || signals.throughput.comparison?.isFlat === true
  return {
    'backend-refusing': wasRefused(creation, sample),
    'creation-failing': isCreationTrouble(creation, sample.live - sample.creating, sample.waiters),
    'backend-saturated': isBackendFull && isUnderPressure(sample),
    // What has come is not foretold any more; but a forecast that was right is not over before the episode is.
    'exhaustion-forecast': input.isExhausted ? input.isForetold : input.outlook !== undefined,
    'limit-ceiling':
      sample.limit >= sample.limitMax &&
      Math.max(decision.limit, resourcesWanted(signals)) > sample.limitMax &&
      !isBackendFull &&
      (sample.waiters > 0 || hasFailed),
    'controller-failed': decision.reason === CONTROLLER_FAILED,
  }
}

/** The control loop's own reason for a window in which the controller failed. */
export const CONTROLLER_FAILED = 'controller-failed'
