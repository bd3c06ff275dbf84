import { type OptionsReader, readOptions, show } from '../base/options.ts'
import { fixed } from '../control/fixed.ts'
import { CONTROL_DEFAULTS, type ControlOptions, type ResolvedControlOptions, resolveControlOptions } from '../handle.ts'
import type { Manner } from '../pool/manner.ts'
import { POOL_DEFAULTS, type PoolOptions, type ResolvedPoolOptions, resolvePoolOptions } from '../pool/pool-options.ts'
import { fifo } from '../pool/queue-policy.ts'

/** What makes, unmakes and checks resources: generic-pool's interface. */
export interface Factory<T> {
  create(): Promise<T>
  destroy(client: T): Promise<void>
  /** Only `false`, or a rejection, means unfit. */
  validate?(client: T): Promise<boolean>
}

/** How an adaptive pool is bounded and controlled. Durations in ms. */
export interface AdaptiveOptions
  extends ControlOptions,
    Pick<
      PoolOptions,
      | 'limitMin'
      | 'limitMax'
      | 'limitInitial'
      | 'queue'
      | 'createTimeoutMs'
      | 'creatingMax'
      | 'createBackoff'
      | 'lifetimeMs'
      | 'lifetimeJitter'
      | 'usesMax'
    > {}

/** generic-pool's options, with its names and its defaults; unknown ones are ignored, as there. Times in ms. */
export interface Options {
  /** Most resources at once; at least 1. @defaultValue 1 */
  max?: number
  /** Resources kept open ahead of any acquire; at most `max`. @defaultValue 0 */
  min?: number
  /** Most acquires that may wait, nothing being idle and no room left; one more is refused. @defaultValue no limit */
  maxWaitingClients?: number
  /** Validates each resource before it is handed out. @defaultValue false */
  testOnBorrow?: boolean
  /** Accepted, without effect, as in generic-pool. @defaultValue false */
  testOnReturn?: boolean
  /** Longest an acquire may wait; > 0. @defaultValue no limit */
  acquireTimeoutMillis?: number
  /** Longest a destroy may take before it is a factoryDestroyError; > 0. @defaultValue no limit */
  destroyTimeoutMillis?: number
  /** Lends what has been idle longest; false: shortest. @defaultValue true */
  fifo?: boolean
  /** How many priorities there are; 0 is the highest. @defaultValue 1 */
  priorityRange?: number
  /** Starts at once; else with start() or the first acquire. @defaultValue true */
  autostart?: boolean
  /** How often idle resources are looked at. @defaultValue 0: never, or as needed where an idle timeout is given */
  evictionRunIntervalMillis?: number
  /** How many are looked at each time. @defaultValue 3, or all where no interval is given */
  numTestsPerEvictionRun?: number
  /** Idle for longer, one is destroyed while more than `min` are idle. @defaultValue -1: never */
  softIdleTimeoutMillis?: number
  /** Idle for longer, one is destroyed, and replaced where `min` asks for it. @defaultValue 30_000 */
  idleTimeoutMillis?: number
  /** The promises to answer with. @defaultValue the global one */
  Promise?: PromiseConstructor
  /** Lets the limit move with the traffic, between `min` and `max` or the bounds given. @defaultValue false */
  adaptive?: boolean | AdaptiveOptions
}

/** When idle resources are looked at, and how many at a time. Times in ms. */
export interface EvictionPlan {
  /** Infinity: never. */
  readonly everyMs: number
  readonly testsMax: number
  readonly config: {
    readonly softIdleTimeoutMillis: number
    readonly idleTimeoutMillis: number
    readonly min: number
  }
}

export interface ResolvedOptions {
  readonly min: number
  readonly testOnBorrow: boolean
  readonly autostart: boolean
  readonly priorityRange: number
  readonly destroyTimeoutMs: number
  readonly Promise: PromiseConstructor
  readonly eviction: EvictionPlan
  readonly pool: ResolvedPoolOptions
  readonly control: ResolvedControlOptions
  readonly manner: Manner
}

/**
 * Reads the options as generic-pool does, numbers in strings included. Refused is only what never worked there.
 *
 * @throws TypeError | RangeError naming the option, the value and what is allowed
 */
export function resolveOptions(given: Options | null | undefined): ResolvedOptions {
  const options = given ?? {}
  const max = Math.max(integer(options.max) ?? 1, 1)
  const min = Math.max(Math.min(integer(options.min) ?? 0, max), 0)
  const priorityRange = Math.max(Math.trunc(Number(options.priorityRange)) || 1, 1)
  const waitersMax = maxWaitingClients(options.maxWaitingClients)
  const destroyTimeoutMs = timeoutMs('destroyTimeoutMillis', options.destroyTimeoutMillis)
  const wanted = options.adaptive ?? false // generic-pool takes null for absent
  const isAdaptive = wanted !== false
  const adaptive = typeof wanted === 'boolean' ? {} : wanted
  const { pool, control } = resolveEngineOptions(isAdaptive, adaptive, { max, min })
  return {
    min,
    testOnBorrow: options.testOnBorrow === true,
    autostart: options.autostart !== false,
    priorityRange,
    destroyTimeoutMs,
    Promise: options.Promise ?? Promise,
    eviction: evictionPlan(options, min),
    pool: {
      ...pool,
      waitersMax,
      acquireTimeoutMs: timeoutMs('acquireTimeoutMillis', options.acquireTimeoutMillis),
      // The user's own timeout is kept by the source, in generic-pool's words.
      destroyTimeoutMs:
        destroyTimeoutMs === Number.POSITIVE_INFINITY ? POOL_DEFAULTS.destroyTimeoutMs : Number.POSITIVE_INFINITY,
    },
    control,
    manner: {
      lends: options.fifo === false ? 'newest' : 'oldest',
      creates: isAdaptive ? 'paced' : 'perWaiter',
      isFull: (counts) => {
        if (counts.waiters < waitersMax) return false
        const { waiters, size, limit, idle, validating } = counts
        // Who will be served without a release may wait in any case; but no more of them than that.
        return (size >= limit && idle === 0 && validating <= waiters) || waiters >= waitersMax + limit
      },
    },
  }
}

