import { systemClock } from '../base/clock.ts'
import { ignore } from '../base/ignore.ts'
import type { Adapter, Gate, GateLease, GateSettings } from '../pool/contract.ts'
import { LookRound } from './look-round.ts'
import { type MariadbConnectionLike, type MariadbPoolLike, MariadbSource } from './mariadb-source.ts'
import { ownMembers, type Patch, patchMembers } from './patch.ts'

/** What takes a connection for itself. */
const WAYS = ['query', 'execute', 'batch', 'importFile'] as const
const METHODS = [...WAYS, 'getConnection', 'end', 'totalConnections', 'taskQueueSize', 'idleConnections'] as const

/** Is it a pool of mariadb? By its methods: the bundled CommonJS build has no class names. */
function isMariadb(candidate: unknown): candidate is MariadbPoolLike {
  if (typeof candidate !== 'object' || candidate === null) return false
  const pool = candidate as Record<string, unknown>
  return METHODS.every((name) => typeof pool[name] === 'function')
}

export function isMariadbPool(candidate: unknown): candidate is MariadbPoolLike {
  return isMariadb(candidate) && candidate.query.length < 3
}

/** Of the callback API, whose methods have the same names and one argument more. */
export function isMariadbCallbackPool(candidate: unknown): boolean {
  return isMariadb(candidate) && candidate.query.length === 3
}

/** Puts the engine in front of a mariadb pool. */
export function mariadbAdapter(pool: MariadbPoolLike): Adapter<MariadbConnectionLike> {
  return new MariadbAdapter(pool)
}

/** The driver's own patience, which cannot be read from a pool: its default, in ms. */
const ACQUIRE_TIMEOUT_MS = 10_000

/** end() waits so long for leases, in ms, as mariadb does. */
const END_PATIENCE_MS = 10_000
/** From what the pool tells to when its counts, and ours, have settled, in ms. */
const LOOK_AFTER_MS = 1
/** Events of mariadb after which connections may be in other hands. */
const LOOK_AT = ['connection', 'release'] as const

type Way = (typeof WAYS)[number]
type SqlErrorClass = new (
  message: string,
  sql: null,
  fatal: boolean,
  info: null,
  sqlState: string,
  errno: number,
  stack: undefined,
  hasHeader: boolean | undefined,
  options: ErrorOptions,
) => Error

