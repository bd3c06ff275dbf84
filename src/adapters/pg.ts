import { ignore } from '../base/ignore.ts'
import { isError } from '../base/thrown.ts'
import type { Adapter, Asker, Gate, GateLease, GateSettings } from '../pool/contract.ts'
import { broughtHome, CallerScope, withCallbackHome } from './caller-scope.ts'
import { Covered } from './covered.ts'
import type { DriverWork } from './driver-work.ts'
import { LookRound } from './look-round.ts'
import { ownMembers, type Patch, patchMembers } from './patch.ts'
import {
  ENDED,
  type PgClientLike,
  type PgConnect,
  type PgConnectCallback,
  type PgConnectItem,
  type PgEndCallback,
  type PgPoolLike,
  PgSource,
} from './pg-source.ts'
import { pgWork } from './pg-work.ts'
import { refusalCode } from './refusal-code.ts'

const METHODS = [
  'connect',
  'query',
  'end',
  'on',
  'removeListener',
  '_remove',
  '_isFull',
  '_pulseQueue',
  'newClient',
] as const
const LISTS = ['_clients', '_idle', '_pendingQueue'] as const

/** Is it a pg.Pool, of whatever copy of pg? */
export function isPgPool(candidate: unknown): candidate is PgPoolLike {
  if (typeof candidate !== 'object' || candidate === null) return false
  const pool = candidate as Record<string, unknown>
  return (
    METHODS.every((name) => typeof pool[name] === 'function') &&
    LISTS.every((name) => Array.isArray(pool[name])) &&
    typeof pool.options === 'object'
  )
}

/** Puts the engine in front of a pg pool: on the same object, so that whatever is built on it keeps working. */
export function pgAdapter(pool: PgPoolLike): Adapter<PgClientLike> {
  return new PgAdapter(pool)
}

class PgAdapter implements Adapter<PgClientLike> {
  readonly kind = 'pg'
  readonly keeps = {
    idleTimeoutMs: 'idleTimeoutMillis',
    lifetimeMs: 'maxLifetimeSeconds',
    lifetimeJitter: 'maxLifetimeSeconds',
    usesMax: 'maxUses',
    validate: 'verify',
    create: 'onConnect',
  } as const
  readonly source: PgSource
  readonly #pool: PgPoolLike
  readonly #own: Pick<PgPoolLike, 'query' | 'end' | '_isFull' | 'newClient'>
  readonly #connectOf: Covered<PgConnect>
  #gate: Gate<PgClientLike> | undefined
  #drain: () => Promise<unknown> = () => Promise.resolve()
  #patch: Patch | undefined
  #work: DriverWork<PgClientLike> | undefined
  #options: Patch | undefined
  /** pg's own query is asking for its client. */
  #isOneQuery = false
  /** By way of others, a caller is asking pg's own connect, which is to lead him to the gate: for one query? */
  #asking: boolean | undefined
  /** pg's idle clients, while its connect looks for some, and is to find none. */
  #atRest: PgPoolLike['_idle'] | undefined
  /** Connects at the gate. */
  #waiting = 0
  #strangers = 0
  readonly #lookRound = new LookRound(() => this.#look())
  #isEnding = false
  #whenQuiet: (() => void) | undefined

  constructor(pool: PgPoolLike) {
    this.#pool = pool
    this.source = new PgSource(pool)
    this.#own = ownMembers(pool, 'query', 'end', '_isFull', 'newClient')
    this.#connectOf = new Covered(pool, 'connect', OWN_CONNECT)
  }

  get isClosed(): boolean {
    return this.#pool.ending
  }

  get inherited() {
    const { options } = this.#pool
    const max = Number(options.max) // from an environment variable it may be a string
    const connectMs = connectTimeoutMs(options)
    const createMs = hasHook(options) ? connectMs + HOOK_MS : connectMs
    return {
      ...(Number.isInteger(max) && max >= 1 ? { limitMax: max } : {}),
      ...(connectMs < Number.POSITIVE_INFINITY ? { acquireTimeoutMs: connectMs, createTimeoutMs: createMs } : {}),
    }
  }

