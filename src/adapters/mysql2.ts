import { tracingChannel } from 'node:diagnostics_channel'
import { ignore } from '../base/ignore.ts'
import { isError } from '../base/thrown.ts'
import type { Adapter, Asker, Gate, GateLease, GateSettings, PoolCounts } from '../pool/contract.ts'
import { broughtHome, CallerScope, withCallbackHome } from './caller-scope.ts'
import type { DriverWork } from './driver-work.ts'
import { LookRound } from './look-round.ts'
import {
  limitOf,
  type Mysql2Callback,
  type Mysql2ConnectionLike,
  type Mysql2PoolLike,
  Mysql2Source,
} from './mysql2-source.ts'
import { mysql2Work } from './mysql2-work.ts'
import { ownMembers, type Patch, patchLasting, patchMembers } from './patch.ts'
import { refusalCode } from './refusal-code.ts'

const METHODS = ['getConnection', 'releaseConnection', 'query', 'execute', 'end', 'on', 'removeListener'] as const
const LISTS = ['_allConnections', '_freeConnections'] as const

/** Is it the core pool of mysql2, of whatever copy? */
function isMysql2Pool(candidate: unknown): candidate is Mysql2PoolLike {
  if (typeof candidate !== 'object' || candidate === null) return false
  const pool = candidate as Record<string, unknown>
  const config = pool.config as { connectionLimit?: unknown; connectionConfig?: unknown } | undefined
  return (
    METHODS.every((name) => typeof pool[name] === 'function') &&
    LISTS.every((name) => typeof (pool[name] as { get?: unknown } | undefined)?.get === 'function') &&
    typeof pool._closed === 'boolean' &&
    typeof config?.connectionLimit === 'number' &&
    typeof config.connectionConfig === 'object'
  )
}

/** The core pool behind a promise pool of mysql2, which is a shell: there may be any number around one core. */
export function mysql2CoreOf(candidate: unknown): Mysql2PoolLike | undefined {
  if (isMysql2Pool(candidate)) return candidate
  const core = (candidate as { pool?: unknown } | null | undefined)?.pool
  const isShell = typeof (candidate as { getConnection?: unknown } | null)?.getConnection === 'function'
  return isShell && isMysql2Pool(core) ? core : undefined
}

/** Puts the engine in front of a mysql2 pool: on its core, so that every shell around it passes too. */
export function mysql2Adapter(pool: Mysql2PoolLike): Adapter<Mysql2ConnectionLike> {
  return new Mysql2Adapter(pool)
}

let isRefusing = false

/** Is a caller being told, right now, that the gate has refused him? A cluster would take it for the node's failure. */
export function isGateRefusing(): boolean {
  return isRefusing
}

class Mysql2Adapter implements Adapter<Mysql2ConnectionLike> {
  readonly kind = 'mysql2'
  readonly keeps = { idleTimeoutMs: 'idleTimeout and maxIdle' } as const // of lifetimes and uses it knows nothing
  readonly source: Mysql2Source
  readonly #pool: Mysql2PoolLike
  /** Its limit without us. */
  readonly #max: number
  readonly #own: Pick<Mysql2PoolLike, 'getConnection' | 'releaseConnection' | 'query' | 'execute' | 'end'>
  /**
   * What each connection is out on. Never deleted: V8 makes a new table for a Map after every few entries that come and
   * go, and each old table, once it has grown old, keeps all after it alive.
   */
  readonly #seats = new WeakMap<Mysql2ConnectionLike, Seat>()
  #gate: Gate<Mysql2ConnectionLike> | undefined
  #drain: GateSettings['drain'] = () => Promise.resolve()
  #patch: Patch | undefined
  /** Of `releaseConnection`, which outlasts a detach() with too many out. */
  #releases: Patch | undefined
  #work: DriverWork<Mysql2ConnectionLike> | undefined
  #options: readonly Patch[] = []
  /** Of a query of the pool's that is asking for its connection. */
  #asker: Mysql2Asker | undefined
  /** What is being released: if it goes on to a waiter, he gets it on the next tick, as mysql2 does it. */
  #passing: Mysql2ConnectionLike | undefined
  #strangers = 0
  readonly #lookRound = new LookRound(() => this.#look())

  constructor(pool: Mysql2PoolLike) {
    this.#pool = pool
    this.#max = limitOf(pool)
    this.source = new Mysql2Source(pool)
    this.#own = ownMembers(pool, 'getConnection', 'releaseConnection', 'query', 'execute', 'end')
  }

