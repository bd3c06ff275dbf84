import { messageOf } from '../base/thrown.ts'
import type { Sample } from '../measure/sample.ts'
import type { CreateFailureClass, PoolEvents } from '../pool/contract.ts'

/** The recent luck of creation. Plain data. */
export interface CreationSeen {
  /** In a row; 0: the last create succeeded. */
  readonly failures: number
  readonly failure: CreateFailureClass | undefined
  /** What the last failure said. */
  readonly message: string
  readonly failedAtMs: number
  /** When the next create may start. */
  readonly retryAtMs: number
  /** The last time that the backend refused for having too many connections. */
  readonly refusedAtMs: number
}

export const LUCKY_CREATION: CreationSeen = {
  failures: 0,
  failure: undefined,
  message: '',
  failedAtMs: Number.MIN_SAFE_INTEGER,
  retryAtMs: Number.MIN_SAFE_INTEGER,
  refusedAtMs: Number.MIN_SAFE_INTEGER,
}

/** One failure may be a lost packet, two a blip. */
const FAILURES_MIN = 3
/** A create that may have started so long ago, in ms, has not: its usual timeout has passed. Failures are history. */
const SILENCE_MS = 12_000

export function creationFailed(
  seen: CreationSeen,
  { error, failure, failures, retryInMs }: PoolEvents['createFailed'],
  nowMs: number,
): CreationSeen {
  return {
    failures,
    failure,
    message: messageOf(error),
    failedAtMs: nowMs,
    retryAtMs: nowMs + retryInMs,
    refusedAtMs: failure === 'refusing' ? nowMs : seen.refusedAtMs,
  }
}

/** It ends a row of failures; so does a long silence. */
export function creationSucceeded(seen: CreationSeen): CreationSeen {
  return seen.failures === 0 ? seen : { ...seen, failures: 0, failure: undefined }
}

/** Nobody has tried again for so long that what failed says nothing any more. */
export function isHistory({ retryAtMs }: CreationSeen, nowMs: number): boolean {
  return nowMs > retryAtMs + SILENCE_MS
}

/** Creation gives nothing at present, for whatever reason. */
export function isCreationFailing(seen: CreationSeen): boolean {
  return seen.failures > 0
}

/**
 * Creation fails for more than bad luck: in a row, for good, or with nothing left for whoever asks next. Being refused
 * for too many connections is another matter.
 */
export function isCreationTrouble(seen: CreationSeen, live: number): boolean {
  if (seen.failures === 0 || seen.failure === 'refusing') return false
  return seen.failures >= FAILURES_MIN || seen.failure === 'denied' || live === 0
}

/** The backend has refused one since the window began. */
export function wasRefused(seen: CreationSeen, { atMs, windowMs }: Sample): boolean {
  return seen.refusedAtMs > atMs - windowMs
}

/** For this long after a refusal, in ms, the pool's state is put down to it: the limit is cut, and tried again. */
const REFUSAL_MEMORY_MS = 10_000

export function isRefusedLately(seen: CreationSeen, nowMs: number): boolean {
  return nowMs - seen.refusedAtMs < REFUSAL_MEMORY_MS
}
