import { TypedEmitter } from 'tiny-typed-emitter'
import { type AsyncScope, captureAsyncScope } from './async-scope.ts'
import { loggable } from './thrown.ts'

/** A map of event names to the one object that each event carries. */
export type EventMap<E> = { [K in keyof E]: object }

/** Each event says of which pool it tells: one listener may serve many. */
export type Labelled<E> = { readonly [K in keyof E]: E[K] & { readonly pool: string } }

/** What users may do with events. */
export interface Observable<E> {
  on<K extends keyof E>(event: K, listener: (payload: E[K]) => void): void
  once<K extends keyof E>(event: K, listener: (payload: E[K]) => void): void
  off<K extends keyof E>(event: K, listener: (payload: E[K]) => void): void
}

/**
 * Typed events whose observers cannot harm what they observe: a listener that throws stops neither the pool nor the
 * listeners after it, and is reported by `onListenerError`; listeners run in the async context in which the emitter
 * was made, never in that of the caller whose release they ride on.
 */
export class Emitter<E extends EventMap<E>> implements Observable<Labelled<E>> {
  // tiny-typed-emitter is node's EventEmitter with types, which need a map that is known here; E is not.
  readonly #inner: UntypedEmitter = new TypedEmitter() as unknown as UntypedEmitter
  readonly #scope: AsyncScope = captureAsyncScope('AdaptivePoolEvents')
  readonly #pool: string
  readonly #onListenerError: (error: unknown, event: string) => void
  /**
   * The events that somebody may be listening to: what `has()` says at a tenth of the price, for the events of every
   * acquire and release. It may say true for a moment too long, while listeners are being told.
   */
  readonly heard: { [K in keyof E]?: boolean } = {}

  constructor(pool: string, onListenerError: (error: unknown, event: string) => void) {
    this.#pool = pool
    this.#onListenerError = onListenerError
    this.#inner.setMaxListeners(0) // a pool shared by a hundred modules is no leak
  }

  on<K extends keyof E>(event: K, listener: (payload: Labelled<E>[K]) => void): void {
    this.#inner.on(event as string, requireListener(event as string, listener) as AnyListener)
    this.heard[event] = true
  }

  once<K extends keyof E>(event: K, listener: (payload: Labelled<E>[K]) => void): void {
    this.#inner.once(event as string, requireListener(event as string, listener) as AnyListener)
    this.heard[event] = true
  }

  off<K extends keyof E>(event: K, listener: (payload: Labelled<E>[K]) => void): void {
    this.#inner.off(event as string, listener as AnyListener)
    this.#noteLeft(event)
  }

  /** Is anybody listening? Ask before building a costly payload. */
  has(event: keyof E): boolean {
    return this.#inner.listenerCount(event as string) > 0
  }

  emit<K extends keyof E>(event: K, payload: E[K]): void {
    if (this.heard[event] !== true) return
    const labelled = { pool: this.#pool, ...payload }
    if ('error' in labelled || 'cause' in labelled) Object.defineProperty(labelled, 'toJSON', { value: toJSON })
    this.#scope.run(() => {
      // rawListeners is a copy, with the wrappers of once(), which take themselves out when called.
      for (const listener of this.#inner.rawListeners(event as string)) this.#call(listener, event as string, labelled)
    })
    this.#noteLeft(event) // listeners of once() have taken themselves out
  }

  /** Something of the user's that is called beside the listeners has failed: told as if it were one. */
  report(error: unknown, name: string): void {
    this.#onListenerError(error, name)
  }

  #noteLeft(event: keyof E): void {
    if (this.#inner.listenerCount(event as string) === 0) this.heard[event] = false
  }

  #call(listener: AnyListener, event: string, payload: unknown): void {
    try {
      // An async listener's rejection would be an unhandled one, and end the process: the same harm as a throw.
      const answer: unknown = listener.call(this.#inner, payload)
      if (answer instanceof Promise) answer.catch((error: unknown) => this.#onListenerError(error, event))
    } catch (error) {
      this.#onListenerError(error, event)
    }
  }
}

/** Of an event that tells of an error: for logs. Where it cannot be seen, so that an event is still all data. */
function toJSON(this: { readonly error?: unknown; readonly cause?: unknown }): object {
  return { ...this, cause: loggable(this.cause), error: loggable(this.error) }
}

type AnyListener = (payload: unknown) => unknown

interface UntypedEmitter {
  on(event: string, listener: AnyListener): void
  once(event: string, listener: AnyListener): void
  off(event: string, listener: AnyListener): void
  listenerCount(event: string): number
  rawListeners(event: string): AnyListener[]
  setMaxListeners(count: number): void
}

/** @throws TypeError for what is no function */
export function requireListener<L>(event: string, listener: L): L {
  if (typeof listener === 'function') return listener
  throw new TypeError(`on('${event}'): listener must be a function, got ${typeof listener}`)
}
