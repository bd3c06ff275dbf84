/** A bug of this library: an invariant did not hold. Never thrown for a caller's input. */
export class InvariantViolation extends Error {
  override readonly name = 'InvariantViolation'
  readonly code = 'ERR_POOL_INVARIANT'
}

/**
 * Checks an invariant of ours. The message is a plain string where it is cheap, a function where building it costs.
 *
 * @throws InvariantViolation when the condition is false
 */
export function assert(condition: boolean, message: string | (() => string)): asserts condition {
  if (!condition) throw new InvariantViolation(typeof message === 'string' ? message : message())
}
