import type { WorkObserver } from '../pool/contract.ts'
import { DriverWork, type Watched } from './driver-work.ts'
import type { Mysql2CommandLike, Mysql2ConnectionLike } from './mysql2-source.ts'
import { patchMembers } from './patch.ts'

/** Tells of the queries on mysql2's connections, whichever way they are asked. */
export function mysql2Work(work: WorkObserver): DriverWork<Mysql2ConnectionLike> {
  return new DriverWork<Mysql2ConnectionLike>(work, watchMysql2Connection)
}

/** What is needed of a core connection, of a pool's or not. */
type Mysql2AskedLike = Pick<Mysql2ConnectionLike, 'addCommand'>

/** Is it a core connection of mysql2, of whatever copy? */
export function isMysql2Connection(candidate: unknown): candidate is Mysql2AskedLike {
  const connection = candidate as Record<string, unknown> | null | undefined
  return ['addCommand', 'query', 'execute'].every((name) => typeof connection?.[name] === 'function')
}

/**
 * Whatever a connection is asked passes `addCommand`: query, execute, a prepared statement's execute, begin, ping. A
 * command ends with its `end`, after its own callback, in which the lease may have ended. One that died with its
 * connection never does; then the lease ends, too.
 */
export function watchMysql2Connection(connection: Mysql2AskedLike, watched: Watched<object>): () => void {
  const { addCommand } = connection // as it is now: another library may have wrapped it
  let running = 0
  const onEnd = (): void => {
    running -= 1
    // An earlier holder's last command ends while the query of the next one is running behind it.
    if (running === 0 && !watched.isOneQuery) watched.ended()
  }
  const { undo } = patchMembers(connection, {
    addCommand: (command: Mysql2CommandLike) => {
      if (!isPreparation(command)) {
        watched.began(textOf(command))
        if (!watched.isOneQuery) {
          running += 1
          command.once('end', onEnd) // an execute that could not be prepared has two
        }
      }
      return addCommand.call(connection, command)
    },
  })
  return undo
}

/** Sent ahead of an `execute`, in the same breath: the two are one query to whoever asked. */
function isPreparation({ sql, query }: Mysql2CommandLike): boolean {
  return sql === undefined && query !== undefined
}

function textOf(command: Mysql2CommandLike): string {
  const text = command.sql ?? command.statement?.query
  return typeof text === 'string' ? text : command.constructor.name
}
