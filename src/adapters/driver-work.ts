import type { GateLease, WorkObserver } from '../pool/contract.ts'

/** A resource of a driver's whose queries are seen, and the lease that it is out on, or was last. */
export interface Watched<R> {
  lease: GateLease<R>
  /** The lease is for one query, begins and ends when that does: so nobody needs to be told when that is. */
  isOneQuery: boolean
  /** Asked for: where one is running, it queues behind. */
  began(text: string): void
  /** The resource has nothing left to ask. */
  ended(): void
}

/** Takes off what was put on a resource. */
export type Unwatch = (() => void) | undefined
type Watch<R> = (resource: R, watched: Watched<R>) => Unwatch
type Seen<R> = Watched<R> & { unwatch?: Unwatch }

/**
 * Tells of the queries on a driver's resources. Each is watched from its first lease on, by what `watch` puts on it;
 * that returns what takes it off, or nothing where it cannot tell. Once it is closed nothing is asked of it, except by
 * a late holder, who is told why.
 */
export class DriverWork<R extends object> {
  readonly #work: WorkObserver
  readonly #watch: Watch<R>
  readonly #seen = new WeakMap<R, Seen<R>>()

  constructor(work: WorkObserver, watch: Watch<R>) {
    this.#work = work
    this.#watch = watch
  }

  lend(resource: R, lease: GateLease<R>, isOneQuery = false): void {
    const seen = this.#seen.get(resource) ?? this.#see(resource, lease)
    seen.lease = lease
    seen.isOneQuery = isOneQuery
    if (!isOneQuery && seen.unwatch !== undefined) this.#work.leaseBegan(lease)
  }

  /** Takes off what is on these. */
  detach(resources: Iterable<R>): void {
    for (const resource of resources) this.#seen.get(resource)?.unwatch?.()
  }

  #see(resource: R, lease: GateLease<R>): Seen<R> {
    const work = this.#work
    const watched: Seen<R> = {
      lease,
      isOneQuery: false,
      began(text) {
        const { lease, isOneQuery } = watched
        const isFirst = lease.work === undefined // somebody's own `query` may ask more than one
        if (!lease.hasEnded) work.queryBegan(lease, text, isOneQuery && isFirst ? lease.sinceMs : undefined)
      },
      ended() {
        if (!watched.lease.hasEnded) work.queriesEnded(watched.lease)
      },
    }
    this.#seen.set(resource, watched)
    watched.unwatch = this.#watch(resource, watched)
    return watched
  }
}
