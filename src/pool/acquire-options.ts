import { show } from '../base/options.ts'
import type { AcquireOptions } from './contract.ts'
import { PRIORITY_MAX, PRIORITY_MIN } from './waiter-queue.ts'

export interface ResolvedAcquire {
  readonly timeoutMs: number
  readonly signal: AbortSignal | undefined
  readonly priority: number
  readonly tag: string | undefined
}

const KEYS: readonly string[] = ['timeoutMs', 'signal', 'priority', 'tag']

/**
 * Reads the options of one acquire. By hand, not by readOptions: it runs at every acquire.
 *
 * @throws TypeError | RangeError naming the option, the value and what is allowed
 */
export function resolveAcquireOptions(given: AcquireOptions | undefined, acquireTimeoutMs: number): ResolvedAcquire {
  if (given === undefined) return { timeoutMs: acquireTimeoutMs, signal: undefined, priority: 0, tag: undefined }
  if (typeof given !== 'object' || given === null) {
    throw new TypeError(`acquire: expected an object of options, got ${show(given)}`)
  }
  for (const key in given) {
    if (!KEYS.includes(key)) throw new TypeError(`acquire: unknown option ${key}; allowed: ${KEYS.join(', ')}`)
  }
  const { timeoutMs = acquireTimeoutMs, signal, priority = 0, tag } = given
  if (typeof timeoutMs !== 'number' || Number.isNaN(timeoutMs)) throw refusal('timeoutMs', 'a number > 0', timeoutMs)
  if (timeoutMs <= 0) {
    throw new RangeError(`acquire: timeoutMs must be > 0, got ${timeoutMs}; to not wait at all, use tryAcquire()`)
  }
  if (typeof priority !== 'number')
    throw refusal('priority', `an integer from ${PRIORITY_MIN} to ${PRIORITY_MAX}`, priority)
  if (!Number.isInteger(priority) || priority < PRIORITY_MIN || priority > PRIORITY_MAX) {
    throw new RangeError(
      `acquire: priority must be an integer from ${PRIORITY_MIN} to ${PRIORITY_MAX}, got ${priority}`,
    )
  }
  if (tag !== undefined && typeof tag !== 'string') throw refusal('tag', 'a string', tag)
  if (signal !== undefined && !isAbortSignal(signal)) throw refusal('signal', 'an AbortSignal', signal)
  return { timeoutMs, signal, priority, tag }
}

function refusal(option: string, allowed: string, value: unknown): TypeError {
  return new TypeError(`acquire: ${option} must be ${allowed}, got ${show(value)}`)
}

/** By its members, since a polyfill's or another realm's signal is one too. */
function isAbortSignal(value: unknown): value is AbortSignal {
  const signal = value as Partial<AbortSignal> | null
  return typeof signal === 'object' && signal !== null && typeof signal.addEventListener === 'function'
}
