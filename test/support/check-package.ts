/**
 * Uses the package as a stranger does: packs it, installs the tarball into an empty folder, and loads it from real .mjs
 * and .cjs files (`node -e` would hide failures, as it defines a global require). Part of `npm run check:package`.
 */
import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const ROOT = fileURLToPath(new URL('../..', import.meta.url))
const NPM = process.platform === 'win32' ? 'npm.cmd' : 'npm'

/** What a user's files do; each throws when it does not work. */
const FILES: Readonly<Record<string, string>> = {
  'native.mjs': `
    import { createPool, AcquireTimeoutError, PoolError } from 'adaptive-pool'
    const pool = createPool({ create: async () => ({}), destroy: () => {}, limitMax: 1, acquireTimeoutMs: 20 })
    const lease = await pool.acquire()
    const error = await pool.acquire().catch((reason) => reason)
    if (!(error instanceof AcquireTimeoutError && error instanceof PoolError)) throw error
    lease.release()
    await pool.drain()`,
  'native.cjs': `
    const { createPool } = require('adaptive-pool')
    const pool = createPool({ create: async () => ({}), destroy: () => {}, limitMax: 1 })
    pool.use(async () => {}).then(() => pool.drain())`,
  'both-formats.mjs': `
    import { createRequire } from 'node:module'
    import * as esm from 'adaptive-pool'
    const cjs = createRequire(import.meta.url)('adaptive-pool')
    if (esm.createPool === cjs.createPool) throw new Error('this tests nothing: both are the same module')
    const names = Object.keys(esm).filter((name) => name.endsWith('Error'))
    if (names.length === 0) throw new Error('no errors are exported')
    const misnamed = names.filter((name) => esm[name].name !== name || cjs[name].name !== name)
    if (misnamed.length > 0) throw new Error('printed by another name: ' + misnamed)
    const pool = cjs.createPool({ create: async () => ({}), destroy: () => {}, limitMax: 1, acquireTimeoutMs: 20 })
    const lease = await pool.acquire()
    const error = await pool.acquire().catch((reason) => reason)
    const isA = (name) => error instanceof esm[name]
    const seen = names.filter(isA).sort().join()
    if (seen !== 'AcquireTimeoutError,PoolError') throw new Error('across formats it is an instance of: ' + seen)
    lease.release()
    await pool.drain()`,
  'sim.mjs': `
    import { simulate, scenarios } from 'adaptive-pool/sim'
    if (typeof simulate !== 'function' || scenarios === undefined) throw new Error('sim is incomplete')`,
  'sim.cjs': `
    const { simulate } = require('adaptive-pool/sim')
    if (typeof simulate !== 'function') throw new Error('sim is incomplete')`,
  'generic-pool.mjs': `
    import genericPool, { createPool } from 'adaptive-pool/generic-pool'
    if (genericPool.createPool !== createPool) throw new Error('the default export is not the whole')
    const pool = createPool({ create: async () => ({}), destroy: async () => {} }, { max: 2 })
    await pool.use(async () => {})
    await pool.drain()
    await pool.clear()`,
  'generic-pool.cjs': `
    const { createPool, Pool } = require('adaptive-pool/generic-pool')
    const pool = createPool({ create: async () => ({}), destroy: async () => {} })
    if (!(pool instanceof Pool)) throw new Error('not a Pool')`,
  'same-classes.mjs': `
    import { PoolError } from 'adaptive-pool'
    import * as sim from 'adaptive-pool/sim'
    if (sim.PoolError !== undefined && sim.PoolError !== PoolError) throw new Error('two PoolErrors in one format')`,
  'package-json.cjs': `
    if (require('adaptive-pool/package.json').name !== 'adaptive-pool') throw new Error('package.json is not exported')`,
}

const folder = mkdtempSync(join(tmpdir(), 'adaptive-pool-package-'))
try {
  const packed = run('pack', NPM, ['pack', '--silent', '--pack-destination', folder], ROOT).trim()
  const version = (JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as { version: string }).version
  writeFileSync(join(folder, 'package.json'), '{ "private": true }')
  run('install', NPM, ['install', '--no-audit', '--no-fund', '--silent', join(folder, packed)])
  for (const [name, text] of Object.entries(FILES)) {
    writeFileSync(join(folder, name), text)
    run(name, process.execPath, [name])
  }
  const bin = join(folder, 'node_modules/.bin/adaptive-pool')
  if (!run('adaptive-pool --help', bin, ['--help']).includes('demo')) throw new Error('--help does not mention demo')
  if (run('adaptive-pool --version', bin, ['--version']).trim() !== version) throw new Error('--version is wrong')
  console.log(`package: ${packed} works as installed`)
} finally {
  rmSync(folder, { recursive: true, force: true })
}

function run(title: string, command: string, args: readonly string[], cwd: string = folder): string {
  const { status, error, stdout, stderr } = spawnSync(command, args, { cwd, encoding: 'utf8', timeout: 120_000 })
  if (status !== 0)
    throw new Error(`${title} failed: ${error?.message ?? `exit ${status}`}\n${stdout ?? ''}${stderr ?? ''}`)
  console.log(`ok: ${title}`)
  return stdout
}
