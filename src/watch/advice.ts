import type { CreateFailureClass } from '../pool/contract.ts'
import { isBackendFull, isRoomKnown, slowBy, type View } from './cause.ts'
import { limitNeeded } from './signals.ts'
import { stoodStill } from './stall.ts'
import type { Verdict } from './warning.ts'

/** What to do about a verdict, the most useful first. */
export function adviceFor(verdict: Verdict, view: View): readonly string[] {
  const advice = adviceOn(verdict, view)
  return view.isPaused ? [...advice, 'The pool is paused, until resume().'] : advice
}

const BLOCKED = [
  'Find what blocks the event loop: callers wait for it, not for resources (node --cpu-prof).',
  'Usual suspects: large JSON, synchronous crypto or file access, a regular expression that backtracks.',
]

const STANDSTILL = [
  'The process hardly computed meanwhile: look for a CPU limit that throttles it, and for what stops it (a frozen container, a debugger, a machine asleep).',
  'Or it waited within a synchronous call: execSync, readFileSync from a slow disk.',
]

function adviceOn(verdict: Verdict, view: View): readonly string[] {
  switch (verdict) {
    case 'surge':
      return [...raise(view), 'If the surge is not wanted, turn callers away before they reach the pool.']
    case 'undersized':
      return raise(view)
    case 'backend-saturated':
      return [
        isBackendFull(view)
          ? 'Do not raise limitMax: more resources out have not completed more work.'
          : 'Do not raise limitMax: all queries have become slower, so more of them at a time do not help.',
        'Look at the backend: slow queries, locks, CPU, disk. Take load off it, or give it more.',
        'Until then let the pool shed: fail the refused requests fast, and do not retry them at once.',
      ]
    case 'slow-leases':
      return slowLeases(view)
    case 'creation-failing':
      return [CREATION_ADVICE[view.creation.failure ?? 'unreachable'], 'The pool goes on trying, one create at a time.']
    case 'backend-refusing':
      return [
        CREATION_ADVICE.refusing,
        'Sum up limitMax over all instances of this service, and compare it with what the backend allows.',
      ]
    case 'leak':
      return [
        `End every lease in a finally block, with \`using\`, or by pool.use(): start with ${view.insight.overdue.leakedBy}.`,
        'Kept on purpose (sessions, LISTEN)? Raise watch.leaseAgeMs.',
        'Until that is deployed, watch.reclaimAfterMs takes them back; a larger limitMax only puts it off.',
      ]
    case 'self-deadlock':
      return [
        `Do not ask for a second lease while holding one: hand the first on${knotPlaces(view)}.`,
        'Until that is deployed, allow fewer requests at a time than half of limitMax, or raise limitMax above twice that.',
        'A short acquireTimeoutMs unties the knot by failing some of them.',
      ]
    case 'event-loop-stall':
      return [...(stoodStill(view.signals.stall.worst) ? STANDSTILL : BLOCKED), 'A larger pool will not help.']
    case 'healthy':
    case 'idle':
      return []
  }
}

function slowLeases(view: View): readonly string[] {
  const { runningText, heldBy } = view.insight.overdue
  const by = slowBy(view)
  if (by?.what === 'held') {
    return [
      `Look at ${by.longer?.what ?? heldBy}: it holds its leases without a query running. Move what it waits for (an HTTP call, a file, ` +
        'a second lease) out of the lease.',
      'A larger limitMax helps for the time being: the backend has nothing to do with it.',
    ]
  }
  const text = by?.longer?.what ?? runningText
  if (text !== undefined) {
    return [
      `Look at this query: ${text}. Did its plan change, or does it wait for a lock (pg_stat_activity; processlist, innodb_trx)?`,
      'End the transaction that blocks it, or take back the deploy that brought it.',
      'Set a statement timeout; more resources will not help.',
    ]
  }
  return [
    "Look at the backend's load. If it is idle, callers keep what they have: say, for an HTTP call or a second lease.",
    'If it is at work, look for its slow queries and locks; more resources will not help.',
    'Start with the holders that have the oldest leases.',
  ]
}

function knotPlaces({ insight }: View): string {
  const { heldAt, askedAt } = insight.knot
  return heldAt === undefined || askedAt === undefined ? '' : ` from ${heldAt} to ${askedAt}`
}

const CREATION_ADVICE: Readonly<Record<CreateFailureClass, string>> = {
  refusing: 'The backend has too many connections: lower limitMax or the number of instances, or raise its maximum.',
  denied: 'Credentials or the name of the database are wrong, or access was revoked: retrying will not help.',
  timeout: 'The backend does not answer in time: look at the network, and whether it is overloaded.',
  unreachable: 'The backend cannot be reached: is it up, and are its address, port and TLS certificate right?',
}

function raise(view: View): readonly string[] {
  const { ceiling, sample } = view
  const needed = limitNeeded(view.signals)
  if (!isRoomKnown(view)) {
    return [
      "Look at the backend's load first: how long leases take while nobody waits is not known yet. If it is at work, more resources will not help.",
      `If it is idle, raise limitMax, now ${ceiling}.`,
    ]
  }
  if (needed > ceiling) {
    return [
      `Raise limitMax, now ${ceiling}, to about ${needed}, if the backend allows so many: ` +
        'leases take no longer than usual, so it is not what holds callers up.',
    ]
  }
  if (sample.limit < ceiling) return ['The pool is growing by itself; if callers failed meanwhile, raise limitMin.']
  return [`The limit of ${ceiling} is about what demand needs: raise limitMax to gain headroom for bursts.`]
}
