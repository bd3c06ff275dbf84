import { cutLate } from './cut-late.ts'

/** The part of a connection of mysql2's that we touch. */
interface Mysql2Connection {
  /** By which mysql2's are told from others that have a stream. */
  readonly addCommand: unknown
  /** It is lent by a pool of mysql2's own, which keeps it. */
  readonly _pool?: unknown
  readonly stream: { readonly closed?: boolean; destroy(): void; once(event: 'close', listener: () => void): unknown }
}

/**
 * Resolves when what `close` begins is done, and the socket closed: to Sequelize and knex, a connection of mysql2's is
 * closed once its good-bye is written; the server has it longer.
 *
 * @param timeoutMs a socket that has not closed by then, in ms from now, is cut
 */
export async function socketClosed(
  connection: object,
  close: () => Promise<unknown>,
  timeoutMs: number,
): Promise<void> {
  const { addCommand, stream, _pool } = connection as Partial<Mysql2Connection>
  if (addCommand === undefined || stream?.closed !== false || _pool) return void (await close())
  const closed = cutLate(
    timeoutMs,
    () => stream.destroy(),
    (done) => stream.once('close', done),
  )
  try {
    await close()
  } finally {
    await closed
  }
}
