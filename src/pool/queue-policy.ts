import { atOnce } from '../base/at-once.ts'
import { type OptionsReader, readOptions, requireNone, show } from '../base/options.ts'

/** Who is served next, and who is refused instead. */
export interface QueuePolicy {
  readonly name: string
  /** A decider for one pool; it keeps what it remembers, and reads no clock. */
  start(pool: { readonly acquireTimeoutMs: number }): QueueDecider
}

/** Asked each time a resource is ready for a waiter. */
export interface QueueDecider {
  /** Whom to serve: `waitingMs`, how long somebody has been waiting without a break. */
  order(waitingMs: number): 'oldest' | 'newest'
  /**
   * Serve the chosen waiter, who has waited `waitMs`, or refuse it? `waiters`: all who wait, it included;
   * `newestWaitMs`: for how long who came last has, of those of its priority; `timeoutMs`: the chosen one's patience.
   */
  admit(waitMs: number, nowMs: number, waiters: number, newestWaitMs: number, timeoutMs?: number): 'grant' | 'shed'
  /** Nobody waits any more. */
  emptied(): void
  /** More resources are open than have been since somebody waits: help has come, and more may be on its way. */
  grown?(nowMs: number): void
}

/** Policies of this file: they are pure arithmetic, and need no guard. */
const OURS = new WeakSet<QueuePolicy>()

function ours(policy: QueuePolicy): QueuePolicy {
  OURS.add(policy)
  return policy
}

/**
 * A pool's decider. One of the user's own may throw, or answer what is no answer, in the middle of somebody's release:
 * then the oldest is served, as if there were no policy.
 *
 * @param failed told once, until that question has been answered again
 * @throws TypeError when `start` answers no decider
 */
export function startQueue(
  policy: QueuePolicy,
  pool: { readonly acquireTimeoutMs: number },
  failed: (error: unknown) => void,
): QueueDecider {
  const decider = policy.start(pool)
  const isDecider = METHODS.every((method) => typeof decider?.[method] === 'function')
  if (!isDecider) {
    throw new TypeError(`queue: ${policy.name}.start must answer { order, admit, emptied }, got ${show(decider)}`)
  }
  if (OURS.has(policy)) return decider
  const failing = new Set<string>()
  const ask = <A>(method: keyof QueueDecider, answers: readonly A[], otherwise: A, question: () => A): A => {
    try {
      const answer = atOnce(method, question())
      if (answers !== ANY && !answers.includes(answer)) {
        throw new TypeError(`queue: ${policy.name}.${method} answered ${show(answer)}`)
      }
      failing.delete(method)
      return answer
    } catch (error) {
      if (!failing.has(method)) failed(error)
      failing.add(method)
      return otherwise
    }
  }
  return {
    order: (waitingMs) => ask('order', ORDERS, 'oldest', () => decider.order(waitingMs)),
    admit: (...seen) => ask('admit', ADMISSIONS, 'grant', () => decider.admit(...seen)),
    emptied: () => ask('emptied', ANY, undefined, () => decider.emptied()),
    grown: (nowMs) => ask('grown', ANY, undefined, () => decider.grown?.(nowMs)),
  }
}

const METHODS = ['order', 'admit', 'emptied'] as const
const ORDERS = ['oldest', 'newest'] as const
const ADMISSIONS = ['grant', 'shed'] as const
const ANY = [] as const

/**
 * In order of arrival, and nobody is shed.
 *
 * @throws TypeError for any argument: it has no options
 */
export function fifo(...given: readonly []): QueuePolicy {
  requireNone('fifo', given)
  const decider: QueueDecider = { order: () => 'oldest', admit: () => 'grant', emptied: () => {} }
  return ours({ name: 'fifo', start: () => decider })
}

export interface CodelOptions {
  /**
   * The wait that is still fine, in ms, > 0. While even the shortest wait of an interval exceeds it, waiters older
   * than twice this are shed. @defaultValue acquireTimeoutMs / 20
   */
  readonly targetMs?: number
  /** How long waits must stay above before anyone is shed, in ms, > 0. @defaultValue acquireTimeoutMs / 2 */
  readonly intervalMs?: number
}

/**
 * Controlled delay: in order of arrival, but under standing overload those who have waited long already are refused
 * at once, since they would be served too late, and late service of the old makes everyone late. Nobody is refused
 * for nobody's sake: where all have come at once, none is younger, and a queue that becomes shorter, as that of a
 * burst, is let through, though it may take more than an interval.
 *
 * What is late depends on the caller's patience, so the defaults are shares of acquireTimeoutMs: 50 and 500 ms for
 * one second, and no shedding at all without a timeout; who has brought more patience than that is late later by as
 * much, and never if he has no timeout. A batch of a thousand acquires under a generous timeout is no
 * overload. Nor is a queue in front of a pool that is growing: it is judged once an interval has passed since the
 * latest resource was added to the most there had been, for what waits longer than the target until then is what those
 * resources are opened for.
 *
 * @throws TypeError | RangeError for wrong options
 * @source RFC 8289; the form with one fixed expiry of 2 × target is that of facebook/folly, executors/Codel
 */
