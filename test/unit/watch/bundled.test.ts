import { execFile } from 'node:child_process'
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { build } from 'tsup'
import { expect, onTestFinished, test } from 'vitest'

const SOURCES = fileURLToPath(new URL('../../../src', import.meta.url)).replaceAll('\\', '/')

/** As members, its functions keep their names whatever a minifier does. */
const SERVICE = `
import { adapt, createPool } from '${SOURCES}/index.ts'
import { createPool as createDropIn } from '${SOURCES}/generic-pool/index.ts'
import genericPool from 'generic-pool'
const factory = { create: async () => ({}), destroy: async () => {} }
const native = createPool(factory)
const adopted = genericPool.createPool(factory)
const dropIn = createDropIn(factory)
const handles = [native, adapt(adopted), dropIn.control]
const service = {
  async byUse() { await native.use(() => {}) },
  async byAcquire() { (await native.acquire()).release() },
  async byTry() { native.tryAcquire()?.release() },
  async adoptedByUse() { await adopted.use(async () => {}) },
  async adoptedByAcquire() { await adopted.release(await adopted.acquire()) },
  async dropInByUse() { await dropIn.use(async () => {}) },
  async dropInByAcquire() { await dropIn.release(await dropIn.acquire()) },
}
async function main() {
  for (const call of Object.values(service)) { await call(); await call() }
  console.log(JSON.stringify(handles.flatMap((one) => one.profile().holders).map(({ holder }) => holder)))
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
setImmediate(() => setTimeout(() => console.log(JSON.stringify(pool.profile().holders.map(({ holder }) => holder))), 50))
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

// Slipped through: of what is in one file with the application, only an acquire() of a native pool had been looked at. A bundle
// in a folder called dist passed for ours, and nobody in it was named.
test.each([
  { outDir: 'out', minify: false },
  { outDir: 'dist', minify: false },
  { outDir: 'dist', minify: true },
])(
  'bundled into an application, pools still name who asked: $outDir, minified: $minify',
  async ({ outDir, minify }) => {
    const folder = await mkdtemp(join(tmpdir(), 'adaptive-pool-bundled-'))
    onTestFinished(() => rm(folder, { recursive: true }))
    await writeFile(join(folder, 'service.ts'), SERVICE)
    await build({
      entry: [join(folder, 'service.ts')],
      outDir: join(folder, outDir),
      format: 'cjs',
      minify,
      noExternal: ['tiny-typed-emitter'],
      external: ['generic-pool'],
      config: false,
      dts: false,
      silent: true,
    })
    const env = { ...process.env, NODE_PATH: `${SOURCES}/../node_modules` }
    const { stdout } = await promisify(execFile)(process.execPath, [join(folder, outDir, 'service.cjs')], { env })
    const names = (JSON.parse(stdout) as string[]).map(
      (holder) => /^(?:\w+\.)?(\w+) \(.*service\.cjs:\d+:\d+\)$/.exec(holder)?.[1],
    )
    expect(names.sort()).toEqual([
      'adoptedByAcquire',
      'adoptedByUse',
      'byAcquire',
      'byTry',
      'byUse',
      'dropInByAcquire',
      'dropInByUse',
    ])
  },
)
