/** Where an entry, the pool's record of one resource, stands. The legal moves are in ledger.ts. */
export type EntryState = 'creating' | 'idle' | 'validating' | 'inUse' | 'destroying' | 'gone'

/** All counts of one moment. */
export interface PoolCounts {
  /** Most live resources allowed now; within limitMin..limitMax. */
  readonly limit: number
  /** live + destroying: what holds a slot at the backend. */
  readonly size: number
  /** creating + idle + validating + inUse. */
  readonly live: number
  readonly creating: number
  readonly idle: number
  readonly validating: number
  readonly inUse: number
  readonly destroying: number
  /** Acquires not served yet. */
  readonly waiters: number
}

/** The counts as they are at each reading, without a copy; and since when people wait. */
export interface LiveCounts extends PoolCounts {
  /** When the oldest waiter began to wait, in ms on the pool's clock; undefined while nobody waits. */
  readonly oldestWaitSinceMs: number | undefined
  /** Since when somebody has been waiting without a break, in ms on the pool's clock. */
  readonly waitingSinceMs: number | undefined
}

/** How one acquire differs from the pool's defaults. */
export interface AcquireOptions {
  /** Longest this acquire may wait, in ms, creation included; > 0, or Infinity. @defaultValue acquireTimeoutMs */
  readonly timeoutMs?: number
  /** Gives up waiting when aborted. It does not end a lease. */
  readonly signal?: AbortSignal
  /** Integer from -100 to 100; higher is served first, equals in order of arrival. @defaultValue 0 */
  readonly priority?: number
  /** What the resource is wanted for, e.g. a route; it labels holders, warnings and errors. */
  readonly tag?: string
}

/** The handle one holds until it ends. It ends once. */
export interface Lease<T> {
  /** @throws LeaseEndedError when the lease was reclaimed (`reclaimAfterMs`): the resource is gone */
  readonly resource: T
  /**
   * The resource is good: gives it back.
   *
   * @throws LeaseEndedError when its holder has ended it already; that the pool took it back is no error here
   */
  release(): void
  /**
   * The resource is broken: has it destroyed.
   *
   * @param reason what was wrong with it; travels in the `destroyed` event
   * @throws LeaseEndedError when its holder has ended it already; that the pool took it back is no error here
   */
  destroy(reason?: unknown): void
  /** Releases; harmless when the lease has ended already. */
  [Symbol.dispose](): void
  /**
   * Runs `fn`, a query on the resource, and books its time under `text` for `profile()`: what is left of the lease is
   * time for which it was held without a query running. Queries may overlap, or lie within another. Adopted drivers'
   * queries are seen without it.
   *
   * @param text the query, or what to call it; literals are taken out before it is kept
   * @throws TypeError for a text that is no string
   */
  measure<R>(text: string, fn: () => R): R
}

/** Why a resource was destroyed. The first four are evictions where it was idle: the choice of pool or driver. */
export type DestroyReason =
  | 'idle' // unused for idleTimeoutMs
  | 'lifetime' // older than its lifetime
  | 'excess' // more live than the limit
  | 'source' // the driver closed it itself
  | 'uses' // lent usesMax times
  | 'invalid' // validation failed
  | 'broken' // its holder said so
  | 'late' // created after its createTimeoutMs, or for a pool that is closed
  | 'reclaimed' // leased for longer than reclaimAfterMs
  | 'drain'

/**
 * Where the engine gets resources from: the user's factory, or somebody's pool. The engine decides when; a source
 * only does. `create` and `destroy` are called outside any caller's async context; `prepare` and `giveBack`, on the
 * hot path, in whichever there is.
 */
export interface Source<T> {
  /** Opens one more. `signal` is aborted at createTimeoutMs and when the pool closes. */
  create(signal: AbortSignal): Promise<T>
  /**
   * May a resource that has been idle for so long be lent as it is? Pure. One that may after 0 ms is passed on from its
   * holder to a waiter without `giveBack`. @defaultValue no: it is prepared first
   */
  isReady?(idleMs: number): boolean
  /**
   * Readies an idle resource for its next holder: nothing to do (`undefined`), or by a promise of the resource
   * (validation, a driver's own hand-out). A rejection means that the resource is unfit; it is destroyed and nobody's
   * acquire fails for it; but where it was and is counted as idle, the driver is at fault, and whoever is next fails.
   *
   * @param resource undefined where the source keeps its idle resources itself (`idleCount`): any will do
   * @param idleMs how long it has been idle
   */
  prepare(resource: T | undefined, idleMs: number): Promise<T> | undefined
  /**
   * Only of a source that is never ready without `prepare`: may this one, whose lease has just ended, be passed on to a
   * waiter as it is, without `giveBack` and `prepare`? Pure. @defaultValue no
   */
  mayPassOn?(resource: T): boolean
  /** Ends a lease of a good resource. False: the source has closed it instead. */
  giveBack(resource: T): boolean
  /** Closes a resource; `undefined`: any idle one of a source that keeps its idle resources itself. */
  destroy(resource: T | undefined, reason: DestroyReason, cause?: unknown): Promise<void> | undefined
  /**
   * Only of a source that keeps its idle resources itself: how many it truly has ready now, those already promised
   * to a `prepare` not counted. The ledger follows it, since a driver closes idle connections without asking.
   */
  idleCount?(): number
  /** Of such a source: resources that are out, or being opened, and did not come through us. */
  strangersOut?(): number
  /** The limit has moved: for a source that has a queue of its own, behind ours. */
  limitMoved?(): void
}