  attach(gate: Gate<PgClientLike>, settings: GateSettings): void {
    const pool = this.#pool
    this.#gate = gate
    this.#drain = settings.drain
    this.#options = setOptions(pool.options, settings)
    this.source.attach(settings.destroyTimeoutMs)
    this.source.onHandedOn = this.#lookIfStrange
    if (settings.work !== undefined) this.#work = pgWork(settings.work)
    pool.prependListener('release', this.#lookIfStrange)
    pool.prependListener('remove', this.#lookRound.soon)
    pool.on('error', this.#onError)
    this.#patch = patchMembers(pool, {
      connect: (callback?: PgConnectCallback) => this.#connect(callback),
      query: (...args: unknown[]) => this.#query(args),
      end: (callback?: PgEndCallback) => this.#end(callback),
      // No doors: a caller has come in before.
      _isFull: { get: () => this.#isFull },
      newClient: { get: () => this.#newClient },
      idleCount: { get: () => this.source.idleCount() },
      waitingCount: { get: () => this.#gateWaiters() + this.source.strangersWaiting() },
    })
    this.#look()
    // Who waits at pg since before adoption is first in line at every release; but no raise of `max` wakes them.
    this.source.kick(gate.counts().limit)
  }

  detach(): void {
    const pool = this.#pool
    this.#gate = undefined
    this.#patch?.undo()
    pool.removeListener('release', this.#lookIfStrange)
    pool.removeListener('remove', this.#lookRound.soon)
    pool.removeListener('error', this.#onError)
    this.#lookRound.stop()
    this.#work?.detach(this.source.open())
    this.source.detach()
    this.#options?.undo()
    // pg would never close what is over its max again, and lend all of it.
    while (pool._idle[0] && pool.totalCount > pool.options.max) pool._remove(pool._idle[0].client)
    this.#endIfQuiet()
  }

  // ------------------------------------------------------------------------------------------------ the doors

  #connect(callback: PgConnectCallback | undefined): Promise<PgClientLike> | undefined {
    const isOneQuery = this.#isOneQuery
    this.#isOneQuery = false // whoever is called from here on, and asks for himself, may keep what he gets
    const { own, onTop } = this.#connectOf
    if (onTop !== own && this.#gate !== undefined) return this.#connectBy(onTop, callback, isOneQuery)
    if (callback) return void this.#ask(callback, isOneQuery)
    return new this.#pool.Promise<PgClientLike>((resolve, reject) => {
      this.#ask((error, client) => (client === undefined ? reject(error) : resolve(client)), false)
    }).catch(leadToCaller)
  }

  /**
   * Somebody has put his own connect over pg's, to see who waits for how long, or to ready what is lent: it is called
   * for each caller, as it is without us, and the pg's own that it calls in turn finds nothing at rest and room for
   * another: so it comes to `newClient`, which is the gate. One that calls it later than at once goes past the gate.
   *
   * pg's connect looks with `_isFull` first, and runs on to `newClient` without a word to anybody: only so long is it
   * deceived, since whoever is called in between may do anything to the pool.
   */
  #connectBy(
    connect: PgConnect,
    callback: PgConnectCallback | undefined,
    isOneQuery: boolean,
  ): Promise<PgClientLike> | undefined {
    const outer = this.#asking // who is called may ask for himself, too
    this.#asking = isOneQuery
    try {
      return connect.call(this.#pool, callback)
    } finally {
      this.#asking = outer
      this.#endLook()
    }
  }

  readonly #isFull = (): boolean => {
    if (this.#asking === undefined) return this.#own._isFull()
    this.#endLook()
    this.#atRest = this.#pool._idle.splice(0)
    return false
  }

  readonly #newClient = (item: PgConnectItem): void => {
    if (this.#atRest === undefined) return this.#own.newClient(item) // the engine's, or of somebody past the gate
    this.#endLook()
    const asking = this.#asking
    this.#asking = undefined
    this.#ask(item.callback, asking === true)
    this.#asking = asking
  }

  #endLook(): void {
    this.#pool._idle.unshift(...(this.#atRest ?? []))
    this.#atRest = undefined
  }

  /** pg's own query comes back to us for a client. What is left to do is to bring its callback home. */
  #query(args: unknown[]): unknown {
    this.#isOneQuery = true
    try {
      return this.#own.query(...withCallbackHome(args))
    } finally {
      this.#isOneQuery = false
    }
  }

  #ask(answer: PgConnectCallback, isOneQuery: boolean): void {
    const gate = this.#gate
    // Somebody who wrapped us while we were here may still call us.
    if (gate === undefined) return this.#askPg(this.#connectOf.onTop, answer)
    this.#waiting += 1
    const lease = gate.setAside()
    if (lease !== undefined) return this.#handOut(lease, answer, isOneQuery)
    gate.wait(new PgAsker(this, answer, isOneQuery))
  }

  /** Detached: pg's own queue has taken over, and an end that is under way awaits whom it got from us. */
  #askPg(connect: PgConnect, answer: PgConnectCallback): void {
    this.#waiting += 1
    connect.call(this.#pool, (error, client, done) => {
      this.#waiting -= 1
      answer(error, client, done)
      this.#endIfQuiet()
    })
  }

