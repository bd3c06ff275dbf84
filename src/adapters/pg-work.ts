import type { WorkObserver } from '../pool/contract.ts'
import { DriverWork, type Watched } from './driver-work.ts'
import { patchMembers } from './patch.ts'
import type { PgClientLike } from './pg-source.ts'

/** Tells of the queries on pg's clients. */
export function pgWork(work: WorkObserver): DriverWork<PgClientLike> {
  return new DriverWork<PgClientLike>(work, watchPgClient)
}

/** What is needed of a client, of a pool's or not. */
type PgAskedLike = Pick<PgClientLike, 'query' | 'on' | 'removeListener' | 'listenerCount' | '_ending'>

/** Is it a client of pg, of whatever copy? */
export function isPgClient(candidate: object): candidate is PgAskedLike {
  const client = candidate as Record<string, unknown>
  return ['query', 'escapeLiteral', 'on', 'removeListener'].every((name) => typeof client[name] === 'function')
}

/**
 * A query begins where it is asked for, in `query`, on the client itself; it ends with the client's `drain`, which pg
 * emits whenever it has nothing left to ask: so nothing has to be hung on promises, where it would pass for a handler
 * of their rejections.
 */
export function watchPgClient(client: PgAskedLike, watched: Watched<object>): () => void {
  const { query } = client // as it is now: another library may have wrapped it, on the client or on its class
  const patch = patchMembers(client, {
    query: (...args: unknown[]) => {
      const { reclaimError } = watched.lease
      // Not of one that lives on: its maker has given it back to a pool of pg's, and that has lent it to somebody else.
      if (reclaimError && client._ending) return refuse(args, reclaimError)
      // Its holder may have taken all listeners away.
      if (client.listenerCount('drain') === 0) client.on('drain', watched.ended)
      watched.began(textOf(args[0]))
      return query.apply(client, args)
    },
  })
  client.on('drain', watched.ended)
  return () => {
    patch.undo()
    client.removeListener('drain', watched.ended)
  }
}

/** A text, a config with one, a Query of pg's, or a cursor that has its text deeper inside. */
function textOf(query: unknown): string {
  if (typeof query === 'string') return query
  const { text, name, cursor } = (query ?? {}) as { text?: unknown; name?: unknown; cursor?: unknown }
  if (typeof text === 'string') return text
  if (typeof name === 'string') return name
  return cursor ? textOf(cursor) : 'unknown'
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
  if (answer) process.nextTick(answer, error)
  else if (typeof handleError === 'function') process.nextTick(() => handleError.call(query, error))
  if (typeof submit === 'function') return query
  return answer ? undefined : Promise.reject(error)
}
