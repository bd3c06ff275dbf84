import type { CreateFailureClass } from './contract.ts'

/** The backend has too many connections. Codes, not texts: those are translated. */
const REFUSING: ReadonlySet<unknown> = new Set([
  '53300', // PostgreSQL too_many_connections, also for "remaining connection slots are reserved"
  'ER_CON_COUNT_ERROR', // MySQL, MariaDB: Too many connections
  1040,
  'ER_TOO_MANY_USER_CONNECTIONS',
  1203,
  'ER_USER_LIMIT_REACHED', // max_user_connections
  1226,
])

/**
 * Poolers in front of PostgreSQL say it under codes that stand for anything, but untranslated: PgBouncer of its
 * max_client_conn, max_db_client_connections and max_user_client_connections, Supavisor of its two limits.
 */
const POOLERS: ReadonlySet<unknown> = new Set(['08P01', 'XX000'])
const REFUSING_TEXT = /no more connections allowed|client connections exceeded|max client(s| connections) reached/i

/** Trying again with the same credentials cannot help. */
const DENIED: ReadonlySet<unknown> = new Set([
  '28000', // PostgreSQL invalid_authorization_specification
  '28P01', // invalid_password
  '3D000', // no such database
  'ER_ACCESS_DENIED_ERROR',
  1045,
  'ER_DBACCESS_DENIED_ERROR',
  1044,
  'ER_BAD_DB_ERROR',
  1049,
])

/** Errors nest (a driver's around node's); three levels have been seen, more would be a cycle. */
const CAUSES_MAX = 4

/** What a failure to create speaks for, by its code or that of what caused it. */
export function classifyCreateFailure(error: unknown): CreateFailureClass {
  try {
    return classOf(error)
  } catch {
    return 'unreachable' // an error whose own getters throw; one who throws here would take the pool along
  }
}

function classOf(error: unknown): CreateFailureClass {
  let cause = error
  for (let depth = 0; depth < CAUSES_MAX && typeof cause === 'object' && cause !== null; depth++) {
    const { code, errno, message, cause: below, parent } = cause as NestedError
    if (REFUSING.has(code) || REFUSING.has(errno)) return 'refusing'
    if (POOLERS.has(code) && REFUSING_TEXT.test(String(message))) return 'refusing'
    if (DENIED.has(code) || DENIED.has(errno)) return 'denied'
    if (cause instanceof CreateTimedOut) return 'timeout'
    cause = below ?? parent
  }
  return 'unreachable'
}

interface NestedError {
  readonly code?: unknown
  readonly errno?: unknown
  readonly message?: unknown
  readonly cause?: unknown
  /** Sequelize's word for the cause. */
  readonly parent?: unknown
}

/** A create outran createTimeoutMs. Travels as the `cause` of what callers get. */
export class CreateTimedOut extends Error {
  override readonly name = 'CreateTimedOut'
  readonly code = 'ERR_POOL_CREATE_TIMEOUT'

  constructor(timeoutMs: number) {
    super(`create did not finish within createTimeoutMs (${timeoutMs} ms)`)
  }
}
