/**
 * Runs every examples/*.js by itself, against the built package, as a reader of the README would: `npm run examples`, or
 * `npm run examples -- pg` for those whose name contains "pg". DATABASE_URL is that of an embedded PostgreSQL, and MARIADB_URL
 * that of a throw-away MariaDB, unless they are set already. Where there is no MariaDB to be had, and none is required,
 * its examples are left out, and counted. An example fails when it exits with another code than 0, or does not exit by itself.
 */
import { spawn } from 'node:child_process'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { startPostgres } from '../../src/cli/embedded-postgres.ts'
import { startMariadb } from './mariadb-server.ts'
import { SERVERS_ARE_REQUIRED } from './servers.ts'

const ROOT = fileURLToPath(new URL('../..', import.meta.url))
const DEADLINE_MS = 60_000

const wanted = process.argv.slice(2)
const examples = readdirSync(join(ROOT, 'examples'))
  .filter((name) => name.endsWith('.js'))
  .filter((name) => wanted.length === 0 || wanted.some((part) => name.includes(part)))
if (examples.length === 0) throw new Error(`no example matches: ${wanted.join(', ')}`)
if (!existsSync(join(ROOT, 'dist/index.js'))) throw new Error('The examples run the built package: npm run build first')

const needs = (variable: string) => (name: string) =>
  readFileSync(join(ROOT, 'examples', name), 'utf8').includes(variable)
const isMissing = (variable: string) => process.env[variable] === undefined && examples.some(needs(variable))
const postgres = isMissing('DATABASE_URL') ? await startPostgres() : undefined
const mariadb = isMissing('MARIADB_URL') ? await startMariadb().catch(unlessRequired) : undefined
const urls = {
  ...(postgres && { DATABASE_URL: postgres.url }),
  ...(mariadb && { MARIADB_URL: mariadb.url }),
}
const failed: string[] = []
const leftOut: string[] = []
for (const name of examples) {
  if (needs('MARIADB_URL')(name) && mariadb === undefined && process.env.MARIADB_URL === undefined) {
    leftOut.push(name)
    continue
  }
  console.log(`\n> node examples/${name}`)
  const startedAtMs = performance.now()
  const ending = await run(name)
  const tookMs = Math.round(performance.now() - startedAtMs)
  console.log(`${ending === undefined ? 'ok' : `FAILED: ${ending}`} (${tookMs} ms)`)
  if (ending !== undefined) failed.push(name)
}
await Promise.all([postgres?.stop(), mariadb?.stop()])
const ran = examples.length - failed.length - leftOut.length
console.log(`\nexamples: ${ran} ran, ${failed.length} failed ${failed.join(' ')}`.trimEnd())
if (leftOut.length > 0) console.log(`left out, without a MariaDB: ${leftOut.join(' ')}`)
process.exitCode = failed.length === 0 ? 0 : 1

function unlessRequired(error: unknown): undefined {
  if (SERVERS_ARE_REQUIRED) throw error
  console.warn(`No MariaDB: ${error instanceof Error ? error.message : error}`)
}

/** Resolves to what went wrong, or to undefined. */
function run(name: string): Promise<string | undefined> {
  const env = { ...process.env, ...urls }
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
