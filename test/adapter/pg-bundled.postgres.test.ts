/** A service of one file, driver and library included, as serverless platforms and frameworks make it. */
import { execFile } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { build } from 'esbuild'
import { expect, inject, onTestFinished, test } from 'vitest'

const { url } = inject('postgres')

/** As members, its functions keep their names whatever a minifier does. */
const SERVICE = `
import pg from 'pg'
import { adapt } from '../../src/adapt.ts'
const pool = new pg.Pool({ connectionString: process.argv[2], max: 2 })
const control = adapt(pool)
const service = {
  async byQuery() { await pool.query('select 1') },
  async byConnect() { (await pool.connect()).release() },
}
async function main() {
  for (const call of Object.values(service)) { await call(); await call() }
  console.log(JSON.stringify(control.profile().holders.map(({ holder }) => holder)))
  await pool.end()
}
main()
`

// Slipped through: nobody had bundled a driver, and a function of ours or of pg's passed for every caller.
test('in one minified file with pg, an adopted pool still names who asked', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'adaptive-pool-bundled-'))
  onTestFinished(() => rm(folder, { recursive: true }))
  const outfile = join(folder, 'dist', 'service.cjs')
  await build({
    stdin: { contents: SERVICE, resolveDir: fileURLToPath(new URL('.', import.meta.url)) },
    bundle: true,
    minify: true,
    platform: 'node',
    external: ['pg-native'],
    outfile,
  })
  const { stdout } = await promisify(execFile)(process.execPath, [outfile, url])
  expect((JSON.parse(stdout) as string[]).sort()).toEqual([
    expect.stringMatching(/byConnect \(.*service\.cjs:\d+:\d+\)$/),
    expect.stringMatching(/byQuery \(.*service\.cjs:\d+:\d+\)$/),
  ])
})