/** What a failure to create speaks for; decided by the error's code (create-failure.ts). */
export type CreateFailureClass =
  | 'refusing' // the backend has too many connections: waiting helps, more of ours makes it worse
  | 'denied' // wrong password, no such database: neither waiting nor trying again helps
  | 'timeout' // createTimeoutMs passed
  | 'unreachable' // refused, reset, no such host, or anything else

/** How a waiter left the queue without a lease. */
export type RefusalKind = 'timedOut' | 'shed' | 'aborted' | 'queueFull' | 'createRefused' | 'drainRefused'

/** A place in somebody's code: where it calls, or awaits. */
export interface CodePlace {
  /** "saveOrder (routes/order.js:42:15)" */
  readonly site: string
  /** The same for all places in one function. */
  readonly fn: string
  /** Its own; no other place has it. */
  readonly at: number
  /** Whether the function waits there for an answer, and is not running. */
  readonly isAsync: boolean
}

/** Who asked for a lease, as far as it was looked at. */
export interface Caller {
  /** Where in the code; undefined: not known. Put into words at the first reading, hence not on the hot path. */
  readonly site: string | undefined
  /** The whole way from the application to the pool, innermost first; empty: not known. Costs more than `site`. */
  readonly path: readonly CodePlace[]
  /** Whether it asked within a `use()` of the pool of that name, and so holds a lease of it. */
  isWithinUse?(pool: string): boolean
  /** The same for those who asked in one run of code, without an `await` between them; of later ones it is higher. */
  readonly run: number
  /** Whether its async context was followed: only then `above` says anything. */
  readonly isFollowed: boolean
  /** It asked as a lease was given back, which may have been its own; or where its own last one had ended. */
  readonly mayHaveGivenBack?: boolean
  /** The nearest caller in whose async context this one asked, and whose lease had not ended by then. */
  readonly above: Caller | undefined
  /** The lease that it holds already: it asked in the turn of the event loop in which the queries on that ended. */
  readonly resumed?: LeaseInfo | undefined
  /** What it got; undefined while it waits. */
  lease: LeaseInfo | undefined
}

/** One lease. */
export interface LeaseInfo {
  readonly tag: string | undefined
  readonly sinceMs: number
  readonly caller?: Caller | undefined
  readonly hasEnded?: boolean
  /** Its time in queries, where the driver or the holder tells of them. */
  work?: LeaseWork | undefined
}

/** What a lease's resource was asked to do. Written by whoever sees its queries. */
export interface LeaseWork {
  /** Time with a query running so far, in ms; that of the one that is running not counted. 0 without `ended`. */
  queryMs: number
  /** Since when one or another has been running; undefined: none is. */
  runningSinceMs: number | undefined
  /** As it was asked, with its values; the text of the one that is running, or ran last. */
  text: string
  /** Those that have ended, the first few of them; undefined: of a lease like most, which nobody will ask about. */
  readonly ended: { readonly text: string; readonly queryMs: number }[] | undefined
  /** Texts of those under way that tell of their own ends; undefined: there was none yet. */
  measured?: string[] | undefined
}

/** One acquire that is not served yet. */
export interface WaiterInfo {
  readonly tag: string | undefined
  readonly sinceMs: number
  readonly caller: Caller | undefined
}

/** Who has leases now: by tag, else by where in the code they were asked for. */
export interface Holder {
  /** The tag; without one, the call site; 'untagged' where neither is known. */
  readonly holder: string
  readonly count: number
  /** Age of the oldest of them. */
  readonly oldestMs: number
  /** Where in the code the oldest was asked for, if that was looked at: most are, all while callers wait. */
  readonly callSite?: string
}

/**
 * Sees who asks, and what becomes of their leases; on the hot path. `asked` is called within the caller's own call and
 * async context.
 */
export interface LeaseWitness {
  asked(nowMs: number): Caller | undefined
  /** It got no lease. */
  refused(caller: Caller | undefined): void
  /** The lease has ended. */
  ended(lease: LeaseInfo, nowMs: number): void
}

