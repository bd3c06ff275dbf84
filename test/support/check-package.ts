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

/**
 * A library of somebody's, built on ours, whose own declarations have to name what it exports. Slipped through, since ours
 * are compiled from source and without declarations: half of the controllers could not be exported.
 */
const LIBRARY = `
  import * as pools from 'adaptive-pool'
  import { createPool as genericPool } from 'adaptive-pool/generic-pool'
  import * as sim from 'adaptive-pool/sim'
  const peaks = [{ from: '09:00', to: '10:00', limitMin: 20 }]
  const { aimd, fixed, gradient2, hillClimb, hybrid, littlesLaw, pid, vegas } = pools
  export const own = [aimd(), fixed(), gradient2(), hillClimb(), hybrid(), littlesLaw(), pid(), vegas()] as const
  export const scheduled = pools.schedule({ peaks, controller: pools.withCooldown(hybrid()) })
  export const bounded = pools.withBounds(pools.withStepMax(hybrid(), { raiseMax: 4 }), { limitMin: 1, limitMax: 5 })
  export const queues = [pools.codel(), pools.fifo(), pools.adaptiveLifo()]
  export const pool = pools.createPool({ create: async () => ({}), destroy: () => {} })
  export const told = [pool.counts(), pool.stats().waitMs, pool.profile(), pool.diagnose(), pool.decisions()] as const
  export const adopted = (theirs: object) => pools.adapt(theirs).members
  export const result = sim.simulate({ ...sim.scenarios.steady.options, pool: {} })
  export const run = (async () => [(await result).errors, (await result).timeline, (await result).rows] as const)()
  export const kept = [sim.poisson(1), sim.uslBackend({ serviceMsMean: 1 }), new sim.VirtualClock()] as const
  export const generic = genericPool({ create: async () => 1, destroy: async () => {} }, { adaptive: true })
  export const control = generic.control`

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
  writeFileSync(join(folder, 'library.mts'), LIBRARY)
  const strict = ['--strict', '--exactOptionalPropertyTypes', '--declaration', '--target', 'es2022']
  const node = [
    '--lib',
    'es2023,esnext.disposable',
    '--typeRoots',
    join(ROOT, 'node_modules/@types'),
    '--types',
    'node',
  ]
  const tsc = [join(ROOT, 'node_modules/typescript/bin/tsc'), ...strict, ...node]
  for (const [module, resolution] of [
    ['node16', 'node16'],
    ['esnext', 'bundler'],
  ] as const) {
    const args = [...tsc, '--module', module, '--moduleResolution', resolution, '--outDir', module, 'library.mts']
    run(`declarations, ${resolution}`, process.execPath, args)
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
