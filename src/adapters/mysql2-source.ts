import { ignore } from '../base/ignore.ts'
import type { DestroyReason, Source } from '../pool/contract.ts'
import { cutLate } from './cut-late.ts'
import { type Answer, DriverAsks, isOfHandOut, opensNoMore, promised } from './driver-asks.ts'
import { ownMembers } from './patch.ts'

export type Mysql2GetConnection = (callback: Mysql2Callback) => void
export type Mysql2Callback = (error: Error | null, connection?: Mysql2ConnectionLike) => void

/** The part of a command of mysql2 3.x that we touch, and no more. */
export interface Mysql2CommandLike {
  /** What is asked, values in it or not; of a command that prepares, `query`; of a prepared one its statement's. */
  readonly sql?: unknown
  readonly query?: unknown
  readonly statement?: { readonly query?: unknown }
  once(event: 'end', listener: () => void): unknown
}

/** The part of a core `PoolConnection` of mysql2 3.x that we touch, and no more. */
export interface Mysql2ConnectionLike {
  readonly stream: {
    readonly closed?: boolean
    destroy(): void
    once(event: 'close', listener: () => void): unknown
    removeListener(event: 'close', listener: () => void): unknown
  }
  on(event: 'error', listener: (error: Error) => void): unknown
  removeListener(event: 'error', listener: (error: Error) => void): unknown
  /** The round trip of `resetOnRelease`; older versions have none. */
  reset?(callback: (error: Error | null) => void): unknown
  /** Private: queues whatever it is asked. Replaced by mysql2 itself once the connection is closed. */
  addCommand(command: Mysql2CommandLike): unknown
  /** Private: its pool; null once it has left that, because it died or was destroyed. */
  readonly _pool: object | null
  /** Private: between its release and its next hand-out, in which a second release is none. */
  _released?: boolean
  /** Private: makes it leave its pool. */
  _removeFromPool(): void
  /** Private: says good-bye to the server once the running commands are done. `end` of a pool's connection releases. */
  _realEnd(callback?: (error?: Error) => void): void
  /** Private: what it died of. */
  readonly _fatalError?: Error | null
  readonly _protocolError?: Error | null
}

/** A list of the driver's, of whatever kind it is in that version. */
export interface Mysql2List<E> {
  readonly length: number
  get(index: number): E | undefined
}

/** The part of the core `Pool` of mysql2 3.x that we touch, and no more. */
export interface Mysql2PoolLike {
  readonly config: {
    connectionLimit: number
    queueLimit: number
    waitForConnections: boolean
    resetOnRelease?: boolean
    readonly connectionConfig: {
      connectTimeout: number
      readonly database?: string
      readonly host?: string
      readonly port?: number
      readonly socketPath?: string
    }
  }
  /** Private, since nothing public counts: every connection of the pool, connecting ones included. */
  readonly _allConnections: Mysql2List<Mysql2ConnectionLike>
  /** Private: those at rest, oldest first. */
  _freeConnections: Mysql2List<Mysql2ConnectionLike>
  /** Private: the driver's own queue. */
  readonly _connectionQueue: { readonly length: number }
  readonly _closed: boolean
  getConnection: Mysql2GetConnection
  releaseConnection(connection: Mysql2ConnectionLike): void
  query(...args: readonly unknown[]): unknown
  execute(...args: readonly unknown[]): unknown
  end(callback?: (error?: Error) => void): void
  on(event: string, listener: (...args: never[]) => void): unknown
  removeListener(event: string, listener: (...args: never[]) => void): unknown
  listenerCount(event: string): number
  emit(event: string): unknown
}

const NO_CONNECTIONS: Mysql2List<never> = { length: 0, get: () => undefined }

/**
 * A mysql2 pool as a source. mysql2 opens its connections and keeps the idle ones; who gets one is decided by the
 * engine.
 *
 * The traps: it reads `connectionLimit` only when somebody asks or releases, so that a raise starves its own queue, and
 * it closes nothing that is over it. So the limit is set once, to the ceiling, and its queue stays empty; and its
 * queue's newcomers overtake. A connection that ends by `destroy()` cuts the socket, which the server counts as an
 * aborted client; so what the pool retires says good-bye.
 */
