/** Of a pool whose callers, an ORM, know a timeout by the pool's own class of errors alone. */
export type TimeoutMaker = (cause: Error) => Error

/**
 * The pool's own TimeoutError, without an import of it: by letting one acquire time out, on an object that only looks
 * like the pool, so that nobody hears of it. Takes a millisecond, once.
 *
 * @param members what the lookalike has of its own: a short timeout, a queue, and nothing that it would tell or serve
 */
export async function timeoutErrorOf(pool: object, members: Readonly<Record<string, unknown>>): Promise<TimeoutMaker> {
  const { acquire } = Object.getPrototypeOf(pool)
  const asked = acquire.call(Object.assign(Object.create(pool), members))
  const seen: unknown = await (asked.promise ?? asked).catch((error: unknown) => error)
  const { constructor: TimeoutError, message } = seen as Error
  return (cause) => Object.assign(new (TimeoutError as ErrorConstructor)(message), { cause })
}
