import { execFile } from 'node:child_process'
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
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

const ORM = `
export async function transaction(pool: { acquire(): Promise<{ release(): void }> }) {
  const lease = await pool.acquire()
  lease.release()
}
`

const SERVICE_ON_ORM = `
import { createPool } from '${fileURLToPath(new URL('../../../src/index.ts', import.meta.url)).replaceAll('\\', '/')}'
import { transaction } from 'some-orm'
const pool = createPool({ create: () => ({}), destroy: () => {} })
setImmediate(transaction, pool)
setImmediate(() => transaction(pool))
setTimeout(() => console.log(JSON.stringify(pool.profile().holders.map(({ holder }) => holder))), 50)
`

// Slipped through, since nobody had run a package under its source map: TypeORM's passed for the application.
test('a package whose source map leads out of it, to wherever it was built from, is not the application', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'adaptive-pool-mapped-'))
  onTestFinished(() => rm(folder, { recursive: true }))
  const orm = join(folder, 'node_modules', 'some-orm')
  await mkdir(join(folder, 'orm-sources'))
  await writeFile(join(folder, 'orm-sources', 'index.ts'), ORM)
  await writeFile(join(folder, 'service.ts'), SERVICE_ON_ORM)
  const options = { format: 'cjs', config: false, dts: false, silent: true } as const
  await build({ ...options, entry: [join(folder, 'orm-sources', 'index.ts')], outDir: orm, sourcemap: 'inline' })
  await writeFile(join(orm, 'package.json'), JSON.stringify({ name: 'some-orm', main: 'index.cjs' }))
  await build({
    ...options,
    entry: [join(folder, 'service.ts')],
    outDir: folder,
    noExternal: ['tiny-typed-emitter'],
    external: ['some-orm'],
  })
  const argv = ['--enable-source-maps', join(folder, 'service.cjs')]
  const { stdout } = await promisify(execFile)(process.execPath, argv)
  expect(JSON.parse(stdout).sort()).toEqual([
    expect.stringMatching(/service\.cjs:\d+:\d+\)?$/),
    expect.stringMatching(/orm-sources[\\/]index\.ts:\d+:\d+\)?$/),
  ])
})

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
