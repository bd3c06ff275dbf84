import { show } from './options.ts'

/**
 * What was thrown, for people; never throwing itself, whatever it was. By its members, since an error of another realm
 * is no instance of Error here.
 */
export function messageOf(thrown: unknown): string {
  if (typeof thrown === 'string') return thrown
  if (typeof thrown !== 'object' || thrown === null) return show(thrown)
  try {
    const { code, message, name } = thrown as { code?: unknown; message?: unknown; name?: unknown }
    if (typeof message !== 'string') return show(thrown)
    // node's AggregateError of a refused connect has an empty message; its code is all it says.
    const text = message || String(name)
    return code === undefined || text.includes(String(code)) ? text : `${text} (${String(code)})`
  } catch {
    return show(thrown)
  }
}

/** By its members: under jest, an error of Node's own modules is no instance of the Error that is known here. */
export function isError(thrown: unknown): thrown is Error {
  return typeof (thrown as Error | undefined)?.message === 'string'
}

/**
 * What was thrown, for JSON: an error's message and stack are not in it by themselves, and what a driver hangs on its
 * error may be a ring, or hold a password.
 */
export function loggable(thrown: unknown): unknown {
  if (typeof thrown !== 'object' || thrown === null) return plain(thrown)
  const message = messageOf(thrown)
  try {
    const { name, code, stack } = thrown as { code?: unknown; name?: unknown; stack?: unknown }
    return { name: plain(name), message, code: plain(code), stack: plain(stack) }
  } catch {
    return { message }
  }
}

/** JSON throws at a bigint, and at an object that is a ring. */
function plain(value: unknown): unknown {
  return typeof value === 'bigint' || (typeof value === 'object' && value !== null) ? show(value) : value
}
