import { formatMs } from '../base/format-ms.ts'
import { loggable, messageOf } from '../base/thrown.ts'
import type { Caller, Holder, PoolCounts } from './contract.ts'

/** What every error of a pool tells. */
export interface PoolErrorInfo {
  /** Name of the pool. */
  readonly pool: string
  /** The counts at that moment. */
  readonly counts: PoolCounts
  readonly cause?: unknown
  /** By pause(). @defaultValue false */
  readonly isPaused?: boolean
}

const BASE_BRAND = Symbol.for('adaptive-pool/PoolError')

/**
 * The base of all errors of a pool. Branch on `code`, never on the message.
 *
 * Loaded twice, as ESM and as CommonJS, every class exists twice; `instanceof` holds all the same, since it looks at
 * a brand that both share. A brand belongs to one class: were it tested on the base alone, every error would pass as
 * an instance of every subclass.
 */
export abstract class PoolError extends Error {
  static readonly brand: symbol = BASE_BRAND
  abstract readonly code: string
  readonly pool: string
  readonly counts: PoolCounts

  constructor(message: string, info: PoolErrorInfo) {
    super(message, info.cause === undefined ? undefined : { cause: info.cause })
    this.pool = info.pool
    this.counts = info.counts
  }

  /** For logs: neither a message nor a cause is in JSON by itself. */
  toJSON(): object {
    return { ...this, message: this.message, cause: loggable(this.cause) }
  }

  // biome-ignore-start lint/complexity/noThisInStatic: `this` is the class right of instanceof: the point
  static override [Symbol.hasInstance](this: { prototype: unknown; brand?: symbol }, value: unknown): boolean {
    // A user's own subclass inherits `brand` but owns none: only the prototype chain can tell.
    if (!Object.hasOwn(this, 'brand')) {
      return Function.prototype[Symbol.hasInstance].call(this as never, value)
    }
    if (typeof value !== 'object') return false
    for (let at: object | null = value; at !== null; at = Object.getPrototypeOf(at)) {
      if ((at.constructor as { brand?: symbol } | undefined)?.brand === this.brand) return true
    }
    return false
  }
  // biome-ignore-end lint/complexity/noThisInStatic: as above
}

/** Waited `acquireTimeoutMs`. `cause` is the latest create failure, if there was one. */
export class AcquireTimeoutError extends PoolError {
  static override readonly brand: symbol = Symbol.for('adaptive-pool/AcquireTimeoutError')
  override readonly name = 'AcquireTimeoutError'
  readonly code = 'ERR_POOL_ACQUIRE_TIMEOUT' as const
  /** How long the caller waited, in ms. */
  readonly waitedMs: number
  /** Who had the resources meanwhile. */
  readonly holders: readonly Holder[]

  constructor(waitedMs: number, holders: readonly Holder[], info: PoolErrorInfo) {
    super(describeShortage(waitedMs, holders, info), info)
    this.waitedMs = waitedMs
    this.holders = holders
  }
}

/** Refused early, because it would have missed its deadline anyway: demand exceeds capacity. Retry later, or not. */
export class ShedError extends PoolError {
  static override readonly brand: symbol = Symbol.for('adaptive-pool/ShedError')
  override readonly name = 'ShedError'
  readonly code = 'ERR_POOL_SHED' as const
  /** How long the caller had waited, in ms. */
  readonly waitedMs: number

  constructor(waitedMs: number, info: PoolErrorInfo) {
    super(
      `Pool '${info.pool}' shed this acquire after ${formatMs(waitedMs)}: ${describeCounts(info.counts)}. ` +
        'More is asked for than can be served in time; fail this request fast, and do not retry at once.',
      info,
    )
    this.waitedMs = waitedMs
  }
}

/** `waitersMax` acquires are waiting already. */
export class QueueFullError extends PoolError {
  static override readonly brand: symbol = Symbol.for('adaptive-pool/QueueFullError')
  override readonly name = 'QueueFullError'
  readonly code = 'ERR_POOL_QUEUE_FULL' as const

  constructor(waitersMax: number, info: PoolErrorInfo) {
    const isOurs = info.counts.waiters >= waitersMax
    const bound = isOurs ? `waitersMax is ${waitersMax}` : "the driver's own options let no more wait"
    super(
      `Pool '${info.pool}' has its queue full: ${bound}, ${describeCounts(info.counts)}. ` +
        `Fail this request fast, or raise ${isOurs ? 'waitersMax' : 'their bound'}.`,
      info,
    )
  }
}

/** The caller's AbortSignal was aborted. `cause` is the signal's reason. */
export class AcquireAbortedError extends PoolError {
  static override readonly brand: symbol = Symbol.for('adaptive-pool/AcquireAbortedError')
  override readonly name = 'AcquireAbortedError'
  readonly code = 'ERR_POOL_ABORTED' as const

  constructor(waitedMs: number, info: PoolErrorInfo) {
    super(`Acquire from pool '${info.pool}' aborted by its signal after ${formatMs(waitedMs)}.`, info)
  }
}