/** Is told what is asked of a leased resource. */
export interface WorkObserver {
  /** Whatever is asked on it will be told: as long as nothing is, no query runs. */
  leaseBegan(lease: LeaseInfo): void
  /**
   * A query begins; where one is running already, it queues behind it at the resource.
   *
   * @param sinceMs when, on the pool's clock. @defaultValue now
   */
  queryBegan(lease: LeaseInfo, text: string, sinceMs?: number): void
  /** No query runs any more. */
  queriesEnded(lease: LeaseInfo): void
  /**
   * A query begins of which its own end will be told, by what is answered: others may run beside it, or within it. What
   * a driver tells meanwhile is part of it.
   */
  measureBegan(lease: LeaseInfo, text: string): () => void
}

/**
 * Sees every event of the engine, on its hot path; called *before* the counts change, so that time integrals can be
 * closed with the counts that held until now.
 */
export interface PoolObserver {
  /** acquire() began; the waiter, if there will be one, is not queued yet. */
  arrived(nowMs: number): void
  /** A lease is about to begin, `waitMs` after its acquire() began. */
  granted(nowMs: number, waitMs: number): void
  /** An acquire ended without a lease. */
  refused(nowMs: number, kind: RefusalKind, waitMs: number): void
  /** A lease is about to end. */
  ended(nowMs: number, leaseMs: number): void
  /** Creation began. */
  creating(nowMs: number): void
  created(nowMs: number, createMs: number): void
  createFailed(nowMs: number, failure: CreateFailureClass): void
  /** `isEvicted`: it was idle, and the pool's own choice (or its driver's). */
  destroyed(nowMs: number, reason: DestroyReason, isEvicted: boolean): void
}

/** What the engine tells the control loop as it happens, since the next tick may be too late. */
export interface ControlSignals {
  /** The loop has no timer: nothing has happened for a window. A plain field, read on the hot path. */
  readonly isResting: boolean
  /** An acquire began while the loop was resting. */
  wake(nowMs: number): void
  /** An acquire had to queue. */
  waiterQueued(nowMs: number): void
  /** The backend has refused a connection because it has too many. */
  backendRefused(nowMs: number): void
}

/** A controller's answer: a limit, and why. */
export interface Decision {
  /** The limit wanted; the loop rounds it and holds it within limitMin..limitMax. */
  readonly limit: number
  /** The controller's own word, kebab-case: 'demand', 'probe-up', … */
  readonly reason: string
  /** What holds throughput back, where the controller has tested it: more resources would help, or would not. */
  readonly limitedBy?: 'pool' | 'backend' | undefined
  /** How many to have open ahead of any caller, as far as the limit allows, until the next decision. @defaultValue 0 */
  readonly liveMin?: number
  /** Should nothing happen until then, step again after so long, in ms, > 0. @defaultValue not before something does */
  readonly wakeInMs?: number
  /** Of a controller under `shadow()`: the limit it would have set. */
  readonly shadowLimit?: number
}

/** Facts, in the past tense; emitted once the state is consistent. Times are on the pool's clock. */
export interface PoolEvents {
  /** The limit moved; `reason` is the controller's own word, or 'manual'. */
  limitChanged: { readonly from: number; readonly to: number; readonly reason: string }
  acquired: { readonly waitMs: number; readonly tag: string | undefined }
  released: { readonly leaseMs: number; readonly tag: string | undefined }
  created: { readonly createMs: number; readonly counts: PoolCounts }
  /** `failures`: how many in a row; `retryInMs`: when the next create may start. */
  createFailed: {
    readonly error: unknown
    readonly failure: CreateFailureClass
    readonly failures: number
    readonly retryInMs: number
    readonly counts: PoolCounts
  }
  /** A resource is gone. `error`: what destroying it threw, or that it outran destroyTimeoutMs. */
  destroyed: { readonly reason: DestroyReason; readonly cause?: unknown; readonly error?: unknown }
  /** The pool, or its driver, chose to destroy an idle resource; `destroyed` follows when it is. Not by drain(). */
  evicted: { readonly reason: DestroyReason; readonly idleMs: number }
  /** An acquire outran its timeout. */
  timedOut: { readonly waitMs: number; readonly tag: string | undefined; readonly counts: PoolCounts }
  /** A waiter was refused early, because it would have missed its deadline anyway. */
  shed: { readonly waitMs: number; readonly tag: string | undefined; readonly counts: PoolCounts }
  /**
   * A queue policy of yours threw, or answered what is no answer: waiters are served in order of arrival until it
   * works again. Once per row of failures.
   */
  queueFailed: { readonly policy: string; readonly error: unknown }
  /** A drain is over, and the pool closed. Not by detach(): the driver's pool goes on. */
  drained: { readonly leasesCut: number }
  /**
   * A listener of yours threw, or its promise rejected; or your `destroyOnError` threw or was async, which is then
   * `event`; or `profile()` could not count a lease in: `event` is 'profile'.
   */
  listenerFailed: { readonly event: string; readonly error: unknown }
}

