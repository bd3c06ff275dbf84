import { isOptionsObject, requireInteger, show, unknownOption } from '../base/options.ts'
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
  requireKnown('acquire', given, KEYS)
  const { timeoutMs = acquireTimeoutMs, signal, priority = 0, tag } = given
  if (typeof timeoutMs !== 'number' || Number.isNaN(timeoutMs)) throw refusal('timeoutMs', 'a number > 0', timeoutMs)
  if (timeoutMs <= 0) {
    throw new RangeError(`acquire: timeoutMs must be > 0, got ${timeoutMs}; to not wait at all, use tryAcquire()`)
  }
  requireInteger('acquire: priority', priority, PRIORITY_MIN, PRIORITY_MAX)
  requireTag('acquire', tag)
  if (signal !== undefined && !isAbortSignal(signal)) throw refusal('signal', 'an AbortSignal', signal)
  return { timeoutMs, signal, priority, tag }
}

/**
 * Reads the options of one tryAcquire, which never waits: of those of acquire() only the tag means anything to it.
 *
 * @throws TypeError naming the option, the value and what is allowed
 */
export function resolveTryAcquireOptions(given: Pick<AcquireOptions, 'tag'> | undefined): ResolvedAcquire {
  if (given !== undefined) requireKnown('tryAcquire', given, ['tag'])
  const { tag } = given ?? {}
  requireTag('tryAcquire', tag)
  return { timeoutMs: 0, signal: undefined, priority: 0, tag }
}

function requireKnown(owner: string, given: object, known: readonly string[]): void {
  if (!isOptionsObject(given)) throw new TypeError(`${owner}: expected an object of options, got ${show(given)}`)
  for (const key in given as object) if (!known.includes(key)) throw unknownOption(owner, given, key, known)
}

function requireTag(owner: string, tag: unknown): void {
  if (tag !== undefined && typeof tag !== 'string') {
    throw new TypeError(`${owner}: tag must be a string, got ${show(tag)}`)
  }
}

function refusal(option: string, allowed: string, value: unknown): TypeError {
  return new TypeError(`acquire: ${option} must be ${allowed}, got ${show(value)}`)
}

/** By its members, since a polyfill's or another realm's signal is one too. */
function isAbortSignal(value: unknown): value is AbortSignal {
  const signal = value as Partial<AbortSignal> | null
  if (typeof signal !== 'object' || signal === null || typeof signal.aborted !== 'boolean') return false
  return typeof signal.addEventListener === 'function' && typeof signal.removeEventListener === 'function'
}
