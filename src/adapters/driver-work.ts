import type { GateLease, WorkObserver } from '../pool/contract.ts'

/** A resource of a driver's whose queries are seen, and the lease that it is out on, or was last. */
export interface Watched<R> {
  lease: GateLease<R>
  /** Asked for: where one is running, it queues behind. */
  began(text: string): void
  /** The resource has nothing left to ask. */
  ended(): void
}

/**
 * Tells of the queries on a driver's resources. Each is watched from its first lease on, by what `watch` puts on it;
 * that returns what takes it off.
 */
export class DriverWork<R> {
  readonly #work: WorkObserver
  readonly #watch: (resource: R, watched: Watched<R>) => () => void
  readonly #all = new Map<R, { readonly watched: Watched<R>; readonly unwatch: () => void }>()

  constructor(work: WorkObserver, watch: (resource: R, watched: Watched<R>) => () => void) {
    this.#work = work
    this.#watch = watch
  }

  lend(resource: R, lease: GateLease<R>): void {
    const known = this.#all.get(resource)
    if (known !== undefined) {
      known.watched.lease = lease
      return
    }
    const work = this.#work
    const watched: Watched<R> = {
      lease,
      began(text) {
        if (!watched.lease.hasEnded) work.queryBegan(watched.lease, text)
      },
      ended() {
        if (!watched.lease.hasEnded) work.queriesEnded(watched.lease)
      },
    }
    this.#all.set(resource, { watched, unwatch: this.#watch(resource, watched) })
  }

  /** Closed: nothing is asked of it any more, except by a late holder, who is told why. */
  closed(resource: R): void {
    this.#all.delete(resource)
  }

  detach(): void {
    for (const { unwatch } of this.#all.values()) unwatch()
    this.#all.clear()
  }
}
