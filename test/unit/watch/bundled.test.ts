import { execFile } from 'node:child_process'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { build } from 'tsup'
import { expect, onTestFinished, test } from 'vitest'

const SERVICE = `
import { createPool } from '${fileURLToPath(new URL('../../../src/index.ts', import.meta.url)).replaceAll('\\', '/')}'
const pool = createPool({ create: () => ({}), destroy: () => {} })
async function saveOrder() {
  const lease = await pool.acquire()
  lease.release()
}
async function main() {
  await saveOrder()
  await saveOrder()
  console.log(JSON.stringify(pool.profile().holders.map(({ holder }) => holder)))
}
main()
`

// Slipped through: in one file with the application, a function of ours passed for the caller.
test('bundled into an application, a native pool still names who asked', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'adaptive-pool-bundled-'))
  onTestFinished(() => rm(folder, { recursive: true }))
  await writeFile(join(folder, 'service.ts'), SERVICE)
  await build({
    entry: [join(folder, 'service.ts')],
    outDir: folder,
    format: 'cjs',
    noExternal: [/.*/],
    config: false,
    dts: false,
    silent: true,
  })
  const { stdout } = await promisify(execFile)(process.execPath, [join(folder, 'service.cjs')])
  expect(JSON.parse(stdout)).toEqual([expect.stringMatching(/^saveOrder \(.*service\.cjs:\d+:\d+\)$/)])
})
