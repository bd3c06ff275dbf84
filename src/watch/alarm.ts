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
  const severity = severityOf(kind, view, outlook)
  const advice = adviceFor(finding.verdict, view)
  const isDecided = finding.confidence >= CONFIDENCE_MIN
  const story = {
    kind,
    severity,
    evidence: finding.evidence,
    advice,
    counts,
    ...(isDecided && { cause: finding.verdict }),
    ...(isDecided && finding.others.length > 0 && { otherCauses: finding.others }),
  }
  switch (kind) {
    case 'backend-refusing':
      return { ...story, message: describeRefusal(poolName, view) }
    case 'creation-failing':
      return { ...story, message: describeCreationTrouble(poolName, view) }
    case 'backend-saturated':
      return { ...story, message: describeSaturation(poolName, view), holders }
    case 'self-deadlock':
      return { ...story, message: describeKnot(poolName, view), holders }
    case 'leak-suspected':
      return { ...story, message: describeLeak(poolName, view), holders }
    case 'slow-leases':
      return { ...story, message: describeSlowness(poolName, view), holders }
    case 'event-loop-stall':
      return { ...story, message: describeStall(poolName, view) }
    case 'wait-slo-burn':
      return { ...story, message: describeBurn(poolName, view), holders }
    case 'connect-storm':
      return { ...story, message: describeStorm(poolName, view) }
    case 'flapping':
      return { ...story, message: describeFlapping(poolName, view) }
    case 'limit-ceiling':
      return { ...story, message: describeCeiling(poolName, view), holders }
    case 'exhaustion-forecast':
      assert(outlook !== undefined, 'a forecast is told while there is one')
      return foretell(story, outlook, input)
  }
}

/** Of what a warning is itself about, there is no doubt; of the others, the evidence decides. */
const OWN_CAUSE: Partial<Record<WatchedKind, Verdict>> = {
  'leak-suspected': 'leak',
  'event-loop-stall': 'event-loop-stall',
  'self-deadlock': 'self-deadlock',
  'backend-saturated': 'backend-saturated',
}

type Story = Omit<Warning, 'message'>

function foretell(story: Story, outlook: Outlook, { poolName, view, holders }: AlarmInput): Warning {
  const { exhaustedInMs, confidence, failsInMs } = outlook
  const evidence = Number.isFinite(failsInMs)
    ? [...story.evidence, fact('first caller times out in', failsInMs, 'ms')]
    : story.evidence
  const message = describeOutlook(poolName, outlook, view, story.cause)
  return { ...story, message, evidence, forecast: { exhaustedInMs, confidence }, holders }
}

function severityOf(kind: WatchedKind, { sample, counts }: View, outlook: Outlook | undefined): Severity {
  const hasFailed = failedOf(sample) > 0
  const hasNone = counts.live - counts.creating === 0
  switch (kind) {
    case 'exhaustion-forecast':
      return outlook?.basis === 'queue' ? 'critical' : 'warn'
    case 'creation-failing':
    case 'backend-refusing':
      return hasNone || hasFailed ? 'critical' : 'warn'
    case 'self-deadlock':
      return 'critical'
    case 'flapping':
    case 'connect-storm':
      return 'warn'
    default:
      return hasFailed ? 'critical' : 'warn'
  }
}
