/**
 * The same seed must give the same result, byte for byte, on every version of Node that we support: runs scenarios of
 * the built package on each and compares hashes of all they tell. Other versions than one's own come from npm, into a
 * cache below node_modules. `npm run check:determinism`; part of CI, after the build.
 */
import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const ROOT = fileURLToPath(new URL('../..', import.meta.url))
const CACHE = join(ROOT, 'node_modules/.cache/adaptive-pool')
const NPM = process.platform === 'win32' ? 'npm.cmd' : 'npm'
const MAJORS = [20, 22, 24, 26]

/** Every controller and every kind of backend, workload and disturbance has its turn in one of these. */
const PROGRAM = `
import { createHash } from 'node:crypto'
import * as pools from 'adaptive-pool'
import { scenarios, simulate } from 'adaptive-pool/sim'
const controllers = ['hybrid', 'aimd', 'littlesLaw', 'pid', 'vegas', 'gradient2', 'hillClimb', 'fixed']
const hashes = []
let turn = 0
for (const { name, options } of Object.values(scenarios)) {
  const controller = controllers[turn++ % controllers.length]
  const durationMs = Math.min(options.durationMs, options.recoverFromMs + 8_000)
  const pool = { ...options.pool, controller: pools[controller]() }
  const result = await simulate({ ...options, durationMs, pool, seed: turn })
  const told = JSON.stringify(result) + result.toCsv() + result.toHtml()
  hashes.push(name + ' ' + controller + ' ' + createHash('sha256').update(told).digest('hex').slice(0, 16))
}
console.log(hashes.join('\\n'))
`

mkdirSync(CACHE, { recursive: true })
const program = join(CACHE, 'determinism.mjs')
// Self-reference works for files of the package itself only, and this one is below node_modules.
writeFileSync(
  program,
  PROGRAM.replace("'adaptive-pool'", JSON.stringify(join(ROOT, 'dist/index.js'))).replace(
    "'adaptive-pool/sim'",
    JSON.stringify(join(ROOT, 'dist/sim/index.js')),
  ),
)

const told = MAJORS.map((major) => {
  const node = nodeOf(major)
  const version = run(node, ['--version']).trim()
  const startedAtMs = performance.now()
  const hashes = run(node, [program])
  console.log(
    `${version}: ${hashes.split('\n').length - 1} scenarios, ${((performance.now() - startedAtMs) / 1000).toFixed(1)} s`,
  )
  return { version, hashes }
})
const [first, ...others] = told
const parted = others.filter(({ hashes }) => hashes !== first?.hashes)
for (const { version, hashes } of parted) {
  const lines = hashes.split('\n')
  const differing = (first?.hashes ?? '').split('\n').filter((line, at) => line !== lines[at])
  console.error(`${version} tells something else than ${first?.version}:\n${differing.join('\n')}`)
}
if (parted.length > 0) process.exit(1)
console.log(`The same results on ${told.map(({ version }) => version).join(', ')}.`)

/** The program of that version: our own, or one from npm, which an install script puts in its place. */
function nodeOf(major: number): string {
  if (process.versions.node.startsWith(`${major}.`)) return process.execPath
  const folder = join(CACHE, `node-${major}`)
  const binary = join(folder, 'node_modules/.bin/node')
  if (!existsSync(binary)) {
    mkdirSync(folder, { recursive: true })
    writeFileSync(
      join(folder, 'package.json'),
      JSON.stringify({ private: true, allowScripts: { [`node@${major}`]: true } }),
    )
    run(NPM, ['install', '--prefix', folder, '--no-audit', '--no-fund', '--no-package-lock', `node@${major}`])
  }
  return binary
}

function run(command: string, args: readonly string[]): string {
  const { status, stdout, stderr } = spawnSync(command, args, { encoding: 'utf8', maxBuffer: 1e8 })
  if (status !== 0) throw new Error(`${command} ${args.join(' ')} ended with ${status}: ${stderr}`)
  return stdout
}