/** The pool drains, or is closed. */
export class DrainingError extends PoolError {
  static override readonly brand: symbol = Symbol.for('adaptive-pool/DrainingError')
  override readonly name = 'DrainingError'
  readonly code = 'ERR_POOL_DRAINING' as const

  constructor(info: PoolErrorInfo) {
    super(`Pool '${info.pool}' drains or is closed, so it lends no more.`, info)
  }
}

/** No resource can be created and none is left to wait for. `cause` is what `create` failed with. */
export class CreateFailedError extends PoolError {
  static override readonly brand: symbol = Symbol.for('adaptive-pool/CreateFailedError')
  override readonly name = 'CreateFailedError'
  readonly code = 'ERR_POOL_CREATE_FAILED' as const
  /** How many creates in a row had failed. */
  readonly failures: number

  constructor(failures: number, info: PoolErrorInfo) {
    const left = info.counts.live === 0 ? ' and has none left' : ''
    super(
      `Pool '${info.pool}' cannot create a resource (${failures} failed in a row)${left}: ` +
        `${messageOf(info.cause)}. Is the backend up, and are its address and credentials right?`,
      info,
    )
    this.failures = failures
  }
}

/** A lease was ended twice. */
export class LeaseEndedError extends PoolError {
  static override readonly brand: symbol = Symbol.for('adaptive-pool/LeaseEndedError')
  override readonly name = 'LeaseEndedError'
  readonly code = 'ERR_POOL_LEASE_ENDED' as const

  /** @param reclaimedMs the pool took the resource back after so long, in ms */
  constructor(info: PoolErrorInfo, reclaimedMs?: number) {
    super(
      reclaimedMs !== undefined
        ? `This lease of pool '${info.pool}' was held for ${formatMs(reclaimedMs)}, longer than reclaimAfterMs: its ` +
            'resource was taken back and destroyed. End leases sooner, or raise reclaimAfterMs.'
        : `This lease of pool '${info.pool}' has ended already: it was released or destroyed before. ` +
            'The resource may be in other hands; release it in one place, in a finally block or with `using`.',
      info,
    )
  }
}

/** What was handed to adapt() cannot be adopted. */
export class UnsupportedPoolError extends PoolError {
  static override readonly brand: symbol = Symbol.for('adaptive-pool/UnsupportedPoolError')
  override readonly name = 'UnsupportedPoolError'
  readonly code = 'ERR_POOL_UNSUPPORTED' as const
}

/**
 * Makes the error of a refusal that comes from a timer, a signal, or somebody else's release: its frames would lead
 * into the pool and to no caller, and under overload, when refusals are many, they are six sevenths of what one costs
 * (6 µs). Whose acquire it was stands in their place, if he was looked at; under overload, few are.
 */
export function withoutFrames<E extends PoolError>(caller: Caller | undefined, make: () => E): E {
  const { stackTraceLimit } = Error
  // No assignments: where intrinsics are frozen they would throw.
  Reflect.set(Error, 'stackTraceLimit', 0)
  try {
    const error = make()
    addFrame(error, caller?.site)
    return error
  } finally {
    Reflect.set(Error, 'stackTraceLimit', stackTraceLimit)
  }
}

function addFrame(error: Error, site: string | undefined): void {
  try {
    if (site !== undefined) Reflect.set(error, 'stack', `${error.stack}\n    at ${site}`)
  } catch {
    // Whoever puts stacks into words here has thrown, over a source map that is none: no reason to tell nobody.
  }
}

/** "limit 2, 2 in use, 0 idle, 0 being created, 3 waiting" */
export function describeCounts(counts: PoolCounts): string {
  const { limit, inUse, idle, creating, waiters, validating, destroying } = counts
  const readying = validating > 0 ? `, ${validating} about to be lent` : ''
  const closing = destroying > 0 ? `, ${destroying} being destroyed` : ''
  return `limit ${limit}, ${inUse} in use${readying}, ${idle} idle, ${creating} being created${closing}, ${waiters} waiting`
}

function describeShortage(waitedMs: number, holders: readonly Holder[], info: PoolErrorInfo): string {
  const seen = `No resource from pool '${info.pool}' after ${formatMs(waitedMs)}: ${describeCounts(info.counts)}.`
  return `${seen} ${wayOut(info)}${describeHolders(holders)}`
}

function wayOut({ counts: { inUse, limit }, cause, isPaused }: PoolErrorInfo): string {
  if (isPaused) return 'The pool is paused, until resume().'
  if (cause !== undefined) {
    return `Creating one fails: ${messageOf(cause)}. See that the backend can be reached and admits more connections.`
  }
  if (inUse >= limit) return 'Leases are held too long, or limitMax is too low.'
  return 'Resources are created too slowly, or the backend does not answer.'
}

function describeHolders(holders: readonly Holder[]): string {
  if (holders.length === 0) return ''
  const top = holders.slice(0, 3).map((h) => `${h.holder} × ${h.count} (oldest ${formatMs(h.oldestMs)})`)
  const rest = holders.length > 3 ? `, and ${holders.length - 3} more` : ''
  return ` Held by: ${top.join(', ')}${rest}.`
}
