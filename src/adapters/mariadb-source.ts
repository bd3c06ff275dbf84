import { systemClock } from '../base/clock.ts'
import { type Deferred, deferred } from '../base/deferred.ts'
import { ignore } from '../base/ignore.ts'
import { isError } from '../base/thrown.ts'
import type { DestroyReason, Source } from '../pool/contract.ts'
import { ownMembers } from './patch.ts'

/** The part of a connection of mariadb 3.x that we touch, and no more. */
export interface MariadbConnectionLike {
  release(): Promise<void>
  end(): Promise<void>
  close(): Promise<void>
  /** Tells its pool, and cuts the socket; with a command running, opens a connection to kill that. */
  destroy(): void
  isValid(): boolean
  /** @param timeoutMs then it is destroyed, and rejects */
  ping(timeoutMs: number): Promise<void>
  /** A round trip only if a transaction is open. */
  rollback(): Promise<void>
  query(...args: readonly unknown[]): Promise<unknown>
  execute(...args: readonly unknown[]): Promise<unknown>
  batch(...args: readonly unknown[]): Promise<unknown>
  importFile(...args: readonly unknown[]): Promise<unknown>
  on(event: 'error', listener: (error: Error) => void): unknown
  removeListener(event: 'error', listener: (error: Error) => void): unknown
}

/** The part of a promise pool of mariadb 3.x that we touch, and no more: all of it is public. */
export interface MariadbPoolLike {
  readonly closed: boolean
  totalConnections(): number
  activeConnections(): number
  idleConnections(): number
  taskQueueSize(): number
  getConnection(): Promise<MariadbConnectionLike>
  query(...args: readonly unknown[]): Promise<unknown>
  execute(...args: readonly unknown[]): Promise<unknown>
  batch(...args: readonly unknown[]): Promise<unknown>
  importFile(...args: readonly unknown[]): Promise<unknown>
  end(): Promise<void>
  on(event: string, listener: (...args: never[]) => void): unknown
  removeListener(event: string, listener: (...args: never[]) => void): unknown
}

/** Nothing tells when the socket of a destroyed connection has closed; the server hears of it within so long, in ms. */
const CLOSED_AFTER_MS = 25
/** So many connections that the pool opens unasked, above the limit, are no accident. */
const UNASKED_MOST = 3

/** As mariadb's minDelayValidation and pingTimeout: idle for longer, in ms, it is pinged first, for so long. */
const PING_AFTER_IDLE_MS = 500
const PING_TIMEOUT_MS = 500

/** What mariadb was asked for, and has not answered. */
interface Asked {
  /** Whose create awaits it; undefined: it has failed, or was given up, and the next takes it over. */
  create: Deferred<MariadbConnectionLike> | undefined
}

interface Held {
  readonly releaseToPool: () => Promise<void>
  readonly destroy: () => void
  readonly onError: (error: Error) => void
}

/**
 * A mariadb pool as a source. The pool opens connections; from then on they are lent to us until they are closed, and
 * the idle ones rest here.
 *
 * The traps: its inner pool is out of reach, and serves its own queue first. A connection given back would be handed
 * to whoever waits for a new one to be opened, which is then counted twice. And a pool made with a `minimumIdle`, as it
 * is by default, refills what is closed: who fights that opens and closes connections for ever.
 */
export class MariadbSource implements Source<MariadbConnectionLike> {
  readonly #pool: MariadbPoolLike
  readonly #own: Pick<MariadbPoolLike, 'getConnection' | 'activeConnections' | 'idleConnections' | 'taskQueueSize'>
  /** All that the pool has lent us, and what we keep of each. */
  readonly #held = new Map<MariadbConnectionLike, Held>()
  /** Those at rest, oldest first. */
  readonly #idle: MariadbConnectionLike[] = []
  /** In the order in which mariadb answers. */
  readonly #asked = new Set<Asked>()
  #unasked = 0
  #isPulling = false
  #isDetached = false
  /** What the pool was made with. */
  most = Number.POSITIVE_INFINITY
  /** Called when idle connections have come or gone without the engine's doing; with what they died of. */
  onChange: (cause?: Error) => void = () => {}
  /** Called when a connection rests in the pool, where the engine does not see it. */
  onRestAtPool: () => void = () => {}
  /** Called for each connection that is ours from now on. */
  onHeld: (connection: MariadbConnectionLike) => void = () => {}
  /** Called for one that died in its holder's hands. */
  onLeasedDied: (connection: MariadbConnectionLike, cause: Error) => void = () => {}

  constructor(pool: MariadbPoolLike) {
    this.#pool = pool
    this.#own = ownMembers(pool, 'getConnection', 'activeConnections', 'idleConnections', 'taskQueueSize')
  }

