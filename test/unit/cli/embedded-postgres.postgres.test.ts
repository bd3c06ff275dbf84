import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { dirname } from 'node:path'
import { fileURLToPath } from 'node:url'
import pg from 'pg'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type EmbeddedPostgres, startPostgres } from '../../../src/cli/embedded-postgres.ts'
import { until } from '../../support/until.ts'

describe('a server of our own', () => {
  let server: EmbeddedPostgres

  beforeAll(async () => {
    server = await startPostgres({ maxConnections: 17, settings: { work_mem: '5MB' } })
  })

  afterAll(() => server.stop())

  test('accepts queries as soon as it has started, with the settings asked for', async () => {
    const sql = `select current_setting('max_connections') as max, current_setting('work_mem') as mem`
    expect(await query(server.port, sql)).toEqual([{ max: '17', mem: '5MB' }])
  })

  test('killed while it computes, it is gone at once; started again, it has its data and port', async () => {
    await query(server.port, 'create table kept as select 42 as answer')
    const busy = query(server.port, 'select sum(i) from generate_series(1, 1e9) i').catch((error) => error)
    const count = `select count(*)::int as n from pg_stat_activity where state = 'active' and query like '%1e9%'`
    await until(async () => ((await query(server.port, count)) as { n: number }[])[0]?.n === 2) // itself included

    await server.kill()
    expect(await busy).toBeInstanceOf(Error)
    expect(server.pid).toBeUndefined()
    await expect(query(server.port, 'select 1')).rejects.toMatchObject({ code: 'ECONNREFUSED' })

    const { port } = server
    await server.start()
    expect(server.port).toBe(port)
    expect(await query(port, 'select answer from kept')).toEqual([{ answer: 42 }])
  })

  test('stopped, it leaves nothing behind, and others go on; stopping twice is harmless', async () => {
    const other = await startPostgres()
    const folder = await folderOf(other.port)
    expect(existsSync(folder)).toBe(true)
    await other.stop()
    await other.stop()
    expect(existsSync(folder)).toBe(false)
    await expect(other.start()).rejects.toThrow(/stopped for good/)
    expect(await query(server.port, 'select 1 as one')).toEqual([{ one: 1 }])
  })

  test('a setting that PostgreSQL refuses is an error which shows the log', async () => {
    await expect(startPostgres({ settings: { shared_buffers: 'plenty' } })).rejects.toThrow(/exited.*shared_buffers/s)
  })
})

test.skipIf(process.platform === 'win32')('a server dies with its process, however that dies', async () => {
  const script = fileURLToPath(new URL('../../support/hold-postgres.ts', import.meta.url))
  const holder = spawn(process.execPath, ['--import', 'tsx', script], { stdio: ['ignore', 'pipe', 'inherit'] })
  const [line] = await once(holder.stdout, 'data')
  const { port } = JSON.parse(String(line)) as { port: number }
  const folder = await folderOf(port)

  holder.kill('SIGKILL')
  await until(async () => (await query(port, 'select 1').catch((error) => error.code)) === 'ECONNREFUSED')
  await until(() => !existsSync(folder))
})

async function query(port: number, sql: string): Promise<unknown[]> {
  const client = new pg.Client({ host: '127.0.0.1', port, user: 'postgres', database: 'postgres' })
  client.on('error', () => {}) // the server is killed in some of these
  await client.connect()
  try {
    return (await client.query(sql)).rows
  } finally {
    await client.end().catch(() => {})
  }
}

/** The one that holds all of the server's files. */
async function folderOf(port: number): Promise<string> {
  const [row] = (await query(port, 'show data_directory')) as { data_directory: string }[]
  return dirname(row?.data_directory ?? '')
}