export function codel(options: CodelOptions = {}): QueuePolicy {
  const read = readOptions<CodelOptions>('codel', options, {}, ['targetMs', 'intervalMs'])
  const given = { targetMs: optionalDuration(read, 'targetMs'), intervalMs: optionalDuration(read, 'intervalMs') }
  return ours({
    name: 'codel',
    start({ acquireTimeoutMs }) {
      const { targetMs = acquireTimeoutMs / 20, intervalMs = acquireTimeoutMs / 2 } = given
      const standing = standingQueue(targetMs, intervalMs)
      return {
        order: () => 'oldest',
        admit(waitMs, nowMs, waiters, newestWaitMs = 0, timeoutMs = acquireTimeoutMs) {
          const patience = timeoutMs > acquireTimeoutMs ? timeoutMs / acquireTimeoutMs : 1
          const isLate = standing.seen(waitMs, nowMs, waiters) && waitMs > 2 * targetMs * patience
          return isLate && newestWaitMs <= 2 * targetMs ? 'shed' : 'grant'
        },
        emptied: standing.emptied,
        grown: standing.restart,
      }
    },
  })
}

export interface AdaptiveLifoOptions {
  /**
   * How long the queue must not have been empty before the newest come first, in ms, > 0.
   * @defaultValue acquireTimeoutMs / 2
   */
  readonly intervalMs?: number
}

/**
 * In order of arrival while waits are short; newest first once the queue has not been empty for an interval. The
 * newest can still be served in time, the oldest are lost anyway and leave by their own deadline. Unfair on purpose.
 *
 * @throws TypeError | RangeError for wrong options
 * @source Maurer 2015, "Fail at Scale", ACM Queue 13(8): adaptive LIFO
 */
export function adaptiveLifo(options: AdaptiveLifoOptions = {}): QueuePolicy {
  const read = readOptions<AdaptiveLifoOptions>('adaptiveLifo', options, {}, ['intervalMs'])
  const given = optionalDuration(read, 'intervalMs')
  return ours({
    name: 'adaptive-lifo',
    start({ acquireTimeoutMs }) {
      const intervalMs = given ?? acquireTimeoutMs / 2
      return {
        order: (waitingMs) => (waitingMs > intervalMs ? 'newest' : 'oldest'),
        admit: () => 'grant',
        emptied: () => {},
      }
    },
  })
}

/** Reads the option `queue`: the word 'fifo', or a policy. */
export function readQueuePolicy(owner: string, given: unknown): QueuePolicy {
  if (given === 'fifo') return fifo()
  const { name, start } = (given ?? {}) as Partial<QueuePolicy>
  if (typeof name === 'string' && typeof start === 'function') return given as QueuePolicy
  const allowed = "'fifo', codel(…), adaptiveLifo(…) or a policy { name, start }"
  throw new TypeError(`${owner}: queue must be ${allowed}, got ${show(given)}`)
}

/** A queue that has fallen to less than this share of its length in an interval drains. */
const DRAINING_RATIO = 0.75

/**
 * Does a queue stand? The shortest wait of each interval tells: one short wait in it, and the queue is only a burst.
 * Nor does a queue stand that drains: everybody in it will be served, though waits still rise where all came at once.
 * What falls since others were shed is no such queue.
 * @source folly executors/Codel: judged at the first waiter after an interval's end
 */
function standingQueue(targetMs: number, intervalMs: number) {
  let minMs = 0
  let waitersFirst = 0
  let intervalEndsAtMs = Number.NEGATIVE_INFINITY
  let isStanding = false
  const emptied = (): void => {
    minMs = 0
    isStanding = false
  }
  return {
    seen(waitMs: number, nowMs: number, waiters: number): boolean {
      if (nowMs >= intervalEndsAtMs) {
        const isDraining = !isStanding && waiters < DRAINING_RATIO * waitersFirst
        isStanding = minMs > targetMs && !isDraining
        minMs = waitMs
        waitersFirst = waiters
        intervalEndsAtMs = nowMs + intervalMs
      } else if (waitMs < minMs) minMs = waitMs
      return isStanding
    },
    emptied,
    /** With whoever is next begins an interval of which nothing is known. */
    restart(): void {
      emptied()
      intervalEndsAtMs = Number.NEGATIVE_INFINITY
    },
  }
}

function optionalDuration<G extends object>(read: OptionsReader<G>, key: keyof G & string): number | undefined {
  return read.has(key) ? read.durationMs(key, { min: Number.MIN_VALUE }) : undefined
}
