import type { Adapter, GateSettings } from '../pool/contract.ts'
import type { Patch } from './patch.ts'

/**
 * Somebody's pool of resources, as the gate needs it: what to call, and what to look at. The pool makes, checks and
 * closes its resources, and keeps the idle ones; who gets one is decided by the engine.
 */
export interface PoolFace<T> {
  readonly kind: string
  readonly inherited: Adapter<T>['inherited']
  readonly liveMin?: number | undefined
  readonly keeps: Adapter<T>['keeps']
  readonly isClosed: boolean
  readonly isFull?: Adapter<T>['isFull']
  /** Lends one more than there are: a new one, even where some are idle. */
  open(signal: AbortSignal): Promise<T>
  /** Lends an idle one; the pool may check it, and open another instead. `signal`: of one who may stop waiting. */
  take(signal?: AbortSignal): Promise<T>
  /** Takes back what it has lent. False: it has closed it instead. */
  giveBack(resource: T): boolean
  /** Closes what it has lent. Resolves when that is done. */
  close(resource: T, cause: unknown): Promise<void> | undefined
  /** Closes the idle one that has idled longest. Undefined: there was none. */
  closeIdle(): Promise<void> | undefined
  /** Resources it has, being opened included, being closed not. */
  total(): number
  /** Of these, how many are idle. */
  idle(): number
  /** Who waits in its own queue. */
  queued(): number
  /** What is on its way to them: resources being opened, or idle ones being checked. */
  coming(): number
  /** All of its resources, lent or idle; where it cannot tell, nobody looks at what is asked of them. */
  resources?(): Iterable<T>
  /** Serves so many of these; no raise of a maximum wakes them. */
  kick(count: number): void
  /** Puts the gate's doors in place, and the options that the gate needs. */
  attach(doors: Doors<T>): FacePatch
}

export interface FacePatch extends Patch {
  /** The door of `release`, where `undo` leaves it in place: to be undone once there are no more than there may be. */
  readonly release?: Patch
}

/** What a door asks of the gate, and what it is told. */
export interface Doors<T> {
  readonly settings: GateSettings
  /** The limit of this moment. */
  readonly limit: () => number
  /** Who waits, at the gate or since before there was one. */
  readonly waiters: () => number
  /** A resource, by way of the engine. `translate` puts an error of ours into words that the pool's callers know. */
  ask(options: AskOptions, translate: (error: Error) => unknown): Promise<T>
  /** Ends a lease of ours, or after detach() one that is too many. False: it is none; it is the pool's own business. */
  end(resource: T, how: 'release' | 'destroy', cause?: unknown): boolean
  /** As `end`, and answers when what was lent is closed; if it is none of ours, `own` closes it, and answers. */
  destroy(resource: T, own: () => unknown): unknown
  /** Something may have changed hands that did not pass the gate. */
  lookSoon(): void
  /** Serves who waits, awaits leases, closes everything. Who asks from now on is refused. */
  drain(): Promise<unknown>
}

export interface AskOptions {
  readonly priority?: number
  readonly signal?: AbortSignal
}

/** In ms: past it, a timer of Node's fires at once. */
export const FOREVER_MS = 2 ** 31 - 1
