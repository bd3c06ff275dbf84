import { EventEmitter } from 'node:events'
import { Duplex } from 'node:stream'
import { runInNewContext } from 'node:vm'
import { createPool as createMariadbPool } from 'mariadb'
import { createPool as createMysql2Pool } from 'mysql2/promise'
import pg from 'pg'
import { expect, test } from 'vitest'
import { adapt } from '../../../src/adapt.ts'
import { fixed } from '../../../src/control/fixed.ts'

/** Under jest, and in whatever else runs in a context of its own, the errors of Node's modules are of another realm. */
const REFUSED: Error = Object.assign(runInNewContext('new Error("connect ECONNREFUSED")'), { code: 'ECONNREFUSED' })

function refusedStream(): Duplex {
  const stream = new Duplex({ read() {}, write: (_chunk, _encoding, done) => done() })
  process.nextTick(() => stream.destroy(REFUSED))
  return stream
}

class RefusedClient extends EventEmitter {
  connect(done: (error: Error) => void): void {
    process.nextTick(done, REFUSED)
  }
}

const OPTIONS = { controller: fixed(), watch: false, createBackoff: { refuseAfter: 1 } } as const

test('the callers of pg get the very error that connecting failed with', async () => {
  const pool = new pg.Pool({ Client: RefusedClient as never })
  adapt(pool, OPTIONS)
  expect(await pool.query('select 1').catch((error: unknown) => error)).toBe(REFUSED)
})

test('the callers of mysql2 get the very error that connecting failed with', async () => {
  const pool = createMysql2Pool({ stream: refusedStream })
  adapt(pool, OPTIONS)
  expect(await pool.query('select 1').catch((error: unknown) => error)).toBe(REFUSED)
  await pool.end()
})

test('the callers of mariadb are told why it cannot connect as soon as it tells', async () => {
  const pool = createMariadbPool({ stream: refusedStream, minimumIdle: 0, initializationTimeout: 100 } as object)
  adapt(pool, OPTIONS)
  await expect(pool.query('select 1')).rejects.toMatchObject({ cause: REFUSED })
  await pool.end()
})