  grant(asker: PgAsker, lease: GateLease<PgClientLike>): void {
    this.#waiting -= 1
    const client = this.#lend(lease, lease.resource, asker.isOneQuery)
    asker.answer(asker.callback, undefined, client, client.release)
    this.#endIfQuiet()
  }

  refuse(asker: PgAsker, error: Error): void {
    const { callback } = asker
    this.#waiting -= 1
    if (this.#gate === undefined) {
      const { own, onTop } = this.#connectOf
      const connect = own ?? onTop // whoever is over it has been called for him
      return this.#askPg(connect, (failure, client, done) => asker.answer(callback, failure, client, done))
    }
    asker.answer(callback, asPgError(error), undefined, ignore)
    this.#endIfQuiet()
  }

  /** The short way: what is leased already, pg hands out on its next tick, to the caller and past the engine. */
  #handOut(lease: GateLease<PgClientLike>, answer: PgConnectCallback, isOneQuery: boolean): void {
    this.source.handOut((error, client) => {
      const gate = this.#gate
      this.#waiting -= 1
      if (client === undefined) {
        if (!lease.hasEnded) lease.destroy(error)
        return this.#ask(answer, isOneQuery)
      }
      try {
        if (gate === undefined) {
          const { release } = this.source.handOutOf(client) // detached: as it came from pg
          client.release = (argument) => this.source.endHandOut(release, argument)
          answer(undefined, client, client.release)
        } else if (lease.hasEnded) {
          void this.source.destroy(client, 'drain') // a drain out of patience has not waited for it
          answer(new Error(ENDED), undefined, ignore)
        } else {
          gate.handedOut(lease, client)
          this.#lend(lease, client, isOneQuery)
          answer(undefined, client, client.release)
        }
      } finally {
        this.#endIfQuiet()
      }
    })
  }

  /** Ends the lease with the hand-out. The second end of either is pg's own error. */
  #lend(lease: GateLease<PgClientLike>, client: PgClientLike, isOneQuery: boolean): PgClientLike {
    this.#work?.lend(client, lease, isOneQuery)
    const handOut = this.source.handOutOf(client)
    let isReleased = false
    client.release = (error?: unknown) => {
      if (isReleased) throw new Error(RELEASED)
      isReleased = true
      // A drain out of patience, or a reclaim, may have ended the hand-out already: not the holder's mistake.
      if (this.#gate === undefined && !lease.hasEnded) {
        return this.source.endHandOut(handOut.release, error)
      }
      handOut.argument = error
      if (error) lease.destroy(error)
      else this.source.release(lease)
    }
    return client
  }

  // ------------------------------------------------------------------------------------------------ the end

  #end(callback: PgEndCallback | undefined): Promise<void> | undefined {
    if (this.#gate === undefined) return callback ? void this.#own.end(callback) : this.#own.end()
    const isSecond = this.#isEnding || this.#pool.ending
    const closed = isSecond ? Promise.reject(new Error('Called end on pool more than once')) : this.#close()
    if (!callback) return new this.#pool.Promise<void>((resolve, reject) => closed.then(() => resolve(), reject))
    const answer = broughtHome(callback)
    closed.then(() => answer(), answer)
    return undefined
  }

  /**
   * Everybody who waits is served; pg's own end() comes next, since it forgets its waiters; then leases are awaited,
   * and then what pg does not await: that the sockets are closed.
   */
  async #close(): Promise<void> {
    this.#isEnding = true
    const drained = this.#drain()
    const ended = new Promise<void>((resolve, reject) => {
      this.#whenQuiet = () => this.#own.end((error) => (error ? reject(error) : resolve()))
    })
    this.#endIfQuiet()
    await Promise.all([drained, ended])
    await this.source.allClosed()
  }

  /** Detached, nobody tells us of those at pg who are not from us: pg forgets them, as in every end of its own. */
  #endIfQuiet(): void {
    if (this.#whenQuiet === undefined || this.#waiting > 0) return
    if (this.#gate !== undefined && this.source.waitingAtPg() > 0) return
    const end = this.#whenQuiet
    this.#whenQuiet = undefined
    end()
  }

  // ------------------------------------------------------------------------------------------------ the look round

  /**
   * Has somebody gone past the gate, or come back? A comparison of a few counts, since this runs at every hand-out.
   * While a client is given back, it is in none of them.
   */
  readonly #lookIfStrange = (): void => {
    const isEnding = this.#whenQuiet !== undefined
    if (isEnding || (!this.source.isGivingBack && this.source.strangersOut() !== this.#strangers))
      this.#lookRound.soon()
  }

  /** Counts who went past the gate, and tells the engine what has become of pg's idle clients. */
  #look(cause?: unknown): void {
    const gate = this.#gate
    if (gate === undefined) return
    const strangers = this.source.strangersOut()
    this.#strangers = strangers
    gate.reconcile(strangers, cause)
    this.#endIfQuiet()
    this.#lookRound.sawStrangers(strangers)
  }

  /** An idle client died. Without a listener that is fatal in pg; pg has dropped it, and the engine tells of it. */
  readonly #onError = (error: Error): void => {
    this.#look(error)
  }

  #gateWaiters(): number {
    return this.#gate?.counts().waiters ?? 0
  }
}