export class Mysql2Source implements Source<Mysql2ConnectionLike> {
  readonly #pool: Mysql2PoolLike
  /** mysql2's own, whatever is on the instance later. */
  readonly #getConnection: Mysql2GetConnection
  #releaseConnection: (connection: Mysql2ConnectionLike) => void
  /** Connections that mysql2 has handed to us, and not got back. */
  #out = 0
  readonly #asks = new DriverAsks<Mysql2ConnectionLike>(
    () => this.#pool._connectionQueue.length,
    (connection) => {
      if (connection !== undefined) this.#out += 1
    },
  )
  /** Connections whose sockets are open, with what undoes the watching. */
  readonly #open = new Map<Mysql2ConnectionLike, () => void>()
  #whenAllClosed: (() => void) | undefined
  #destroyTimeoutMs = Number.POSITIVE_INFINITY
  /** What an idle connection last died of. */
  #latestError: Error | undefined
  /** Called when mysql2 has handed a released connection on to somebody in its own queue. */
  onHandedOn: () => void = () => {}

  constructor(pool: Mysql2PoolLike) {
    this.#pool = pool
    const { getConnection, releaseConnection } = ownMembers(pool, 'getConnection', 'releaseConnection')
    this.#getConnection = getConnection
    this.#releaseConnection = releaseConnection
  }

  /** @param destroyTimeoutMs a socket that has not closed by then, in ms, is cut */
  attach(destroyTimeoutMs: number): void {
    const { _allConnections } = this.#pool
    this.#destroyTimeoutMs = destroyTimeoutMs
    this.#pool.on('connection', this.#watch)
    for (let at = 0; at < _allConnections.length; at++) {
      const connection = _allConnections.get(at)
      if (connection !== undefined) this.#watch(connection)
    }
  }

  detach(): void {
    // Through the adapter's door, if that has stayed to close what is too many.
    this.#releaseConnection = (connection) => this.#pool.releaseConnection(connection)
    this.#pool.removeListener('connection', this.#watch)
    for (const unwatch of this.#open.values()) unwatch()
    this.#open.clear()
  }

  /**
   * mysql2 opens a connection. With one at rest (warm-up), it would lend that, and pass it from each create to the next
   * for ever; so it does not see them for the moment in which it decides.
   */
  create(): Promise<Mysql2ConnectionLike> {
    const { _allConnections, _freeConnections: atRest } = this.#pool
    const refusal = opensNoMore(_allConnections.length, limitOf(this.#pool))
    if (refusal !== undefined) return Promise.reject(refusal)
    const open: Mysql2GetConnection = (answer) => {
      this.#pool._freeConnections = NO_CONNECTIONS
      try {
        this.#getConnection(answer)
      } finally {
        this.#pool._freeConnections = atRest
      }
    }
    return promised((answer) => this.#asks.ask(open, answer))
  }

  prepare(): Promise<Mysql2ConnectionLike> {
    return promised((answer) => this.handOut(answer))
  }

  /** mysql2 hands out its newest idle connection, on its next tick. */
  handOut(answer: Answer<Mysql2ConnectionLike>): void {
    this.#asks.ask(this.#getConnection, answer)
  }

  /** Past mysql2, from holder to holder, as it does itself for those in its own queue, without telling anybody. */
  mayPassOn(connection: Mysql2ConnectionLike): boolean {
    return connection._pool !== null && !this.#pool._closed && this.strangersWaiting() === 0
  }

  /**
   * With `resetOnRelease`, mysql2 would keep the connection, neither free nor gone, for a round trip after its release;
   * the adapter has had it reset within the lease.
   */
  giveBack(connection: Mysql2ConnectionLike): boolean {
    const { config, _connectionQueue } = this.#pool
    this.#out -= 1
    if (connection._pool === null) return false
    const waiting = _connectionQueue.length
    const { resetOnRelease } = config
    if (resetOnRelease) config.resetOnRelease = false
    try {
      this.#releaseConnection(connection)
    } finally {
      if (resetOnRelease) config.resetOnRelease = resetOnRelease
    }
    if (_connectionQueue.length < waiting) this.onHandedOn()
    return true
  }

  /** Resolves when the socket is closed, since until then the slot at the server is taken. */
  destroy(connection: Mysql2ConnectionLike | undefined, reason: DestroyReason): Promise<void> | undefined {
    if (connection !== undefined) {
      this.#out -= 1
      return this.close(connection)
    }
    // A hand-out that failed leaves nothing behind; the idle ones are others, and good.
    const oldest = isOfHandOut(reason) || this.#pool._closed ? undefined : this.#pool._freeConnections.get(0)
    return oldest && this.close(oldest)
  }

  /** Has it leave the pool, if it is still in it, and say good-bye to the server. */
  close(connection: Mysql2ConnectionLike): Promise<void> | undefined {
    const { stream } = connection
    // mysql2 hears of it a tick later, and would have us close it again until then.
    if (stream.closed === true) return void connection._removeFromPool()
    // end() of the pool closes its connections itself, each once its running command is done.
    const isEnding = this.#pool._closed
    return cutLate(
      isEnding ? Number.POSITIVE_INFINITY : this.#destroyTimeoutMs,
      () => stream.destroy(),
      (closed) => {
        stream.once('close', closed)
        if (isEnding || connection._pool === null) return
        connection._removeFromPool()
        connection._realEnd()
      },
    )
  }

  idleCount(): number {
    return this.#pool._closed ? 0 : this.#pool._freeConnections.length
  }

  /** Callers in mysql2's own queue who did not come from us: they wait since before adoption. */
  strangersWaiting(): number {
    return this.#asks.strangersWaiting()
  }

  /** Connections out, or being opened, that did not come through us: taken before adoption, or past the gate. */
  strangersOut(): number {
    const { _allConnections, _freeConnections, _closed } = this.#pool
    if (_closed) return 0
    const ours = this.#out + this.#asks.beingServed
    return Math.max(0, _allConnections.length - _freeConnections.length - ours)
  }

  /** Has mysql2 open a connection and give it to whoever is first in its own queue, which it does not do by itself. */
  kick(limit: number): void {
    const kicks = Math.min(this.strangersWaiting(), limit - this.#pool._allConnections.length)
    for (let kick = 0; kick < kicks; kick++) this.create().then((connection) => this.giveBack(connection), ignore)
  }

  /** What an idle connection died of, if one has since this was last asked. */
  takeLatestError(): Error | undefined {
    const error = this.#latestError
    this.#latestError = undefined
    return error
  }

  /** Connections whose sockets are open. */
  open(): Iterable<Mysql2ConnectionLike> {
    return this.#open.keys()
  }

  /** Resolves when every socket of the pool is closed; those that take too long are cut. */
  allClosed(): Promise<void> {
    if (this.#open.size === 0) return Promise.resolve()
    const cut = () => {
      for (const { stream } of this.#open.keys()) stream.destroy()
    }
    return cutLate(this.#destroyTimeoutMs, cut, (closed) => {
      this.#whenAllClosed = closed
    })
  }

  /** mysql2 forgets a connection that dies, and its errors after the first would be fatal. */
  readonly #watch = (connection: Mysql2ConnectionLike): void => {
    if (this.#open.has(connection)) return
    const { stream } = connection
    const onError = (error: Error): void => {
      this.#latestError = error
    }
    const onClose = (): void => {
      this.#open.delete(connection)
      if (this.#open.size === 0) this.#whenAllClosed?.()
    }
    connection.on('error', onError)
    stream.once('close', onClose)
    this.#open.set(connection, () => {
      connection.removeListener('error', onError)
      stream.removeListener('close', onClose)
    })
  }
}

/** mysql2's own, as it is now. */
export function limitOf({ config }: Mysql2PoolLike): number {
  return config.connectionLimit || Number.POSITIVE_INFINITY // 0: unlimited
}