  /**
   * The pool lends what is at rest in it before it opens another; nothing is, since we pull that out. What a create
   * that failed, or was given up, had asked for is still asked for, and taken over: each try would leave one more
   * request there, for which a connection would be opened.
   */
  create(signal?: AbortSignal): Promise<MariadbConnectionLike> {
    const asked = [...this.#asked].find(({ create }) => create === undefined) ?? this.#ask()
    const create = deferred<MariadbConnectionLike>()
    asked.create = create
    signal?.addEventListener('abort', () => {
      const isTooLate = signal.reason?.code === 'ERR_POOL_CREATE_TIMEOUT' // else it is awaited, by a drain
      if (isTooLate && asked.create === create) asked.create = undefined
    })
    return create.promise
  }

  #ask(): Asked {
    const asked: Asked = { create: undefined }
    this.#asked.add(asked)
    this.#own.getConnection().then(
      (connection) => {
        this.#hold(connection)
        this.#answered(asked)
        if (asked.create !== undefined) return asked.create.resolve(connection)
        this.giveBack(connection) // to the pool, if we are detached meanwhile
        this.onChange()
      },
      (error: Error) => {
        this.#answered(asked)
        asked.create?.reject((error.cause ?? error) as Error)
      },
    )
    return asked
  }

  #answered(asked: Asked): void {
    this.#asked.delete(asked)
    if (this.#own.idleConnections() > 0) this.onRestAtPool() // not pulled while we had asked for one
  }

  /**
   * The pool has given up a connect: at once where it was denied, else after its `initializationTimeout`. It goes on
   * trying, and tells those who have asked only when their patience ends, if at all.
   */
  readonly connectFailed = ({ cause }: Error): void => {
    if (!isError(cause)) return // of no connect
    for (const asked of this.#asked) {
      asked.create?.reject(cause)
      asked.create = undefined
    }
  }

  prepare(_: undefined | MariadbConnectionLike, idleMs: number): Promise<MariadbConnectionLike> {
    const newest = this.#idle.pop()
    if (newest?.isValid() && idleMs <= PING_AFTER_IDLE_MS) return Promise.resolve(newest)
    return this.#ping(newest)
  }

  async #ping(connection: MariadbConnectionLike | undefined): Promise<MariadbConnectionLike> {
    if (connection === undefined) throw new Error('no connection is idle')
    try {
      await connection.ping(PING_TIMEOUT_MS)
      return connection
    } catch (error) {
      this.#close(connection)
      throw error
    }
  }

  giveBack(connection: MariadbConnectionLike): boolean {
    if (!this.#held.has(connection)) return false
    if (this.#isDetached) {
      this.releaseToPool(connection).catch(ignore)
      return true
    }
    const isGood = connection.isValid()
    if (isGood) this.#idle.push(connection)
    else this.#close(connection)
    return isGood
  }

  destroy(connection: MariadbConnectionLike | undefined, reason: DestroyReason): Promise<void> | undefined {
    const closing = connection ?? (reason === 'invalid' ? undefined : this.#idle.shift())
    if (closing === undefined) return undefined
    this.#close(closing)
    return new Promise((resolve) => {
      systemClock.startTimer(CLOSED_AFTER_MS, resolve)
    })
  }

  idleCount(): number {
    return this.#idle.length
  }

  /**
   * Lent by the pool to somebody past us, before adoption or through its class; or being opened for him, which mariadb
   * does one at a time and counts nowhere.
   */
  strangersOut(): number {
    const out = this.#own.activeConnections()
    const opening = this.strangersWaiting() > 0 && out < this.most ? 1 : 0
    return Math.max(0, out - this.#held.size) + opening
  }

  strangersWaiting(): number {
    return Math.max(0, this.#own.taskQueueSize() - this.#asked.size)
  }

  /**
   * Takes over what rests in the pool: it was there before us, a stranger has given it back, or the pool has opened it
   * to have its `minimumIdle`. What it opens unasked above the limit is left to it after a while.
   *
   * @param limit the engine's
   */
  async pull(limit: number): Promise<void> {
    if (this.#isPulling || this.#pool.closed) return
    this.#isPulling = true
    try {
      while (
        !this.#isDetached &&
        this.#own.idleConnections() > 0 &&
        this.#asked.size + this.#own.taskQueueSize() === 0
      ) {
        if (this.#held.size >= limit && ++this.#unasked > UNASKED_MOST) return this.#giveUpPulling()
        this.giveBack(await this.create()) // to the pool, if we are detached meanwhile
        this.onChange()
      }
    } catch {
      // It has died, or the pool was closed, meanwhile: nothing to take over.
    } finally {
      this.#isPulling = false
    }
  }

  #giveUpPulling(): void {
    if (this.#unasked > UNASKED_MOST + 1) return
    process.emitWarning(
      'This mariadb pool keeps opening connections above the limit, to have its minimumIdle: make it with minimumIdle: 0 ' +
        '(before mariadb 3.5 with 1, and one above the limit stays open)',
      { code: 'ADAPTIVE_POOL_MINIMUM_IDLE' },
    )
  }

  /** What is at rest here goes back to the pool, and so does what comes back later. */
  detach(): void {
    this.#isDetached = true
    for (const connection of this.#idle.splice(0)) this.releaseToPool(connection).catch(ignore)
  }

  /** Is it open, as far as we know, and lent to us? */
  isHeld(connection: MariadbConnectionLike): boolean {
    return this.#held.has(connection)
  }

  /** Ends what the pool has lent us, the pool's way. */
  releaseToPool(connection: MariadbConnectionLike): Promise<void> {
    const release = this.#held.get(connection)?.releaseToPool
    this.#forget(connection)
    return release?.() ?? Promise.resolve()
  }

  #hold(connection: MariadbConnectionLike): void {
    const releaseToPool = connection.release.bind(connection)
    const destroy = connection.destroy.bind(connection)
    const onError = (error: Error): void => {
      const at = this.#idle.indexOf(connection)
      if (at >= 0) this.#idle.splice(at, 1)
      this.#forget(connection)
      if (at >= 0) this.onChange(error)
      else this.onLeasedDied(connection, error)
    }
    connection.removeListener('error', ignore) // of an adoption before
    connection.on('error', onError)
    this.#held.set(connection, { releaseToPool, destroy, onError })
    this.onHeld(connection)
  }

  #close(connection: MariadbConnectionLike): void {
    const held = this.#held.get(connection)
    this.#forget(connection)
    held?.destroy()
  }

  #forget(connection: MariadbConnectionLike): void {
    const held = this.#held.get(connection)
    if (held === undefined) return
    this.#held.delete(connection)
    connection.removeListener('error', held.onError)
    connection.on('error', ignore)
  }
}
