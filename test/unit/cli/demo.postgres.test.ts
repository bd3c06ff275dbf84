import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import pg from 'pg'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { runCommandLine } from '../../../src/cli/command-line.ts'
import type { DemoResult } from '../../../src/cli/demo-result.ts'
import { type EmbeddedPostgres, startPostgres } from '../../../src/cli/embedded-postgres.ts'
import { until } from '../../support/until.ts'

let server: EmbeddedPostgres
let folder: string

beforeAll(async () => {
  server = await startPostgres({ maxConnections: 40 })
  folder = await mkdtemp(join(tmpdir(), 'demo-test-'))
})
afterAll(async () => {
  await server.stop()
  await rm(folder, { recursive: true, force: true })
})

/** Connections on the server, but for the one that asks. */
async function connectionsOnServer(): Promise<number> {
  const client = new pg.Client(server.url)
  await client.connect()
  const sql = `select count(*)::int as count from pg_stat_activity where backend_type = 'client backend'`
  const { rows } = await client.query<{ count: number }>(sql)
  await client.end()
  return (rows[0]?.count ?? 0) - 1
}

test('demo --json --url: result on stdout, report in --out, nothing left on the server', async () => {
  const [stdout, stderr]: [string[], string[]] = [[], []]
  const out = join(folder, 'deep/report.html')
  const args = ['demo', '--url', server.url, '--rate', '50,700', '--seconds', '0.5,1,0.5', '--json', '--out', out]
  const exitCode = await runCommandLine(args, {
    stdout: { write: (text) => stdout.push(text) },
    stderr: { write: (text) => stderr.push(text) },
    env: {},
  })
  expect({ exitCode, stderr: exitCode === 0 ? '' : stderr.join('') }).toEqual({ exitCode: 0, stderr: '' })

  const result = JSON.parse(stdout.join('')) as DemoResult & { readonly reportFile: string }
  expect(result.reportFile).toBe(out)
  expect(result.setup.limitMax).toBeLessThan(40) // what the server admits, not what the flag says by default
  for (const { figures } of [result.static, result.adopted]) {
    expect(figures.offered).toBeGreaterThan(600)
    expect(figures.served + figures.failed).toBe(figures.offered)
  }
  expect(result.static.figures.offered).toBe(result.adopted.figures.offered)
  expect(result.static.figures.connectionsMax).toBe(10)
  expect(stderr.join('')).toContain(result.verdict.headline.slice(0, 40))
  expect(await readFile(out, 'utf8')).toContain(result.verdict.headline)
  await until(async () => (await connectionsOnServer()) === 0)
})
