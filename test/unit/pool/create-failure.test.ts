import { expect, test } from 'vitest'
import { CreateTimedOut, classifyCreateFailure } from '../../../src/pool/create-failure.ts'

function coded(code: string, more: object = {}): Error {
  return Object.assign(new Error('in some language'), { code, ...more })
}

/** As poolers in front of PostgreSQL say it: PgBouncer 1.18 to 1.25, Supavisor. */
function said(code: string, message: string): Error {
  return Object.assign(new Error(message), { code })
}

test.each([
  ['PostgreSQL: too many connections', coded('53300'), 'refusing'],
  ['MySQL: too many connections', coded('ER_CON_COUNT_ERROR', { errno: 1040 }), 'refusing'],
  ['MySQL, by its number alone', { errno: 1040 }, 'refusing'],
  ['MariaDB: too many connections of this user', coded('ER_TOO_MANY_USER_CONNECTIONS'), 'refusing'],
  ['MySQL: a limit of the account', { errno: 1226 }, 'refusing'],
  ['PgBouncer: max_client_conn', said('08P01', 'no more connections allowed (max_client_conn)'), 'refusing'],
  [
    'PgBouncer: max_db_client_connections',
    said('08P01', 'client connections exceeded (max_db_client_connections)'),
    'refusing',
  ],
  ['Supavisor', said('XX000', '(EMAXCONN) max client connections reached, limit: 200'), 'refusing'],
  [
    'Supavisor, in session mode',
    said(
      'XX000',
      'MaxClientsInSessionMode: max clients reached - in Session mode max clients are limited to pool_size',
    ),
    'refusing',
  ],
  ['PgBouncer cannot reach the server', said('08P01', 'pgbouncer cannot connect to server'), 'unreachable'],
  ['PostgreSQL: wrong password', coded('28P01'), 'denied'],
  ['PostgreSQL: no entry in pg_hba.conf', coded('28000'), 'denied'],
  ['PostgreSQL: no such database', coded('3D000'), 'denied'],
  ['MySQL: wrong password', coded('ER_ACCESS_DENIED_ERROR', { errno: 1045 }), 'denied'],
  ['MySQL: no such database', { errno: 1049 }, 'denied'],
  ['Sequelize, around its driver', Object.assign(new Error('a'), { parent: coded('53300') }), 'refusing'],
  ['createTimeoutMs', new CreateTimedOut(100), 'timeout'],
  ['a refused connect', coded('ECONNREFUSED', { errno: -111 }), 'unreachable'],
  ['a reset', coded('ECONNRESET'), 'unreachable'],
  ['no such host', coded('ENOTFOUND'), 'unreachable'],
  ['PostgreSQL is starting up', coded('57P03'), 'unreachable'],
  ['an error without a code', new Error('too many connections'), 'unreachable'],
  ['a string', '53300', 'unreachable'],
  ['nothing', undefined, 'unreachable'],
  ['null', null, 'unreachable'],
])('%s', (_, error, failure) => {
  expect(classifyCreateFailure(error)).toBe(failure)
})

test.each([
  ['refusing', coded('53300')],
  ['denied', coded('28P01')],
  ['timeout', new CreateTimedOut(100)],
])('a failure that speaks for %s does so as the cause of another, three levels down', (failure, cause) => {
  const outer = new Error('a', { cause: new Error('b', { cause: new Error('c', { cause }) }) })
  expect(classifyCreateFailure(outer)).toBe(failure)
})

test('the outermost code that says something is the one that counts', () => {
  expect(classifyCreateFailure(coded('28P01', { cause: coded('53300') }))).toBe('denied')
  expect(classifyCreateFailure(coded('ECONNRESET', { cause: coded('53300') }))).toBe('refusing')
})

test('errors that cause each other come to an end', () => {
  const a = new Error('a')
  const b = new Error('b', { cause: a })
  a.cause = b
  expect(classifyCreateFailure(a)).toBe('unreachable')
})

test('an error that cannot be looked into is unreachable', () => {
  const { proxy, revoke } = Proxy.revocable({}, {})
  revoke()
  expect(classifyCreateFailure(proxy)).toBe('unreachable')
})

test('a create that was too slow says so, with the limit', () => {
  expect(new CreateTimedOut(100)).toMatchObject({
    name: 'CreateTimedOut',
    code: 'ERR_POOL_CREATE_TIMEOUT',
    message: 'create did not finish within createTimeoutMs (100 ms)',
  })
})
