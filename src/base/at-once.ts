import { ignore } from './ignore.ts'

/** Anything that can be awaited, of whatever library of promises. */
export function isThenable(value: unknown): value is PromiseLike<unknown> {
  return typeof (value as { then?: unknown } | null | undefined)?.then === 'function'
}

/**
 * What a function of the user's has answered that is asked in the middle of our work. A promise is no answer, and what
 * it rejects with later must not end the process.
 *
 * @throws TypeError for a promise
 */
export function atOnce<A>(name: string, answer: A): A {
  if (!isThenable(answer)) return answer
  Promise.resolve(answer).catch(ignore)
  throw new TypeError(`${name} must answer at once, got a promise: it must not be async`)
}
