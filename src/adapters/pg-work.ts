import type { GateLease, WorkObserver } from '../pool/contract.ts'
import { type Patch, patchMembers } from './patch.ts'
import type { PgClientLike } from './pg-source.ts'

/**
 * Tells of the queries on pg's clients. A query begins where it is asked for, in `query`, on the client itself; it ends
 * with the client's `drain`, which pg emits whenever it has nothing left to ask: so nothing has to be hung on promises,
 * where it would pass for a handler of their rejections.
 */
export class PgWork {
  readonly #work: WorkObserver
  readonly #clients = new Map<PgClientLike, Seen>()

  constructor(work: WorkObserver) {
    this.#work = work
  }

  lend(client: PgClientLike, lease: GateLease<PgClientLike>): void {
    const seen = this.#clients.get(client)
    if (seen === undefined) this.#clients.set(client, this.#watch(client, lease))
    else seen.lease = lease
  }

  /** Closed: nothing is asked of it any more, except by a late holder, who is told why. */
  closed(client: PgClientLike): void {
    this.#clients.delete(client)
  }

  detach(): void {
    for (const [client, { patch, onDrain }] of this.#clients) {
      patch.undo()
      client.removeListener('drain', onDrain)
    }
    this.#clients.clear()
  }

  #watch(client: PgClientLike, lease: GateLease<PgClientLike>): Seen {
    const onDrain = (): void => {
      if (!seen.lease.hasEnded) this.#work.queriesEnded(seen.lease)
    }
    const query = client.query // as it is now: another library may have wrapped it, on the client or on its class
    const patch = patchMembers(client, {
      query: (...args: unknown[]) => {
        const { reclaimError, hasEnded } = seen.lease
        if (reclaimError !== undefined) return refuse(args, reclaimError)
        if (!hasEnded) this.#work.queryBegan(seen.lease, textOf(args[0]))
        return query.apply(client, args)
      },
    })
    const seen: Seen = { lease, patch, onDrain }
    client.on('drain', onDrain)
    return seen
  }
}

interface Seen {
  lease: GateLease<PgClientLike>
  readonly patch: Patch
  readonly onDrain: () => void
}

/** A text, a config with one, a Query of pg's, or a cursor that has its text deeper inside. */
function textOf(query: unknown): string {
  if (typeof query === 'string') return query
  const { text, name, cursor } = (query ?? {}) as { text?: unknown; name?: unknown; cursor?: unknown }
  if (typeof text === 'string') return text
  if (typeof name === 'string') return name
  return cursor === undefined ? 'unknown' : textOf(cursor)
}

/** As pg refuses a query on a closed client: by whichever way its caller hears of it. */
function refuse(args: readonly unknown[], error: Error): unknown {
  const [query] = args
  const { submit, handleError, callback } = (query ?? {}) as {
    submit?: unknown
    handleError?: unknown
    callback?: unknown
  }
  const answer = [...args, callback].findLast((arg) => typeof arg === 'function') as ((e: Error) => void) | undefined
  if (answer !== undefined) process.nextTick(answer, error)
  else if (typeof submit === 'function' && typeof handleError === 'function') {
    process.nextTick(() => handleError.call(query, error, undefined))
  }
  if (typeof submit === 'function') return query
  return answer === undefined ? Promise.reject(error) : undefined
}