/** Somebody who waits, and his async context: one object, where closures and what they share would be more. */
class PgAsker extends CallerScope implements Asker<PgClientLike> {
  readonly #adapter: PgAdapter
  readonly callback: PgConnectCallback
  readonly isOneQuery: boolean

  constructor(adapter: PgAdapter, callback: PgConnectCallback, isOneQuery: boolean) {
    super()
    this.#adapter = adapter
    this.callback = callback
    this.isOneQuery = isOneQuery
  }

  granted(lease: GateLease<PgClientLike>): void {
    this.#adapter.grant(this, lease)
  }

  refused(error: Error): void {
    this.#adapter.refuse(this, error)
  }
}

/**
 * pg's ceiling, and the only way to have pg give up a connect: without a timeout, a silent server would hold its slot
 * for good. Before a hook, pg's own timeout stays: createTimeoutMs covers that, too.
 */
function setOptions(options: PgPoolLike['options'], { limitMax, createTimeoutMs }: GateSettings): Patch {
  const timeoutMs = hasHook(options) ? Math.min(connectTimeoutMs(options), createTimeoutMs) : createTimeoutMs
  return patchMembers(options, {
    max: { get: () => limitMax },
    connectionTimeoutMillis: { value: timeoutMs === Number.POSITIVE_INFINITY ? 0 : timeoutMs },
  })
}

const OWN_CONNECT = /^connect\s*\(\w+\)\s*\{\s*if\s*\(this\.ending\)[\s\S]*\bnewClient\b/

/** A connect's hooks begin where pg's timeout for it ends, and pg itself lets them take for ever. In ms. */
const HOOK_MS = 10_000

function hasHook({ onConnect, verify }: PgPoolLike['options']): boolean {
  return Boolean(onConnect || verify)
}

/** pg's own, in ms; Infinity: none. */
function connectTimeoutMs({ connectionTimeoutMillis }: PgPoolLike['options']): number {
  const timeoutMs = Number(connectionTimeoutMillis) // from an environment variable it may be a string
  return timeoutMs > 0 ? timeoutMs : Number.POSITIVE_INFINITY
}

/** What pg's callers know how to catch: pg's own error or text where pg has one, with ours as its cause. */
function asPgError(error: Error): Error {
  const { cause } = error
  switch (refusalCode(error)) {
    case 'ERR_POOL_ACQUIRE_TIMEOUT':
      return new Error('timeout exceeded when trying to connect', { cause: error })
    case 'ERR_POOL_DRAINING':
      return new Error(ENDED, { cause: error })
    case 'ERR_POOL_CREATE_FAILED':
      if ((cause as { code?: string } | undefined)?.code === 'ERR_POOL_CREATE_TIMEOUT') {
        return new Error('Connection terminated due to connection timeout', { cause: error })
      }
      return isError(cause) ? cause : error
    default:
      return error // shed, queue full: pg has no such thing, and no caller of pg expects one
  }
}

const RELEASED = 'Release called on client which has already been released to the pool.'

/** As pg does: a stack that leads to the caller, not to a timer or a socket; without a frame of ours on top. */
function leadToCaller(error: Error): never {
  Error.captureStackTrace(error, leadToCaller)
  throw error
}
