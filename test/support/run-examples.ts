/**
 * Runs every examples/*.js by itself, against the built package, as a reader of the README would: `npm run examples`, or
 * `npm run examples -- pg` for those whose name contains "pg". DATABASE_URL is that of an embedded PostgreSQL unless it
 * is set already. An example fails when it exits with another code than 0, or does not exit by itself.
 */
import { spawn } from 'node:child_process'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { startPostgres } from '../../src/cli/embedded-postgres.ts'

const ROOT = fileURLToPath(new URL('../..', import.meta.url))
const DEADLINE_MS = 60_000

const wanted = process.argv.slice(2)
const examples = readdirSync(join(ROOT, 'examples'))
  .filter((name) => name.endsWith('.js'))
  .filter((name) => wanted.length === 0 || wanted.some((part) => name.includes(part)))
if (examples.length === 0) throw new Error(`no example matches: ${wanted.join(', ')}`)
if (!existsSync(join(ROOT, 'dist/index.js'))) throw new Error('The examples run the built package: npm run build first')

const needsDatabase = examples.some((name) =>
  readFileSync(join(ROOT, 'examples', name), 'utf8').includes('DATABASE_URL'),
)
const server = needsDatabase && process.env.DATABASE_URL === undefined ? await startPostgres() : undefined
const failed: string[] = []
for (const name of examples) {
  console.log(`\n> node examples/${name}`)
  const startedAtMs = performance.now()
  const ending = await run(name)
  const tookMs = Math.round(performance.now() - startedAtMs)
  console.log(`${ending === undefined ? 'ok' : `FAILED: ${ending}`} (${tookMs} ms)`)
  if (ending !== undefined) failed.push(name)
}
await server?.stop()
console.log(`\nexamples: ${examples.length - failed.length} ran, ${failed.length} failed ${failed.join(' ')}`.trimEnd())
process.exitCode = failed.length === 0 ? 0 : 1

/** Resolves to what went wrong, or to undefined. */
function run(name: string): Promise<string | undefined> {
  const env = { ...process.env, ...(server && { DATABASE_URL: server.url }) }
  const child = spawn(process.execPath, [join('examples', name)], { cwd: ROOT, env, stdio: 'inherit' })
  return new Promise((resolve) => {
    const timer = setTimeout(() => {
      child.kill('SIGKILL')
      resolve(`still running after ${DEADLINE_MS} ms`)
    }, DEADLINE_MS)
    child.once('exit', (code, signal) => {
      clearTimeout(timer)
      resolve(code === 0 ? undefined : `exit ${code ?? signal}`)
    })
  })
}
