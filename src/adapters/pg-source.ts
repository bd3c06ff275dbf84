import { assert } from '../base/assert.ts'
import { ignore } from '../base/ignore.ts'
import type { DestroyReason, Lease, Source } from '../pool/contract.ts'
import { cutLate } from './cut-late.ts'
import { DriverAsks, isOfHandOut, opensNoMore, promised } from './driver-asks.ts'
import { Lingering } from './lingering.ts'

/** Ends a hand-out: a truthy argument has the client closed. pg makes a new one for each hand-out; it works once. */
export type PgRelease = (error?: unknown) => void

/** The part of a `pg.PoolClient` 8.x that we touch, and no more. */
export interface PgClientLike {
  release: PgRelease
  query(...args: unknown[]): unknown
  on(event: 'error', listener: (error: Error) => void): unknown
  /** `drain`: its queries have all been answered; `end`: its socket is closed. */
  on(event: 'drain' | 'end', listener: () => void): unknown
  removeListener(event: 'error', listener: (error: Error) => void): unknown
  removeListener(event: 'drain' | 'end', listener: () => void): unknown
  listenerCount(event: string): number
  /** Undocumented; pg-pool itself reaches for it to end a connect that takes too long. A native client has none. */
  readonly connection?: Pick<PgClientLike, 'on' | 'removeListener'> & {
    readonly stream?: { readonly destroyed?: boolean; destroy(): void }
  }
  /** Private: see `isSound`. */
  readonly _queryable?: boolean
  readonly _ending?: boolean
}

export type PgConnectCallback = (error: Error | undefined, client: PgClientLike | undefined, done: PgRelease) => void
/** Is told of a client that pg has handed to us, or of why not. */
export type PgAnswer = (error: Error | null | undefined, client?: PgClientLike) => void
export type PgEndCallback = (error?: Error) => void
export type PgConnect = (this: PgPoolLike, callback?: PgConnectCallback) => Promise<PgClientLike> | undefined

type PgPoolEvent = 'acquire' | 'release' | 'remove'

/** The part of `pg.Pool` 8.x (pg-pool 3.x) that we touch, and no more. */
export interface PgPoolLike {
  readonly options: {
    max: number
    connectionTimeoutMillis?: number
    readonly onConnect?: unknown
    readonly verify?: unknown
    readonly maxUses?: number
    readonly maxLifetimeSeconds?: number
  }
  /** Clients that pg knows: connecting ones included, those that are being closed not. */
  readonly totalCount: number
  readonly ending: boolean
  /** The promises that users want to get. */
  readonly Promise: PromiseConstructor
  readonly connect: PgConnect
  query(...args: unknown[]): unknown
  end(): Promise<void>
  end(callback: PgEndCallback): void
  on(event: 'error', listener: (error: Error) => void): unknown
  /**
   * Where `on` would do, but for the subclass of Neon's serverless driver: by that it tells whether somebody wants to
   * hear of connections, and sends queries without any, by HTTP, until then.
   */
  prependListener(event: PgPoolEvent, listener: (client: PgClientLike) => void): unknown
  removeListener(event: string, listener: (...args: never[]) => void): unknown
  emit(event: 'error', error: Error, client: PgClientLike): unknown
  listenerCount(event: string): number
  /** Private: clients at rest, oldest first, those already promised to a connect of this tick included. */
  readonly _idle: { readonly client: PgClientLike }[]
  /** Private: connects in pg's own queue, without those that wait for a new client; `waitingCount` tells of ours. */
  readonly _pendingQueue: PgConnectItem[]
  /** Private: is its maximum reached? */
  _isFull(): boolean
  /** Private: serves the first in the queue, if it can. */
  _pulseQueue(): void
  /** Private: closes a client at rest, as pg's own idle timeout does. */
  _remove(client: PgClientLike): void
  /** Not documented: opens a client for one connect. Why we call it: see `PgSource.create`. */
  newClient(item: PgConnectItem): void
}

/** What pg keeps of a connect. */
export interface PgConnectItem {
  readonly callback: PgConnectCallback
}

export const ENDED = 'Cannot use a pool after calling end on the pool'