class MariadbAdapter implements Adapter<MariadbConnectionLike> {
  readonly kind = 'mariadb'
  readonly keeps = {} as const
  readonly source: MariadbSource
  readonly #pool: MariadbPoolLike
  readonly #own: Pick<MariadbPoolLike, Way | 'getConnection' | 'end'>
  readonly #leases = new Map<MariadbConnectionLike, GateLease<MariadbConnectionLike>>()
  #SqlError: SqlErrorClass | undefined
  #gate: Gate<MariadbConnectionLike> | undefined
  #settings!: GateSettings
  #patch: Patch | undefined
  /** Of an end(): called once nobody waits any more for a connection that mariadb would have to open. */
  #whenServed: (() => void) | undefined
  /** Not on the next tick: a hand-out reaches us some ticks after mariadb has told of it. */
  readonly #lookRound = new LookRound(
    () => this.#look(),
    (then) => systemClock.startTimer(LOOK_AFTER_MS, then, true),
  )

  constructor(pool: MariadbPoolLike) {
    this.#pool = pool
    this.source = new MariadbSource(pool)
    this.#own = ownMembers(pool, ...WAYS, 'getConnection', 'end')
    // The driver's class of errors, for those that it would have made; this call fails before it does anything.
    this.#own.importFile().catch((error: Error) => {
      this.#SqlError = error.constructor as SqlErrorClass
    })
  }

  get isClosed(): boolean {
    return this.#pool.closed
  }

  get inherited() {
    const { ceiling } = this
    return {
      ...(ceiling === undefined ? {} : { limitMax: ceiling.most }),
      acquireTimeoutMs: ACQUIRE_TIMEOUT_MS,
    }
  }

  /** It says its limit nowhere but in its text, and loses connections past it: its idle list has so many places. */
  get ceiling() {
    const most = Number(/limit=(\d+)/.exec(String(this.#pool))?.[1])
    if (!(most >= 1)) return undefined
    const wayOut = 'beyond the connectionLimit it was made with, mariadb loses connections: make it with more'
    return { most, wayOut: `${wayOut}, and with minimumIdle: 0` }
  }

  attach(gate: Gate<MariadbConnectionLike>, settings: GateSettings): void {
    const pool = this.#pool
    this.source.most = this.ceiling?.most ?? Number.POSITIVE_INFINITY
    this.#gate = gate
    this.#settings = settings
    this.source.onHeld = (connection) => this.#takeEnds(connection)
    this.source.onRestAtPool = this.#lookRound.soon
    this.source.onChange = (cause) => this.#look(cause)
    this.source.onLeasedDied = (connection, cause) => this.#endLease(connection, cause)
    for (const event of LOOK_AT) pool.on(event, this.#lookRound.soon)
    pool.on('error', this.source.connectFailed)
    pool.on('acquire', stopLeakLook)
    const ways = WAYS.map((way) => [way, (...args: unknown[]) => this.#use(way, args)] as const)
    this.#patch = patchMembers(pool, {
      ...Object.fromEntries(ways),
      getConnection: () => this.#getConnection(),
      end: () => this.#end(),
      activeConnections: () => this.#counts().inUse,
      idleConnections: () => this.#counts().idle,
      totalConnections: () => this.#counts().inUse + this.#counts().idle,
      taskQueueSize: () => this.#counts().waiters + this.source.strangersWaiting(),
    })
    this.#look()
  }

  detach(): void {
    this.#gate = undefined
    this.#patch?.undo()
    this.#lookRound.stop()
    for (const event of LOOK_AT) this.#pool.removeListener(event, this.#lookRound.soon)
    this.#pool.removeListener('error', this.source.connectFailed)
    this.#pool.removeListener('acquire', stopLeakLook)
    this.source.detach()
  }

  // ------------------------------------------------------------------------------------------------ the doors

  #getConnection(): Promise<MariadbConnectionLike> {
    return this.#lease().then(
      (lease) => lease?.resource ?? this.#own.getConnection(), // detached: the pool's own queue takes over
    )
  }

  /** What the pool's own method does, with a connection that passed the gate. As there, no rollback follows. */
  async #use(way: Way, args: readonly unknown[]): Promise<unknown> {
    const lease = await this.#lease()
    if (lease === undefined) return this.#own[way](...args)
    const { sql = args[0] } = Object(args[0]) as { sql?: unknown } // a text, or options with one; a file has none
    this.#settings.work?.queryBegan(lease, typeof sql === 'string' ? sql : way, lease.sinceMs)
    try {
      return await lease.resource[way](...args)
    } finally {
      this.#endLease(lease.resource)
    }
  }

  /** Undefined: the pool was detached while we waited. */
  #lease(): Promise<GateLease<MariadbConnectionLike> | undefined> {
    const gate = this.#gate
    if (gate === undefined) return Promise.resolve(undefined)
    return new Promise((resolve, reject) => {
      gate.request(
        {},
        {
          granted: (lease) => {
            this.#leases.set(lease.resource, lease)
            resolve(lease)
            this.#tellIfServed()
          },
          refused: (error) => {
            this.#tellIfServed()
            if (this.#gate === undefined) resolve(undefined)
            else reject(this.#asMariadbError(error))
          },
        },
      )
    })
  }

  /** From now on its ends end its lease. The rollback that mariadb makes at a release is part of that. */
  #takeEnds(connection: MariadbConnectionLike): void {
    const destroy = connection.destroy.bind(connection)
    const release = async (): Promise<void> => {
      const lease = this.#leases.get(connection)
      if (!this.source.isHeld(connection)) return // it has died, or was closed under its holder
      if (this.#gate === undefined) return this.source.releaseToPool(connection)
      if (lease === undefined) return // a second release says nothing, as in mariadb
      const failure = await connection.rollback().then(ignore, (error: unknown) => error)
      if (this.#leases.get(connection) === lease) this.#endLease(connection, failure)
    }
    Object.assign(connection, {
      release,
      end: release,
      close: release,
      [Symbol.asyncDispose]: release,
      destroy: () => {
        destroy()
        if (this.#leases.has(connection)) this.#endLease(connection, new Error('destroyed by its holder'))
      },
    })
  }

  #endLease(connection: MariadbConnectionLike, cause?: unknown): void {
    const lease = this.#leases.get(connection)
    this.#leases.delete(connection)
    if (cause !== undefined || !connection.isValid()) lease?.destroy(cause)
    else lease?.release()
  }

  // ------------------------------------------------------------------------------------------------ the end

  /**
   * Who waits is served, where mariadb would refuse him; its pool, which opens no more once it is closed, is until then
   * open. Leases are awaited for 10 s, and then closed under their holders, as by mariadb.
   */
  async #end(): Promise<void> {
    if (this.#whenServed !== undefined) throw this.#closedError('pool is already closed')
    if (this.#gate === undefined || this.#pool.closed) return this.#own.end()
    const drained = this.#settings.drain({ timeoutMs: END_PATIENCE_MS })
    const served = new Promise<void>((resolve) => {
      this.#whenServed = resolve
    })
    if (this.#counts().waiters > 0) await served
    await Promise.all([this.#own.end(), drained])
  }

  #tellIfServed(): void {
    if (this.#counts().waiters === 0) this.#whenServed?.()
  }

  // ------------------------------------------------------------------------------------------------ the look round

  #look(cause?: Error): void {
    const gate = this.#gate
    if (gate === undefined) return
    const strangers = this.source.strangersOut()
    gate.reconcile(strangers, cause)
    this.#lookRound.sawStrangers(strangers)
    void this.source.pull(gate.counts().limit)
  }

  #counts() {
    return this.#gate?.counts() ?? { inUse: 0, idle: 0, waiters: 0, limit: 0 }
  }

  // ------------------------------------------------------------------------------------------------ its errors

  /** What mariadb's callers know how to catch; its cause is what keeps mariadb from connecting, or else ours. */
  #asMariadbError(error: Error): Error {
    const { code, cause = error, waitedMs } = error as { code?: string; cause?: unknown; waitedMs?: number }
    if (code === 'ERR_POOL_DRAINING') return this.#closedError('pool is closed', error)
    const isCreateFailed = code === 'ERR_POOL_CREATE_FAILED'
    if (!isCreateFailed && code !== 'ERR_POOL_ACQUIRE_TIMEOUT') return error // shed, queue full: new to mariadb
    const { inUse, idle, limit } = this.#counts()
    const counts = `\n    (pool connections: active=${inUse} idle=${idle} limit=${limit})`
    const [timeout, after] = cause === error ? [' timeout:', ` after ${Math.round(waitedMs ?? 0)}ms`] : ['', '']
    const text = `pool${timeout} failed to retrieve a connection from pool${after}${counts}`
    return this.#sqlError(text, 45028, 'ER_GET_CONNECTION_TIMEOUT', cause)
  }

  #closedError(text: string, cause?: Error): Error {
    return this.#sqlError(text, 45027, 'ER_POOL_ALREADY_CLOSED', cause)
  }

  #sqlError(text: string, errno: number, code: string, cause: unknown): Error {
    const made = this.#SqlError
      ? new this.#SqlError(text, null, false, null, 'HY000', errno, undefined, undefined, { cause })
      : new Error(text, { cause })
    return Object.assign(made, { code, errno })
  }
}

/** To mariadb's `leakDetectionTimeout` all would be leaks: each is lent to us until it is closed. The watch tells. */
function stopLeakLook({ leakProcess }: { readonly leakProcess?: NodeJS.Timeout }): void {
  clearTimeout(leakProcess)
}
