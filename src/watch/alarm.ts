import { assert } from '../base/assert.ts'
import type { Holder } from '../pool/contract.ts'
import { adviceFor } from './advice.ts'
import { failedOf } from './burn.ts'
import { CONFIDENCE_MIN, fact, findCause, type View } from './cause.ts'
import type { Outlook } from './forecast.ts'
import {
  describeBurn,
  describeCeiling,
  describeControllerFailure,
  describeCreationTrouble,
  describeFlapping,
  describeKnot,
  describeLeak,
  describeOutlook,
  describeRefusal,
  describeSaturation,
  describeSlowness,
  describeStall,
  describeStorm,
} from './message.ts'
import type { WatchedKind } from './trouble.ts'
import type { Severity, Verdict, Warning } from './warning.ts'

/** What the words of a warning are made from. */
export interface AlarmInput {
  readonly poolName: string
  readonly view: View
  readonly holders: readonly Holder[]
  readonly outlook: Outlook | undefined
  readonly controllerError: unknown
}

/** Puts a warning into words and numbers. Costly: for one that is truly told. */
export function warningOf(kind: WatchedKind, input: AlarmInput): Warning {
  const { poolName, view, holders, outlook } = input
  const { counts } = view
  if (kind === 'controller-failed') {
    const message = describeControllerFailure(poolName, input.controllerError, counts.limit)
    const advice = ['Mend the controller, or go back to the built-in hybrid(); until then size the pool with resize().']
    return { kind, severity: 'warn', message, evidence: [fact('limit kept', counts.limit)], advice, counts }
  }
  const finding = findCause(view, view.isPaused && kind === 'slow-leases' ? kind : OWN_CAUSE[kind])
  const isStorm = kind === 'connect-storm' && finding.verdict === 'undersized' // what is closed again is no shortage
  const isDecided = finding.confidence >= CONFIDENCE_MIN && !isStorm
  const story = {
    kind,
    severity: severityOf(kind, view, outlook),
    evidence: finding.evidence,
    advice: isStorm ? STORM_ADVICE : adviceFor(finding.verdict, view),
    counts,
    holders,
    ...(isDecided && { cause: finding.verdict }),
    ...(isDecided && finding.others.length > 0 && { otherCauses: finding.others }),
  }
  if (kind !== 'exhaustion-forecast') return { ...story, message: DESCRIBE[kind](poolName, view) }
  assert(outlook !== undefined, 'a forecast is told while there is one')
  return foretell(story, outlook, input)
}

type Describe = (poolName: string, view: View) => string

const DESCRIBE: Readonly<Record<Exclude<WatchedKind, 'controller-failed' | 'exhaustion-forecast'>, Describe>> = {
  'backend-refusing': describeRefusal,
  'creation-failing': describeCreationTrouble,
  'backend-saturated': describeSaturation,
  'self-deadlock': describeKnot,
  'leak-suspected': describeLeak,
  'slow-leases': describeSlowness,
  'event-loop-stall': describeStall,
  'wait-slo-burn': describeBurn,
  'connect-storm': describeStorm,
  'limit-ceiling': describeCeiling,
  flapping: describeFlapping,
}

/** Of what a warning is itself about, there is no doubt; of the others, the evidence decides. */
const OWN_CAUSE: Partial<Record<WatchedKind, Verdict>> = {
  'leak-suspected': 'leak',
  'event-loop-stall': 'event-loop-stall',
  'self-deadlock': 'self-deadlock',
  'backend-saturated': 'backend-saturated',
}

const STORM_ADVICE = ['Find what closes them: an idle timeout, a proxy, or their holders.']

type Story = Omit<Warning, 'message'>

function foretell(story: Story, outlook: Outlook, { poolName, view }: AlarmInput): Warning {
  const { exhaustedInMs, confidence, failsInMs } = outlook
  const evidence = Number.isFinite(failsInMs)
    ? [...story.evidence, fact('first caller times out in', failsInMs, 'ms')]
    : story.evidence
  const message = describeOutlook(poolName, outlook, view, story.cause)
  return { ...story, message, evidence, forecast: { exhaustedInMs, confidence } }
}

/** Who fails within so many ms, fails before anybody could do much. */
const FAILS_SOON_MS = 10_000

/** What is at stake: callers who fail, or will soon, or stand in line. */
function severityOf(kind: WatchedKind, { sample, counts, isExhausted }: View, outlook: Outlook | undefined): Severity {
  const hasNone = counts.live === counts.creating && (kind === 'creation-failing' || kind === 'backend-refusing')
  const isNear = outlook !== undefined && outlook.failsInMs <= FAILS_SOON_MS
  const isFelt = kind === 'self-deadlock' || isExhausted || failedOf(sample) > 0
  return isFelt || isNear || hasNone ? 'critical' : 'warn'
}