/** A lease as an adapter has it: it may tell of its queries. */
export interface GateLease<T> extends Lease<T>, LeaseInfo {
  /** The pool took the resource back and had it closed (`reclaimAfterMs`): why, for the late holder. */
  readonly reclaimError: Error | undefined
}

/**
 * How who asks for a lease hears of it: exactly one of the two is called, once, now or later, in whatever async context
 * the engine is in at that moment. An adapter of a callback API brings the caller's own scope.
 */
export interface Asker<T> {
  granted(lease: GateLease<T>): void
  refused(error: Error): void
}

/** What an adapter of somebody's pool may ask of the engine that it gates. */
export interface Gate<T> {
  /** Asks for a lease. */
  request(options: AcquireOptions, asker: Asker<T>): void
  /**
   * The short way of a source that keeps its idle resources itself: where nobody waits and one is idle, it is leased
   * from now on, whichever the driver hands out; nothing is prepared. Whoever asks has the driver hand it out at once,
   * and says so by `handedOut`; if that fails, the lease is destroyed. Undefined: there is none to be had, so `wait`.
   */
  setAside(): GateLease<T> | undefined
  handedOut(lease: GateLease<T>, resource: T): void
  /** The rest of a request that `setAside` could not serve, to be called next; as `request`, without options. */
  wait(asker: Asker<T>): void
  /**
   * The driver's own resources may have changed hands, or gone: looks at `idleCount()` again, then at what to do next.
   *
   * @param outside leases that began outside the gate (before adoption, or past it) and have not ended: they count as
   *   any other, but ending them touches no resource
   * @param cause what closed idle resources that are missing, if the driver said so
   */
  reconcile(outside: number, cause?: unknown): void
  counts(): PoolCounts
}

/** What an adapter has to know to take over a pool. */
export interface GateSettings {
  /** The engine never has more live; the pool's own maximum is raised to it. */
  readonly limitMax: number
  /** Longest a create may take, in ms. */
  readonly createTimeoutMs: number
  /** Longest a destroy may take, in ms. */
  readonly destroyTimeoutMs: number
  /**
   * What the pool's own end() has to await: resolves once nobody waits and no lease is out. With a timeout: then who
   * still waits is refused, and resources are destroyed under their holders.
   */
  readonly drain: (options?: { readonly timeoutMs?: number }) => Promise<unknown>
  /** Is told of the queries on leased resources; undefined: nobody wants to know. */
  readonly work?: WorkObserver | undefined
}

/** Somebody's pool behind the engine. */
export interface Adapter<T> {
  /** What was recognised: 'pg', 'mysql2', … */
  readonly kind: string
  readonly source: Source<T>
  /** What the pool's own options say, for those that the caller of adapt() leaves out. */
  readonly inherited: {
    readonly limitMax?: number
    readonly acquireTimeoutMs?: number
    readonly createTimeoutMs?: number
  }
  /** Options that stay the pool's own: ours, and what the pool calls them. */
  readonly keeps: Readonly<Record<string, string>>
  /** How many the pool keeps open, where it would open them by itself: the engine does so in its place. */
  readonly liveMin?: number | undefined
  /** Of a pool that cannot outgrow what it was made with: how much that is, and what to do about it. */
  readonly ceiling?: { readonly most: number; readonly wayOut: string } | undefined
  /** Its end has begun: there is nothing left to adopt. */
  readonly isClosed: boolean
  /** May one more not even wait, by options of the pool's own, which hold beside `waitersMax`? */
  isFull?(counts: LiveCounts): boolean
  /** Patches the pool; from now on everyone passes the gate. */
  attach(gate: Gate<T>, settings: GateSettings): void
  /** Puts every patched member back. */
  detach(): void
}

/** Several pools of somebody's behind one object, each with a backend of its own: a cluster's nodes, its replicas. */
export interface AdapterGroup {
  /** What was recognised: 'mysql2 cluster', … */
  readonly kind: string
  /** Options that stay the pools' own, as an adapter's. */
  readonly keeps: Readonly<Record<string, string>>
  /** Where whoever is refused asks another of them at once: how soon a member refuses (`createBackoff`). */
  readonly createBackoff?: { readonly refuseAfter: number; readonly maxMs: number }
  /** Its end has begun. */
  readonly isClosed: boolean
  /** Tells of the pools there are, and from now on of those that come and go. */
  attach(members: GroupMembers): void
  detach(): void
}

/** Who wants to know of a group's pools; their names are unique among those there are. */
export interface GroupMembers {
  added(name: string, pool: object): void
  removed(name: string): void
}