/** As generic-pool: every waiter has a create of its own, nobody is shed, and nothing ages unless it is told to. */
function resolveEngineOptions(isAdaptive: boolean, given: AdaptiveOptions, { max, min }: { max: number; min: number }) {
  const owner = 'createPool: adaptive'
  const limitMax = given.limitMax ?? max
  const limitMin = Math.min(Math.max(min, isAdaptive ? POOL_DEFAULTS.limitMin : 1), limitMax)
  const { name: _, ...control } = { name: undefined, ...CONTROL_DEFAULTS }
  const defaults = {
    ...control,
    ...(isAdaptive ? {} : { controller: fixed() }),
    limitMax,
    limitMin,
    limitInitial: Math.max(Math.min(max, limitMax), given.limitMin ?? 1),
    queue: isAdaptive ? POOL_DEFAULTS.queue : fifo(),
    createTimeoutMs: isAdaptive ? POOL_DEFAULTS.createTimeoutMs : Number.POSITIVE_INFINITY,
    creatingMax: isAdaptive ? POOL_DEFAULTS.creatingMax : limitMax,
    createBackoff: POOL_DEFAULTS.createBackoff,
    lifetimeMs: Number.POSITIVE_INFINITY,
    lifetimeJitter: POOL_DEFAULTS.lifetimeJitter,
    usesMax: Number.POSITIVE_INFINITY,
  }
  readOptions<AdaptiveOptions>(owner, given, defaults, ['name']) // names what is allowed here
  const read = readOptions<AdaptiveOptions>(owner, given, { ...defaults, ...NOT_ITS_OWN }, ['name'])
  const pool = resolvePoolOptions(owner, read as OptionsReader<PoolOptions>)
  if (pool.limitMin < min) read.contradiction('limitMin', `must not be less than min (${min})`)
  // Its own creates are one a waiter, as many as there are.
  return {
    pool: isAdaptive ? pool : { ...pool, creatingAtFirst: pool.creatingMax },
    control: resolveControlOptions(owner, read),
  }
}

/** What generic-pool's own options decide, not those of `adaptive`. */
const NOT_ITS_OWN = {
  acquireTimeoutMs: Number.POSITIVE_INFINITY,
  waitersMax: Number.POSITIVE_INFINITY,
  destroyTimeoutMs: Number.POSITIVE_INFINITY,
  idleTimeoutMs: Number.POSITIVE_INFINITY,
  warmUp: 0,
} as const

const IDLE_TIMEOUT_MILLIS = 30_000
const TESTS_PER_RUN = 3

/** Where an idle timeout is given without an interval, it is kept to within a tenth. */
const RUNS_PER_TIMEOUT = 10
const RUN_EVERY_MS_MIN = 10

function evictionPlan(options: Options, min: number): EvictionPlan {
  const config = {
    softIdleTimeoutMillis: Number(options.softIdleTimeoutMillis) || -1,
    idleTimeoutMillis: Number(options.idleTimeoutMillis) || IDLE_TIMEOUT_MILLIS,
    min,
  }
  const everyMs = Number(options.evictionRunIntervalMillis) || 0
  const testsMax = Number(options.numTestsPerEvictionRun) || TESTS_PER_RUN
  if (everyMs > 0) return { everyMs, testsMax, config }
  const isOff = options.evictionRunIntervalMillis !== undefined && options.evictionRunIntervalMillis !== null
  const given = [Number(options.softIdleTimeoutMillis), Number(options.idleTimeoutMillis)].filter((ms) => ms > 0)
  if (isOff || given.length === 0) return { everyMs: Number.POSITIVE_INFINITY, testsMax, config }
  const asNeededMs = Math.max(Math.min(...given) / RUNS_PER_TIMEOUT, RUN_EVERY_MS_MIN)
  return { everyMs: asNeededMs, testsMax: Number(options.numTestsPerEvictionRun) || Number.POSITIVE_INFINITY, config }
}

function maxWaitingClients(given: unknown): number {
  if (given === undefined || given === null) return Number.POSITIVE_INFINITY
  if (given === Number.POSITIVE_INFINITY) return given
  const count = integer(given)
  if (count !== undefined) return Math.max(count, 0)
  throw new TypeError(`createPool: maxWaitingClients must be an integer >= 0, or absent, got ${show(given)}`)
}

/** Nothing, and 0, mean none. */
function timeoutMs(option: string, given: unknown): number {
  if (!given || given === Number.POSITIVE_INFINITY) return Number.POSITIVE_INFINITY
  const ms = integer(given)
  if (ms !== undefined && ms > 0) return ms
  const message = `createPool: ${option} must be a number of ms > 0, or absent for none, got ${show(given)}`
  throw typeof given === 'number' ? new RangeError(message) : new TypeError(message)
}

function integer(given: unknown): number | undefined {
  const number = Number.parseInt(String(given), 10)
  return Number.isNaN(number) ? undefined : number
}
