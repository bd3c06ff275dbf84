import type { CreateFailureClass } from './contract.ts'

/** How creation is tried again after it has failed. */
export interface CreateBackoff {
  /** Pause after the first failure, in ms, >= 1. @defaultValue 100, or maxMs if less */
  readonly initialMs: number
  /** Longest pause, in ms, >= initialMs; Infinity: they grow on. @defaultValue 1_000, or initialMs if more */
  readonly maxMs: number
  /** Each pause is this many times the one before; a finite ratio, >= 1. @defaultValue 2 */
  readonly factor: number
  /** Share of each pause left to chance, 0..1, so that a fleet does not return in step. @defaultValue 0.5 */
  readonly jitter: number
  /**
   * Once this many creates have failed in a row, a warm-up is given up with ERR_POOL_CREATE_FAILED, and waiters are
   * refused with it if nothing live is left to wait for; integer >= 1, or Infinity: never. @defaultValue 3
   */
  readonly refuseAfter: number
}

/** Creation's recent luck. */
export interface CreationPace {
  /** Failures in a row. Creates that were under way together and fail together are one. */
  readonly failures: number
  /** Creates allowed at once: 1 after a failure (the prober), then doubling (slow start). */
  readonly allowed: number
  /** No create starts before this, in ms on the pool's clock. */
  readonly retryAtMs: number
}

export function startingPace(creatingMax: number): CreationPace {
  return { failures: 0, allowed: creatingMax, retryAtMs: Number.NEGATIVE_INFINITY }
}

/** A create failed: from now on a single prober, after a pause that grows. */
export function paceAfterFailure(
  pace: CreationPace,
  nowMs: number,
  backoff: CreateBackoff,
  random01: number,
): CreationPace {
  const fullMs = Math.min(backoff.maxMs, backoff.initialMs * backoff.factor ** pace.failures)
  const pauseMs = fullMs * (1 - backoff.jitter * random01)
  return { failures: pace.failures + 1, allowed: 1, retryAtMs: nowMs + pauseMs }
}

/** A create succeeded: twice as many may be under way, up to creatingMax. */
export function paceAfterSuccess(pace: CreationPace, creatingMax: number): CreationPace {
  if (pace.failures === 0 && pace.allowed === creatingMax) return pace
  return { failures: 0, allowed: Math.min(creatingMax, pace.allowed * 2), retryAtMs: Number.NEGATIVE_INFINITY }
}

/** What tells whether the backend bears more creates at once. */
export interface CreateFacts {
  /** Of the create that has just succeeded, and the quickest of late, in ms. */
  readonly createMs: number
  readonly createMsLeast: number
  /** Creates that were under way with it, itself included. */
  readonly underWay: number
}

/** Creates this much longer than the quickest slow each other down. */
const SLOWED_RATIO = 2

/**
 * How many creates may be under way at once: one more for each that was as quick beside all the others as the quickest
 * of late, fewer again once they slow each other down. Four connects at a time are a storm where the backend forks for
 * each of them, and ten seconds of queueing where each takes half a second on the way to another continent.
 *
 * @source Jacobson 1988, "Congestion avoidance and control", SIGCOMM: slow start, and halving upon congestion
 */
export function nextAtOnce(atOnce: number, facts: CreateFacts, bounds: { min: number; max: number }): number {
  const { createMs, createMsLeast, underWay } = facts
  if (createMs > SLOWED_RATIO * createMsLeast) return Math.max(bounds.min, Math.floor(atOnce / 2))
  return underWay >= atOnce ? Math.min(bounds.max, atOnce + 1) : atOnce
}

/** What is known of how fast resources come free, and how fast they are made. Points in time on the pool's clock. */
export interface ServiceFacts {
  readonly waiters: number
  /** Creates under way. */
  readonly creating: number
  readonly inUse: number
  /** Smoothed time of a lease, in ms; NaN before the first has ended: no time is shorter. */
  readonly leaseMs: number
  /** Leases that have ended since somebody waits; and the smoothed time of these alone, in ms. */
  readonly leasesEnded: number
  readonly endedMs: number
  /** Since when no lease has ended although there were some, and somebody waited, in ms. */
  readonly quietSinceMs: number
  /** Since when somebody has been waiting without a break, in ms. */
  readonly waitingSinceMs: number
  /** Smoothed time of a create, in ms; undefined before the first has succeeded. */
  readonly createMs: number | undefined
}

/** Taken for a create's time before one is known, in ms: a connect with TLS and authentication in one data centre. */
const CREATE_MS_GUESS = 50

/** For this share of a create's time it is seen how long a burst's own leases take, before it has a second create. */
const LOOK_SHARE = 1 / 16

/** Leases that count towards how long they take: the last ten or so. */
const LEASES_COUNTED = 10

/** What the lease that ended as number `ended` since somebody began to wait weighs beside those before it. */
export function leaseWeight(ended: number): number {
  return 1 / Math.min(LEASES_COUNTED, ended)
}

/**
 * When waiters justify one more create, if nothing happens until then, in ms on the pool's clock; Infinity: each has
 * one under way. It is justified if more of them than are under way will not have been served by a release by the time
 * a create is done: waiters - inUse * createMs / leaseMs. The first always is, so that waiters with room have a create
 * under way (I3); a burst that releases will absorb opens one resource, not one a waiter.
 *
 * While no lease ends, the estimate of their length grows with the silence: none back for d ms, a lease takes d at
 * least. (With n out at random moments it would be n * d; but a burst begins all of them at once, and it is in a burst
 * that one create must not become four.) Nothing else tells of silence, hence a moment and no number.
 *
 * A burst speaks for itself: once half as many leases have ended in it as are out, what was known before is forgotten,
 * for five that waited for each other while a pool was warmed are no measure of those to come, nor is the one short
 * lease among ten long ones; and it has one create until it has been looked at for a share of a create's time.
 *
 * @source HikariCP, "Spike demand" (its wiki): waiters are served by whichever comes first
 */
export function createDueAtMs(facts: ServiceFacts): number {
  const { waiters, creating, inUse, leasesEnded, quietSinceMs, waitingSinceMs, createMs = CREATE_MS_GUESS } = facts
  if (creating >= waiters) return Number.POSITIVE_INFINITY
  if (creating === 0 || inUse === 0) return Number.NEGATIVE_INFINITY
  const lookedAtMs = waitingSinceMs + LOOK_SHARE * createMs
  const leaseMsLeast = (inUse * createMs) / (waiters - creating)
  const leaseMs = 2 * leasesEnded < inUse ? facts.leaseMs : facts.endedMs
  return leaseMs > leaseMsLeast ? lookedAtMs : Math.max(lookedAtMs, quietSinceMs + leaseMsLeast)
}

/** Has creating failed in such a way, or so often in a row, that whoever warms up is told that it is of no use? */
export function isHopeless(failure: CreateFailureClass, failures: number, backoff: CreateBackoff): boolean {
  return failure === 'denied' || failures >= backoff.refuseAfter
}

/**
 * Are all waiters refused after this failure? Only with nothing live left to wait for. Who was denied cannot be
 * helped by waiting; a backend with too many connections will have room again, so its waiters keep their deadline.
 */
export function refusesWaiters(
  failure: CreateFailureClass,
  failures: number,
  live: number,
  backoff: CreateBackoff,
): boolean {
  return live === 0 && failure !== 'refusing' && isHopeless(failure, failures, backoff)
}