/** A client that pg has handed to us. */
export interface PgHandOut {
  readonly release: PgRelease
  /** What its holder called release with, for pg's `release` event. */
  argument: unknown
}

/**
 * A pg pool as a source. pg creates, checks and closes its clients, and keeps the idle ones; who gets one is decided
 * by the engine.
 *
 * The trap: pg reads `max` only on connect and on release, so that a raise starves its own queue, and once raised it
 * closes nothing. So `max` is set once, to the ceiling, and pg's queue is used for one thing only: pg hands out an
 * idle client on the next tick, and a connect is in its queue until then.
 */
export class PgSource implements Source<PgClientLike> {
  readonly #pool: PgPoolLike
  /** Clients that pg does not have: lent, or lingering. */
  readonly #out = new Map<PgClientLike, PgHandOut>()
  readonly #lingering = new Lingering<PgClientLike>((client) => this.#giveBackToPg(client))
  /** pg is being given a client back, which is neither idle nor ours for the moment. */
  isGivingBack = false
  /** Called when pg may have handed on a client, or the place of one that failed to connect, within its own queue. */
  onHandedOn: () => void = () => {}
  readonly #asks = new DriverAsks<PgClientLike>(
    () => this.waitingAtPg(),
    (client) => {
      if (client !== undefined) this.#out.set(client, { release: client.release, argument: undefined })
      else this.onHandedOn()
    },
  )
  /** Creates that pg has not answered yet. */
  readonly #creates = new Set<AbortSignal | undefined>()
  /** Releases that are going on: one, and what its callback releases at once. */
  #releasing = 0
  /** Clients that pg began to open for us, since ever. */
  #opened = 0
  /** Clients seen whose sockets are open, and what stops us listening to them; and what waits for them to close. */
  readonly #open = new Map<PgClientLike, () => void>()
  readonly #closing = new Map<PgClientLike, () => void>()
  #whenAllClosed: (() => void) | undefined
  #destroyTimeoutMs = Number.POSITIVE_INFINITY

  constructor(pool: PgPoolLike) {
    this.#pool = pool
  }

  /** @param destroyTimeoutMs a socket that has not closed by then, in ms, is cut */
  attach(destroyTimeoutMs: number): void {
    this.#destroyTimeoutMs = destroyTimeoutMs
    this.#pool.prependListener('acquire', this.#onAcquire)
    for (const { client } of this.#pool._idle) this.#watch(client)
  }

  detach(): void {
    this.#lingering.giveAllBack()
    this.#pool.removeListener('acquire', this.#onAcquire)
    for (const unwatch of this.#open.values()) unwatch()
    this.#open.clear()
    for (const done of this.#closing.values()) done()
    this.#whenAllClosed?.()
  }

  /**
   * pg opens a client. Not by its connect: that would lend one at rest (warm-up), and pass it from each create to the
   * next for ever; and tracing counts who calls it as a caller.
   *
   * pg gives up a connect by itself after `connectionTimeoutMillis`, which the adapter has seen to. A hook it lets hang
   * for ever: such a create has been given up, and holds its place at pg still, which is why the next one fails.
   */
  create(signal?: AbortSignal): Promise<PgClientLike> {
    const { totalCount, options, ending } = this.#pool
    const refusal = ending ? new Error(ENDED) : opensNoMore(totalCount, options.max)
    if (refusal !== undefined) {
      const givenUp = [...this.#creates].find((create) => create?.aborted)
      return Promise.reject(givenUp?.reason ?? refusal)
    }
    this.#creates.add(signal)
    return promised((answer) => {
      this.#ask(this.#newClient, (error, client) => {
        this.#creates.delete(signal)
        answer(error, client)
      })
    })
  }

  prepare(): Promise<PgClientLike> {
    return promised((answer) => this.handOut(answer))
  }

  /**
   * An idle client, on the next tick, as pg does it. Should one of pg's die on the way, pg opens another, under the
   * timeout of then.
   */
  handOut(answer: PgAnswer): void {
    const client = this.#lingering.take()
    if (client === undefined) return this.#ask(this.#connectIdle, answer)
    if (this.#isWithoutPg(client)) return process.nextTick(answer, undefined, client)
    this.#giveBackToPg(client)
    this.handOut(answer)
  }

  readonly #newClient = (callback: PgConnectCallback): void => this.#pool.newClient({ callback })

  /**
   * As pg's own connect where one is at rest. If somebody who went past the gate has taken that one, we do not wait in
   * pg's queue for another: no timeout would end that.
   */
  readonly #connectIdle = (callback: PgConnectCallback): void => {
    const { _pendingQueue: queue } = this.#pool
    let isAnswered = false
    const item: PgConnectItem = {
      callback: (...answer) => {
        isAnswered = true
        callback(...answer)
      },
    }
    queue.push(item)
    process.nextTick(() => {
      try {
        this.#pool._pulseQueue()
      } catch (error) {
        // A listener to pg's `acquire` event has thrown: pg has forgotten who was to have the client.
        if (!isAnswered && !queue.includes(item)) callback(error as Error, undefined, ignore)
        throw error
      }
      const at = isAnswered ? -1 : queue.indexOf(item)
      if (at < 0) return
      queue.splice(at, 1)
      callback(new Error('taken past the gate'), undefined, ignore)
    })
  }

  /**
   * Past pg, from holder to holder: where pg would hand it to the next in its own queue at once, having done nothing
   * but count its uses and look at its age, and told nobody but us.
   */
  mayPassOn(client: PgClientLike): boolean {
    // A row of callbacks that release at once must not pile up on the stack.
    return this.#releasing <= 1 && this.#isWithoutPg(client)
  }

  /** Would pg have nothing to do or to tell between two holders? */
  #isWithoutPg(client: PgClientLike): boolean {
    const { options, ending } = this.#pool
    if (ending || !isSound(client) || this.strangersWaiting() > 0) return false
    if (options.maxLifetimeSeconds || Number.isFinite(Number(options.maxUses))) return false
    return this.#pool.listenerCount('acquire') === 1 && this.#pool.listenerCount('release') === 1 // our own: no others
  }

  giveBack(client: PgClientLike): boolean {
    if (!this.#isWithoutPg(client)) return this.#giveBackToPg(client)
    this.#lingering.add(client)
    return true
  }

  #giveBackToPg(client: PgClientLike): boolean {
    const { release, argument } = this.#takeOut(client)
    // Whether pg keeps it (it may be dead, expired or used up) shows in the total at once. Listeners to pg's `release`
    // event may have a new client opened meanwhile, which must not be taken for this one.
    const before = this.#pool.totalCount - this.#opened
    const wasGivingBack = this.isGivingBack // by a listener to pg's `release` event, who gives back another
    this.isGivingBack = true
    try {
      this.endHandOut(release, argument)
    } finally {
      this.isGivingBack = wasGivingBack
    }
    this.onHandedOn()
    return this.#pool.totalCount - this.#opened === before
  }

  /**
   * Resolves when the socket is closed, since until then the slot at the server is taken.
   *
   * To close one at rest, pg has nothing public. Connecting and releasing with `true` comes near, but closes the
   * newest, takes a tick, and opens a client only to close it if there is none any more. So it is pg's private
   * `_remove`, on the oldest: just what pg's own idle timeout does, on all versions of pg-pool 3.
   */
  destroy(client: PgClientLike | undefined, reason: DestroyReason, cause?: unknown): Promise<void> | undefined {
    if (client !== undefined) {
      const { release, argument } = this.#takeOut(client)
      return this.#close(client, () => release(argument || cause || true))
    }
    // A hand-out that failed leaves nothing behind; the idle ones are others, and good.
    if (isOfHandOut(reason)) return undefined
    this.#lingering.giveAllBack()
    const oldest = this.#pool._idle[0]?.client
    if (oldest === undefined) return undefined
    return this.#close(oldest, () => this.#pool._remove(oldest))
  }

  /** Also once detached: what is over its max, pg itself would lend again. */
  endHandOut(release: PgRelease, argument: unknown): void {
    release(argument || this.#pool.totalCount > this.#pool.options.max || argument)
  }

  /** How pg has handed it to us. */
  handOutOf(client: PgClientLike): PgHandOut {
    const handOut = this.#out.get(client)
    assert(handOut !== undefined, 'a client is lent while it is ours')
    return handOut
  }

  /** Releases, and knows it. */
  release(lease: Lease<PgClientLike>): void {
    this.#releasing += 1
    try {
      lease.release()
    } finally {
      this.#releasing -= 1
    }
  }

  idleCount(): number {
    return this.#lingering.length + Math.max(0, this.#pool._idle.length - this.waitingAtPg())
  }

  /** Connects in pg's own queue. */
  waitingAtPg(): number {
    return this.#pool._pendingQueue.length
  }

  /** Of these, who did not come from us: they wait since before adoption, or have gone past the gate. */
  strangersWaiting(): number {
    return this.#asks.strangersWaiting()
  }

  /** Clients out, or being opened, that pg did not hand to us: taken before adoption, or past the gate. */
  strangersOut(): number {
    const { totalCount, _idle } = this.#pool
    return Math.max(0, totalCount - _idle.length - this.#out.size - this.#asks.beingServed)
  }

  /** Has pg open one client and give it to whoever is first in its own queue, which it does not do by itself. */
  kick(limit: number): void {
    const kicks = Math.min(this.strangersWaiting(), limit - this.#pool.totalCount)
    for (let kick = 0; kick < kicks; kick++) this.create().then((client) => this.giveBack(client), ignore)
  }

  /** Clients whose sockets are open. */
  open(): Iterable<PgClientLike> {
    return this.#open.keys()
  }

  /** Resolves when every socket of the pool is closed; those that take too long are cut. */
  allClosed(): Promise<void> {
    if (this.#open.size === 0) return Promise.resolve()
    const cut = () => {
      for (const { connection } of this.#open.keys()) connection?.stream?.destroy()
    }
    return cutLate(this.#destroyTimeoutMs, cut, (closed) => {
      this.#whenAllClosed = closed
    })
  }

  #ask(ask: (callback: PgConnectCallback) => void, answer: PgAnswer): void {
    const { totalCount } = this.#pool
    this.#asks.ask(ask, answer)
    if (this.#pool.totalCount > totalCount) this.#opened += 1
  }

  #takeOut(client: PgClientLike): PgHandOut {
    const handOut = this.handOutOf(client)
    this.#out.delete(client)
    return handOut
  }

  #close(client: PgClientLike, close: () => void): Promise<void> | undefined {
    if (!this.#open.has(client)) {
      close() // it has died already, or pg could not tell us of it
      return undefined
    }
    const cut = () => client.connection?.stream?.destroy()
    return cutLate(this.#destroyTimeoutMs, cut, (closed) => {
      this.#closing.set(client, closed)
      close()
    })
  }

  /** Every hand-out of pg's passes here. */
  readonly #onAcquire = (client: PgClientLike): void => {
    // One that died in an onConnect hook, which went on, has had its `end` already.
    if (!this.#open.has(client) && client.connection?.stream?.destroyed !== true) this.#watch(client)
    this.onHandedOn()
  }

  /**
   * That a socket is closed is heard of its connection: pg's `remove` event, and a client's `end`, come from emitters
   * which are the user's, who may take all listeners away.
   *
   * A client that dies says so by an `error` event, fatal without a listener, and pg has one on those that it has at
   * rest. Of those that are lent the queries fail, so that nobody misses the news; one that lingers is at rest for all
   * others, who are told as pg would.
   */
  #watch(client: PgClientLike): void {
    const onError = (error: Error): void => {
      if (!this.#lingering.remove(client)) return
      this.#giveBackToPg(client)
      this.#pool.emit('error', error, client)
    }
    const onEnd = (): void => {
      this.#open.delete(client)
      this.#closing.get(client)?.()
      this.#closing.delete(client)
      if (this.#open.size === 0) this.#whenAllClosed?.()
    }
    const { connection = client } = client
    client.on('error', onError)
    connection.on('end', onEnd)
    this.#open.set(client, () => {
      client.removeListener('error', onError)
      connection.removeListener('end', onEnd)
    })
  }
}

/** May it be asked anything (pg looks at both when it is given back), and would its death at rest be heard? */
function isSound(client: PgClientLike): boolean | undefined {
  return client._queryable && !client._ending && client.listenerCount('error') > 0
}