  get isClosed(): boolean {
    return this.#pool._closed
  }

  get inherited() {
    const { connectTimeout } = this.#pool.config.connectionConfig
    return {
      ...(this.#max < Number.POSITIVE_INFINITY ? { limitMax: this.#max } : {}),
      ...(connectTimeout > 0 ? { createTimeoutMs: connectTimeout } : {}),
    }
  }

  attach(gate: Gate<Mysql2ConnectionLike>, settings: GateSettings): void {
    const pool = this.#pool
    this.#gate = gate
    this.#drain = settings.drain
    const { limitMax, createTimeoutMs } = settings
    const connectTimeout = createTimeoutMs === Number.POSITIVE_INFINITY ? 0 : createTimeoutMs
    this.#options = [
      patchMembers(pool.config, { connectionLimit: { get: () => limitMax } }),
      // mysql2's own patience with a connect would else outlast ours.
      patchMembers(pool.config.connectionConfig, { connectTimeout: { value: connectTimeout } }),
    ]
    this.source.attach(settings.destroyTimeoutMs)
    this.source.onHandedOn = () => this.#look()
    if (settings.work !== undefined) this.#work = mysql2Work(settings.work)
    for (const event of LOOK_AT) pool.on(event, this.#lookIfStrange)
    this.#patch = patchMembers(pool, {
      getConnection: (callback: Mysql2Callback) => this.#getConnection(callback),
      query: (...args: unknown[]) => this.#query(this.#own.query, args),
      execute: (...args: unknown[]) => this.#query(this.#own.execute, args),
      end: (callback?: (error?: Error) => void) => this.#end(callback),
    })
    this.#releases = patchLasting(pool, {
      releaseConnection: (connection: Mysql2ConnectionLike) => this.#releaseConnection(connection),
    })
    this.#look()
    // Who waits at mysql2 since before adoption is first in line at every release; but no raise wakes them.
    this.source.kick(gate.counts().limit)
  }

  detach(): void {
    const pool = this.#pool
    this.#gate = undefined
    this.#patch?.undo()
    this.#work?.detach(this.source.open())
    for (const event of LOOK_AT) pool.removeListener(event, this.#lookIfStrange)
    this.source.detach()
    for (const options of this.#options) options.undo()
    for (let left = Math.min(this.#excess(), pool._freeConnections.length); left > 0; left--) {
      void this.source.destroy(undefined, 'excess')
    }
    if (this.#excess() <= 0) this.#releases?.undo()
  }

  /** How many more there are than its own limit; detached, mysql2 would never close them, and lend all of them. */
  #excess(): number {
    return this.#pool._allConnections.length - limitOf(this.#pool)
  }

  #releaseDetached(connection: Mysql2ConnectionLike): void {
    const excess = this.#excess()
    const isClosed = connection._pool === null
    if (isClosed && excess >= 0) return // it leaves no place: mysql2 would send the first in its queue to the end of it
    if (excess > 0) return void this.source.close(connection)
    this.#releases?.undo()
    this.#own.releaseConnection(connection)
  }

  // ------------------------------------------------------------------------------------------------ the doors

  #getConnection(callback: Mysql2Callback): void {
    if (typeof callback !== 'function') throw new TypeError(NO_CALLBACK) // nobody would give it back
    const gate = this.#gate
    const ofQuery = this.#asker
    this.#asker = undefined // whoever is called from here on, and asks for himself, has none
    // Somebody who wrapped us while we were here may still call us.
    if (gate === undefined) return this.#own.getConnection(callback)
    const lease = gate.setAside()
    if (lease !== undefined) return this.#handOut(lease, callback, ofQuery !== undefined)
    const asker = ofQuery ?? new Mysql2Asker(this, false)
    if (!POOL_CONNECT.start.hasSubscribers) return this.#wait(gate, asker, callback)
    POOL_CONNECT.traceCallback(
      (traced: Mysql2Callback) => this.#wait(gate, asker, traced),
      0,
      serverOf(this.#pool.config.connectionConfig),
      undefined,
      callback,
    )
  }

  #wait(gate: Gate<Mysql2ConnectionLike>, asker: Mysql2Asker, callback: Mysql2Callback): void {
    asker.callback = callback
    if (this.#pool.listenerCount('enqueue') === 0) return gate.wait(asker)
    const before = gate.counts()
    gate.wait(asker)
    // mysql2's own word for somebody who waits beyond what is being opened for him.
    const { waiters, creating, validating } = gate.counts()
    if (waiters > before.waiters && waiters > creating + validating) this.#pool.emit('enqueue')
  }

  grant(asker: Mysql2Asker, lease: GateLease<Mysql2ConnectionLike>): void {
    const connection = lease.resource
    this.#lend(connection, lease, asker.isOneQuery)
    if (this.#passing === connection) process.nextTick(handOver, connection, asker)
    else asker.answer(asker.callback, null, connection)
  }

  /**
   * The short way: what is leased already, mysql2 hands out on its next tick, to the caller and past the engine. That
   * tick is in the caller's context by itself.
   */
  #handOut(lease: GateLease<Mysql2ConnectionLike>, callback: Mysql2Callback, isOneQuery: boolean): void {
    this.source.handOut((error, connection) => {
      const gate = this.#gate
      if (connection === undefined) {
        if (!lease.hasEnded) lease.destroy(error)
        return this.#getConnection(callback)
      }
      if (gate !== undefined && lease.hasEnded) {
        void this.source.destroy(connection, 'drain') // a drain out of patience has not waited for it
        return callback(new Error('Pool is closed.'))
      }
      if (gate !== undefined) {
        gate.handedOut(lease, connection)
        this.#lend(connection, lease, isOneQuery)
      }
      callback(null, connection)
    })
  }

  #lend(connection: Mysql2ConnectionLike, lease: GateLease<Mysql2ConnectionLike>, isOneQuery: boolean): void {
    const seat = this.#seats.get(connection)
    if (seat === undefined) this.#seats.set(connection, { lease })
    else seat.lease = lease
    this.#work?.lend(connection, lease, isOneQuery)
  }

  /** mysql2's own comes back to us for a connection, at once. What is left is to bring its callback home. */
  #query(own: (...args: readonly unknown[]) => unknown, args: unknown[]): unknown {
    const asker = new Mysql2Asker(this, true)
    this.#asker = asker
    try {
      return own(...withCallbackHome(args, asker))
    } finally {
      this.#asker = undefined
    }
  }

  /**
   * Whom mysql2 itself would refuse, since its own queue never fills: by its two options, read live as it does. Whom it
   * alone would have served, waits until the limit has come back.
   */
  isFull({ inUse, waiters, limit }: PoolCounts): boolean {
    const { waitForConnections, queueLimit } = this.#pool.config
    const queued = inUse + waiters - Math.max(limit, this.#max) // a waiter within the limit is being served
    return queued >= (waitForConnections ? queueLimit || Number.POSITIVE_INFINITY : 0)
  }

  refuse(asker: Mysql2Asker, error: Error): void {
    const { callback } = asker
    const { counts } = error as Error & { counts: PoolCounts }
    const code = refusalCode(error)
    // Detached: mysql2's own queue takes over who still waits.
    if (this.#gate === undefined) return this.#own.getConnection(callback)
    const isOwn = code === 'ERR_POOL_QUEUE_FULL' && this.isFull(counts) // else it is waitersMax that refuses him
    const isNoQueue = isOwn && !this.#pool.config.waitForConnections
    if (isNoQueue || code === 'ERR_POOL_DRAINING') {
      const why = new Error(isNoQueue ? 'No connections available.' : 'Pool is closed.', { cause: error })
      return process.nextTick(() => asker.answer(callback, why)) // never at once, as in mysql2
    }
    // Where mysql2 itself would have refused him, a cluster goes on to its next node.
    isRefusing = code !== 'ERR_POOL_CREATE_FAILED' && !isOwn
    try {
      asker.answer(callback, asMysql2Error(error, code))
    } finally {
      isRefusing = false
    }
  }

  /** Every end of a hand-out passes here: release, destroy, death, and the ends of the pool's own query and execute. */
  #releaseConnection(connection: Mysql2ConnectionLike): void {
    if (this.#gate === undefined) return this.#releaseDetached(connection)
    const seat = this.#seats.get(connection)
    const lease = seat?.lease
    if (seat !== undefined) seat.lease = undefined
    if (seat === undefined || lease === undefined || lease.hasEnded) {
      this.#own.releaseConnection(connection) // an idle one has died, or it was never ours
      this.#lookRound.soon()
    } else if (connection._pool === null) {
      this.#own.releaseConnection(connection)
      lease.destroy(connection._fatalError ?? connection._protocolError ?? undefined)
    } else if (this.#pool.config.resetOnRelease && connection.reset !== undefined) {
      seat.lease = lease // should it die meanwhile
      connection.reset((error) => this.#endReset(connection, seat, error))
    } else this.#release(connection, lease)
  }

  #release(connection: Mysql2ConnectionLike, lease: GateLease<Mysql2ConnectionLike>): void {
    this.#passing = connection
    lease.release()
    this.#passing = undefined
  }

  #endReset(connection: Mysql2ConnectionLike, seat: Seat, error: Error | null): void {
    const { lease } = seat
    if (lease === undefined || lease.hasEnded) return
    seat.lease = undefined
    if (error) lease.destroy(error)
    else this.#release(connection, lease)
  }

  // ------------------------------------------------------------------------------------------------ the end

  /**
   * As mysql2 does: whoever waits is refused, and connections are closed under their holders, each once its running
   * command is done. Later than mysql2, once the sockets are closed, calls back.
   */
  #end(callback: ((error?: Error) => void) | undefined): void {
    if (this.#gate === undefined || this.#pool._closed) return this.#own.end(callback)
    const answer = broughtHome(typeof callback === 'function' ? callback : throwIfAny)
    const ended = new Promise<void>((resolve, reject) => {
      this.#own.end((error) => (error ? reject(error) : resolve()))
    })
    const drained = this.#drain({ timeoutMs: 1 })
    ended
      .then(() => Promise.all([drained, this.source.allClosed()]))
      .then(
        () => answer(),
        (error: Error) => answer(error),
      )
  }

  // ------------------------------------------------------------------------------------------------ the look round

  /** Has somebody gone past the gate? A comparison of a few counts, since this runs at every hand-out. */
  readonly #lookIfStrange = (): void => {
    if (this.source.strangersOut() !== this.#strangers) this.#lookRound.soon()
  }

  /** Counts who went past the gate, and tells the engine what has become of the idle connections. */
  #look(): void {
    this.#strangers = this.source.strangersOut()
    this.#gate?.reconcile(this.#strangers, this.source.takeLatestError())
  }
}

