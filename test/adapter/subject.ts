import type { Login } from '../support/accounts.ts'

/** How a subject's pool is to be made. */
export interface SubjectSettings extends Login {
  /** The pool's own maximum. */
  readonly limit: number
  /** What adapt() will be given as limitMax; for drivers whose pool can never outgrow what it was made with. */
  readonly limitMax: number
  /** Longest a caller may wait, in ms, where the driver has such an option; undefined: the driver's default. */
  readonly acquireTimeoutMs: number | undefined
}

/** One connection out of a pool, whatever its driver calls things. */
export interface Held {
  /** The driver's own object: two holders must never have the same. */
  readonly connection: object
  query(sql: string): Promise<unknown>
  release(): unknown
}

/** A way of using a pool once, from the acquire to the end of its lease. */
export interface Way<P> {
  use(pool: P): Promise<unknown>
  /** It has its connection closed. */
  readonly closes?: boolean
}

/** A pool of somebody's, as the conformance suite (conformance.ts) sees it. */
export interface Subject<P extends object = object> {
  /** Its row in the table, e.g. 'mysql2, promise pool'. */
  readonly name: string
  /** The package whose version the table shows. */
  readonly driver: string
  /** Against which real server it runs. */
  readonly server: 'postgres' | 'mariadb'
  /** Makes a pool that is not adopted, with everything but these settings at the driver's defaults. */
  newPool(settings: SubjectSettings): P
  /** What adapt() is given. @defaultValue the pool */
  adoptable?(pool: P): object
  acquire(pool: P): Promise<Held>
  /** The pool's own end, by promise; what is still open afterwards fails the test. */
  end(pool: P): Promise<unknown>
  /** Its every way in, with its every way out. Each is to count as one lease. */
  readonly ways: Readonly<Record<string, Way<P>>>
  /**
   * Its every kind of call that a caller can be found in afterwards: callbacks and promises. Each answers with what
   * `look` saw from where the caller goes on.
   */
  readonly calls: Readonly<Record<string, <R>(pool: P, look: () => R) => Promise<R>>>
  /** What its callers have to expect: each rejects, and just so without adoption. */
  readonly failures: Readonly<Record<string, Failure<P>>>
  /** What a caller gets who has waited too long, in the driver's words or, where it has none, in ours. */
  readonly timeout: Readonly<Record<string, unknown>>
  /** What becomes of who waits when end() is called: served, or refused in the driver's words. */
  readonly endsWaiters: 'served' | Readonly<Record<string, unknown>>
  /** Whether end() waits for leases, or closes connections under their holders. */
  readonly endsLeases: 'awaited' | 'cut'
  /** Queues, and can stop waiting; undefined where callers of the driver cannot. */
  readonly abort?: (pool: P) => { readonly waiting: Promise<unknown>; abort(): void }
  /** It tells nobody why it cannot connect, so that the engine does not learn that the server refuses. */
  readonly hidesRefusals?: boolean
  /** It can never have more connections than it was made for. */
  readonly cannotGrow?: boolean
  /** Objects of the pool's that adoption may touch: detach() has to restore each. @defaultValue the pool */
  parts?(pool: P): readonly object[]
  /** Own members of those that the driver itself goes on writing: counters, timers. Not looked at. */
  readonly volatile?: readonly string[]
  /** Cases that say nothing about this subject, and why. */
  readonly notApplicable: Readonly<Partial<Record<CaseName, string>>>
}

export interface Failure<P> {
  /** Changes to the settings of the pool. */
  readonly settings?: Partial<SubjectSettings>
  /** @param end ends the pool */
  run(pool: P, end: () => Promise<unknown>): Promise<unknown>
}

/** The suite's cases, in the table's order: what each shows. */
export const CASES = {
  ways: 'every way in and out is one lease',
  fifo: 'first come, first served, also after a raise',
  serverCount: 'the server never counts more than the limit and what is being retired, while the limit moves',
  grow: 'a raise serves who waits, at once',
  shrinkIdle: 'a cut closes idle connections',
  shrinkLeased: 'a cut with all leased cuts nobody off, and holds once they come back',
  timeout: "who waits too long gets the driver's own error, and leaves the queue",
  abort: 'who stops waiting leaves the queue',
  failures: "the driver's errors are unchanged: class, message and code",
  refusing: 'with too many connections at the server, callers wait instead of failing',
  killed: 'connections that the server kills, idle or leased, are replaced',
  outage: 'a server that goes and comes back: nobody hangs, nothing is left behind',
  end: 'end() with waiters and leases',
  detach: 'detach() restores the very same object, property by property',
  detachBusy: 'detach() with waiters and leases: all are served',
  detachOver: "detach() with more leased than the pool's own maximum: what comes back over it is closed",
  midFlight: 'adopted in mid-flight: leases and waiters there are, are counted and served',
  midFlightBack: 'a lease from before adoption, given back as somebody asks, is his: nothing is closed, or opened',
  twice: 'adopting twice returns the first handle',
  sideBySide: 'two pools side by side are two',
  asyncContext: 'AsyncLocalStorage is right in 1,000 of 1,000 queued calls',
  drain: 'drain() of the handle closes everything',
} as const

export type CaseName = keyof typeof CASES
