import type { OptionsReader } from '../base/options.ts'
import { readOptions } from '../base/options.ts'
import type { CreateBackoff } from './creation-pace.ts'
import { codel, type QueuePolicy, readQueuePolicy } from './queue-policy.ts'

/** How the engine behaves. Durations in ms; `Infinity` switches a timeout off, and no timer is started for it. */
export interface PoolOptions {
  /** Least the limit may become, and idle eviction stops here. Integer >= 1. @defaultValue 2, or a lesser one given */
  readonly limitMin?: number
  /** Most resources the pool may ever hold. Integer >= 1. @defaultValue 50 */
  readonly limitMax?: number
  /** The limit at the start, within limitMin..limitMax. @defaultValue 10, or warmUp if more, or the nearest bound */
  readonly limitInitial?: number
  /** Longest an acquire may wait, in ms, creation included; > 0. @defaultValue 30_000 */
  readonly acquireTimeoutMs?: number
  /**
   * Most acquires that may wait, beside those for whom what is idle is being validated; one more is refused at once.
   * Integer >= 0, or Infinity. With 0 only what is idle is lent, nobody waits for a create unless a validation has
   * failed him, and who is refused has one opened for the next. @defaultValue Infinity
   */
  readonly waitersMax?: number
  /** Who is served next, and who is shed: 'fifo', codel(…), adaptiveLifo(…). @defaultValue codel() */
  readonly queue?: 'fifo' | QueuePolicy
  /** Longest a create may take, in ms; > 0. @defaultValue 10_000 */
  readonly createTimeoutMs?: number
  /**
   * Most creates under way at once. Integer >= 1.
   *
   * @defaultValue 4 to begin with, and up to 32 for as long as they do not slow each other down
   */
  readonly creatingMax?: number
  /** How creation is tried again after a failure. @defaultValue see CREATE_BACKOFF_DEFAULTS */
  readonly createBackoff?: Partial<CreateBackoff>
  /** Longest a destroy may hold its slot, in ms; > 0. @defaultValue 5_000 */
  readonly destroyTimeoutMs?: number
  /** An idle resource is destroyed after this, in ms, down to limitMin live; > 0. @defaultValue 30_000 */
  readonly idleTimeoutMs?: number
  /** No resource is lent beyond this age, in ms; > 0. @defaultValue 1_800_000 */
  readonly lifetimeMs?: number
  /** Share of lifetimeMs left to chance, 0..1. @defaultValue 0.2 */
  readonly lifetimeJitter?: number
  /** A resource is destroyed after this many leases. Integer >= 1, or Infinity. @defaultValue Infinity */
  readonly usesMax?: number
  /** Resources opened before anybody asks. Integer, 0..limitInitial. @defaultValue 0 */
  readonly warmUp?: number
  /** Whether an error inside use() means that the resource is broken. It must not be async. @defaultValue never */
  readonly destroyOnError?: (error: unknown) => boolean
}

export const CREATE_BACKOFF_DEFAULTS = {
  initialMs: 100, // a restarting backend is not hammered, a lost packet is hardly noticed
  maxMs: 1_000, // back within a second or so of the backend; one prober a second harms nobody
  factor: 2,
  jitter: 0.5, // a fleet that lost its backend at one moment spreads over half the pause
  refuseAfter: 3, // rides out a blip of about half a second; beyond it, callers get the true error, not a timeout
} as const satisfies CreateBackoff

/** Creates at once to begin with, unless creatingMax is given: a connect costs a backend some 60 small queries. */
export const CREATING_AT_FIRST = 4

export const POOL_DEFAULTS = {
  limitMin: 2, // one lease may wait for another's answer; a pool of one cannot
  limitMax: 50, // half of PostgreSQL's max_connections of 100: two instances fit, and there is room to grow
  limitInitial: 10, // what people's fixed pools start with, so nobody begins worse off
  acquireTimeoutMs: 30_000, // outlasts a failover, yet ends before most HTTP clients give up
  waitersMax: Number.POSITIVE_INFINITY, // codel judges by time; a batch of 100,000 acquires is legitimate
  queue: codel() as 'fifo' | QueuePolicy, // keeps the rest in time when demand exceeds capacity
  createTimeoutMs: 10_000, // TCP, TLS and authentication with two retransmits
  creatingMax: 32, // a third of PostgreSQL's max_connections, for a backend far away; reached from CREATING_AT_FIRST
  createBackoff: CREATE_BACKOFF_DEFAULTS as Partial<CreateBackoff>,
  destroyTimeoutMs: 5_000, // a good-bye takes a round trip; a dead peer must not hold its slot for minutes
  idleTimeoutMs: 30_000, // longer than a lull between two bursts, shorter than firewalls keep a silent connection
  lifetimeMs: 1_800_000, // half an hour: follows a failover or a change of DNS in time
  lifetimeJitter: 0.2, // a pool filled within a second expires over six minutes
  usesMax: Number.POSITIVE_INFINITY,
  warmUp: 0, // opening connections that nobody asked for is the user's choice
} as const satisfies Omit<Required<PoolOptions>, 'destroyOnError'>