/** mysql2's own channel, by which tracing sees who waits for how long, as mysql2 itself tells of whom it serves. */
const POOL_CONNECT = /* @__PURE__ */ tracingChannel('mysql2:pool:connect')

function serverOf({ database, host, port, socketPath }: Mysql2PoolLike['config']['connectionConfig']): object {
  return {
    database: database || '',
    serverAddress: socketPath || host || 'localhost',
    serverPort: socketPath ? undefined : port || 3306,
  }
}

const NO_CALLBACK = 'getConnection() of a callback pool needs a callback; pool.promise() has one that gives a promise'

/** The lease that a connection is out on. */
interface Seat {
  lease: GateLease<Mysql2ConnectionLike> | undefined
}

/** Somebody who may have to wait, and his async context: one object, where closures would be more. */
class Mysql2Asker extends CallerScope implements Asker<Mysql2ConnectionLike> {
  readonly #adapter: Mysql2Adapter
  /** Set once he waits. */
  callback: Mysql2Callback = ignore
  readonly isOneQuery: boolean

  constructor(adapter: Mysql2Adapter, isOneQuery: boolean) {
    super()
    this.#adapter = adapter
    this.isOneQuery = isOneQuery
  }

  granted(lease: GateLease<Mysql2ConnectionLike>): void {
    this.#adapter.grant(this, lease)
  }

