import type { CreateFailureClass } from '../pool/contract.ts'
import type { View } from './cause.ts'
import { limitNeeded } from './signals.ts'
import type { Verdict } from './warning.ts'

/** What to do about a verdict, the most useful first. */
export function adviceFor(verdict: Verdict, view: View): readonly string[] {
  switch (verdict) {
    case 'surge':
      return [...raise(view), 'If the surge is not wanted, turn callers away before they reach the pool.']
    case 'undersized':
      return raise(view)
    case 'backend-saturated':
      return [
        'Do not raise limitMax: more resources out have not completed more work, they only slow each other down.',
        'Look at the backend: slow queries, locks, CPU, disk. Take load off it, or give it more to work with.',
        'Until then let the pool shed: fail the refused requests fast, and do not retry them at once.',
      ]
    case 'slow-leases':
      return [
        "Look at the backend's load. If it is idle, callers keep what they have: say, an HTTP call inside a lease.",
        'If it is at work, look for its slow queries and locks; more resources will not help then.',
        'Start with the holders that have the oldest leases.',
      ]
    case 'creation-failing':
      return [CREATION_ADVICE[view.creation.failure ?? 'unreachable'], 'The pool goes on trying, one create at a time.']
    case 'backend-refusing':
      return [
        CREATION_ADVICE.refusing,
        'Sum up limitMax over all instances of this service, and compare it with what the backend allows.',
      ]
    case 'leak':
    case 'self-deadlock':
      return ['See the holders: leases that are not ended keep everyone else waiting.']
    case 'event-loop-stall':
      return ['Find what blocks the event loop: callers wait for it, not for resources.']
    case 'healthy':
    case 'idle':
      return []
  }
}

const CREATION_ADVICE: Readonly<Record<CreateFailureClass, string>> = {
  refusing: 'The backend has too many connections: lower limitMax or the number of instances, or raise its maximum.',
  denied: 'Credentials or the name of the database are wrong, or access was revoked: retrying will not help.',
  timeout: 'The backend does not answer in time: look at the network, and whether it is overloaded.',
  unreachable: 'The backend cannot be reached: is it up, and are its address and port right?',
}

function raise(view: View): readonly string[] {
  const { ceiling, sample } = view
  const needed = limitNeeded(view.signals)
  if (needed > ceiling) {
    return [
      `Raise limitMax, now ${ceiling}, to about ${needed}, if the backend allows so many: ` +
        'leases take no longer than usual, so it is not what holds callers up.',
    ]
  }
  if (sample.limit < ceiling) return ['The pool is growing by itself; if callers failed meanwhile, raise limitMin.']
  return [`The limit of ${ceiling} is about what demand needs: raise limitMax to gain headroom for bursts.`]
}