/** Options as the engine uses them. */
export interface ResolvedPoolOptions {
  readonly limitMin: number
  readonly limitMax: number
  readonly limitInitial: number
  /** Least that a person may pin the limit to: 1, unless limitMin was given. */
  readonly pinMin: number
  readonly acquireTimeoutMs: number
  readonly waitersMax: number
  readonly queue: QueuePolicy
  readonly createTimeoutMs: number
  readonly creatingAtFirst: number
  readonly creatingMax: number
  readonly createBackoff: CreateBackoff
  readonly destroyTimeoutMs: number
  readonly idleTimeoutMs: number
  readonly lifetimeMs: number
  readonly lifetimeJitter: number
  readonly usesMax: number
  readonly warmUp: number
  readonly destroyOnError: ((error: unknown) => boolean) | undefined
}

/** Not 0: an acquire that may not wait is tryAcquire(), a timeout that is off is Infinity. */
const TIMEOUT_RANGE = { min: Number.MIN_VALUE }

/** Not less than a timer can keep, since nothing but the pause holds a failing create back; and it ends. */
const PAUSE_RANGE = { min: 1, max: Number.MAX_SAFE_INTEGER }

/**
 * Reads the engine's share of the options.
 *
 * @param owner whose options they are; starts every message
 * @throws TypeError | RangeError naming the option, the value and what is allowed
 */
export function resolvePoolOptions(owner: string, read: OptionsReader<PoolOptions>): ResolvedPoolOptions {
  return {
    ...resolveLimits(read),
    acquireTimeoutMs: read.durationMs('acquireTimeoutMs', TIMEOUT_RANGE),
    waitersMax: read.count('waitersMax', { max: Number.POSITIVE_INFINITY }),
    queue: readQueuePolicy(owner, read.value('queue')),
    createTimeoutMs: read.durationMs('createTimeoutMs', TIMEOUT_RANGE),
    ...resolveCreating(read),
    createBackoff: resolveCreateBackoff(owner, read.value('createBackoff') as Partial<CreateBackoff>),
    destroyTimeoutMs: read.durationMs('destroyTimeoutMs', TIMEOUT_RANGE),
    idleTimeoutMs: read.durationMs('idleTimeoutMs', TIMEOUT_RANGE),
    lifetimeMs: read.durationMs('lifetimeMs', TIMEOUT_RANGE),
    lifetimeJitter: read.ratio('lifetimeJitter', { min: 0, max: 1 }),
    usesMax: read.count('usesMax', { min: 1, max: Number.POSITIVE_INFINITY }),
    destroyOnError: read.optionalFn<(error: unknown) => boolean>('destroyOnError'),
  }
}

/** Who gives a number means it. */
function resolveCreating(read: OptionsReader<PoolOptions>) {
  const creatingMax = read.count('creatingMax', { min: 1 })
  return { creatingMax, creatingAtFirst: read.has('creatingMax') ? creatingMax : CREATING_AT_FIRST }
}

function resolveLimits(read: OptionsReader<PoolOptions>) {
  const limitMax = read.count('limitMax', { min: 1 })
  const limitMinGiven = read.count('limitMin', { min: 1 })
  const limitInitialGiven = read.count('limitInitial', { min: 1 })
  const isMinGiven = read.has('limitMin')
  const limitMin = isMinGiven ? limitMinGiven : Math.min(limitMinGiven, limitMax, limitInitialGiven)
  if (limitMin > limitMax) read.contradiction('limitMin', `must not exceed limitMax (${limitMax})`)
  const warmUp = read.count('warmUp', { max: limitMax })
  const limitInitial = read.has('limitInitial')
    ? limitInitialGiven
    : Math.min(Math.max(limitInitialGiven, limitMin, warmUp), limitMax)
  if (limitInitial < limitMin || limitInitial > limitMax) {
    read.contradiction('limitInitial', `must lie within limitMin..limitMax (${limitMin}..${limitMax})`)
  }
  if (warmUp > limitInitial) read.contradiction('warmUp', `must not exceed limitInitial (${limitInitial})`)
  return { limitMin, limitMax, limitInitial, pinMin: isMinGiven ? limitMin : 1, warmUp }
}

function resolveCreateBackoff(owner: string, given: Partial<CreateBackoff>): CreateBackoff {
  const read = readOptions<Partial<CreateBackoff>>(`${owner}: createBackoff`, given, CREATE_BACKOFF_DEFAULTS)
  const initialGivenMs = read.durationMs('initialMs', PAUSE_RANGE)
  const maxGivenMs = read.durationMs('maxMs', { min: 1 })
  // Who gives one of the two has not contradicted himself: the other's default gives way.
  const initialMs = read.has('initialMs') ? initialGivenMs : Math.min(initialGivenMs, maxGivenMs)
  const maxMs = read.has('maxMs') ? maxGivenMs : Math.max(maxGivenMs, initialMs)
  if (maxMs < initialMs) read.contradiction('maxMs', `must not be less than initialMs (${initialMs})`)
  return {
    initialMs,
    maxMs,
    factor: read.ratio('factor', { min: 1, max: Number.MAX_SAFE_INTEGER }),
    jitter: read.ratio('jitter', { min: 0, max: 1 }),
    refuseAfter: read.count('refuseAfter', { min: 1, max: Number.POSITIVE_INFINITY }),
  }
}