  refused(error: Error): void {
    this.#adapter.refuse(this, error)
  }
}

/** Events of mysql2 at which a stranger may show. A hand-over within its queue tells nobody, and changes no count. */
const LOOK_AT = ['acquire', 'connection', 'release'] as const

/** What mysql2's callers know how to catch: its own error or text where it has one, with ours as its cause. */
function asMysql2Error(error: Error, code: string | undefined): Error {
  const { cause } = error
  if (code === 'ERR_POOL_QUEUE_FULL') return new Error('Queue limit reached.', { cause: error })
  if (code !== 'ERR_POOL_CREATE_FAILED') return error // mysql2 has no acquire timeout, and sheds nobody
  if ((cause as { code?: string } | undefined)?.code === 'ERR_POOL_CREATE_TIMEOUT') {
    const timeout = { errorno: 'ETIMEDOUT', code: 'ETIMEDOUT', syscall: 'connect', fatal: true }
    return Object.assign(new Error('connect ETIMEDOUT', { cause: error }), timeout)
  }
  return isError(cause) ? cause : error
}

function handOver(connection: Mysql2ConnectionLike, asker: Mysql2Asker): void {
  connection._released = false
  asker.answer(asker.callback, null, connection)
}

function throwIfAny(error?: Error): void {
  if (error) throw error
}
