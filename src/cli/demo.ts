import { access, constants, mkdir, mkdtemp, stat, writeFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { availableParallelism, tmpdir } from 'node:os'
import { dirname, join, resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import type pg from 'pg'
import { systemClock } from '../base/clock.ts'
import { adapt, fixed } from '../index.ts'
import { type Command, CommandError, type CommandIo } from './command.ts'
import { DEMO_USAGE, type DemoOptions, parseDemoOptions } from './demo-options.ts'
import { DemoProgress } from './demo-progress.ts'
import { toReportPage } from './demo-report.ts'
import { type DemoResult, type DemoSetup, toDemoResult } from './demo-result.ts'
import { ACQUIRE_TIMEOUT_MS, type DemoRunEnd, type DemoRunOptions, LOAD_QUERY, runDemo } from './demo-run.ts'
import { summaryLines } from './demo-summary.ts'
import { type EmbeddedPostgres, startPostgres } from './embedded-postgres.ts'
import type { RunRecord } from './run-record.ts'

/** The subcommand `demo`. */
export const demo: Command = { usage: DEMO_USAGE, run: runDemoCommand }

/** The size that somebody guessed, and pg's default. */
const POOL_MAX = 10
/** Connections left to the server's other users and to our own observer. */
const SPARE_CONNECTIONS = 5
/** A pool that is only watched has said all it can say this long into the spike. */
const WATCHED_SPIKE_MS = 2_500
/** Neither run pays for code and caches that are still cold. */
const WARM_UP_MS = 1_000

async function runDemoCommand(args: readonly string[], io: CommandIo): Promise<number> {
  const options = parseDemoOptions(args)
  const driver = await loadDriver()
  const file = await requestedFile(options)
  const screen = options.isJson ? io.stderr : io.stdout
  const progress = new DemoProgress(screen, io.env)
  const embedded = options.url === undefined ? await startServer(options, progress) : undefined
  try {
    const url = options.url ?? embedded?.url ?? ''
    const setup = await readSetup(driver, url, options)
    const result = await runAll(driver, url, setup, progress)
    const out = file ?? join(await mkdtemp(join(tmpdir(), 'adaptive-pool-demo-')), 'report.html')
    await writeFile(out, toReportPage(result))
    for (const line of summaryLines(result, screen, io.env)) progress.say(line)
    progress.say(`\nReport: ${out}`)
    if (options.isJson) io.stdout.write(`${JSON.stringify({ ...result, reportFile: out })}\n`)
    return 0
  } finally {
    await embedded?.stop()
  }
}

async function runAll(driver: typeof pg, url: string, setup: DemoSetup, progress: DemoProgress): Promise<DemoResult> {
  const { phases, poolMax, limitMax, seed } = setup
  const base: DemoRunOptions = { driver, url, clock: systemClock, phases, seed, poolMax }
  const calm = phases[0]
  progress.say(`${setup.server}: warming up\n`)
  if (calm) await runDemo({ ...base, phases: [{ ...calm, durationMs: WARM_UP_MS }] })
  const show = async (title: string, more: Partial<DemoRunOptions>): Promise<DemoRunEnd> => {
    const options: DemoRunOptions = { ...base, ...more }
    progress.begin(title)
    const onFrame = (record: RunRecord, elapsedMs: number): void => progress.show(options.phases, record, elapsedMs)
    const end = await runDemo({ ...options, onFrame })
    progress.say('')
    return end
  }
  const bare = await show(`1 of 3: static pg.Pool, max ${poolMax}`, {})
  // Its queue, too, is the driver's kind: its callers fail as those of the static pool do, and the lead is over that.
  const watched = await show(`2 of 3: the same, watched only: adapt(pool, { controller: fixed(), queue: 'fifo' })`, {
    phases: setup.watchedPhases,
    adopt: (pool) => adapt(pool, { name: 'watched', controller: fixed(), queue: 'fifo' }),
  })
  const adopted = await show(`3 of 3: the same, adopted: adapt(pool, { limitMax: ${limitMax} })`, {
    adopt: (pool) => adapt(pool, { name: 'adopted', limitMax }),
  })
  return toDemoResult(setup, { static: bare, watched, adopted })
}

async function startServer({ limitMax }: DemoOptions, progress: DemoProgress): Promise<EmbeddedPostgres> {
  progress.say('Starting an embedded PostgreSQL …')
  try {
    return await startPostgres({ maxConnections: limitMax + 4 * SPARE_CONNECTIONS })
  } catch (error) {
    throw new CommandError(messageOf(error))
  }
}

/** Asks the server what it is and how many connections it has left for us. */
async function readSetup(driver: typeof pg, url: string, options: DemoOptions): Promise<DemoSetup> {
  const client = new driver.Client({ connectionString: url, connectionTimeoutMillis: 5_000 })
  client.on('error', () => {}) // the query under way fails, too
  try {
    await client.connect()
    const { rows } = await client.query<{ version: string; free: number }>(
      `select split_part(current_setting('server_version'), ' ', 1) as version,
              current_setting('max_connections')::int - current_setting('superuser_reserved_connections')::int
                - (select count(*)::int from pg_stat_activity where backend_type = 'client backend') as free`,
    )
    const [before, spike] = options.phases
    const limitMax = Math.min(options.limitMax, Math.max(1, (rows[0]?.free ?? 0) - SPARE_CONNECTIONS))
    return {
      query: LOAD_QUERY,
      seed: options.seed,
      phases: options.phases,
      watchedPhases: [before, { ...spike, durationMs: Math.min(WATCHED_SPIKE_MS, spike.durationMs) }],
      poolMax: Math.min(POOL_MAX, limitMax),
      limitMax,
      acquireTimeoutMs: ACQUIRE_TIMEOUT_MS,
      server: `PostgreSQL ${rows[0]?.version ?? ''}`,
      isServerEmbedded: options.url === undefined,
      machine: `Node ${process.version} on ${process.platform} ${process.arch}, ${availableParallelism()} processors`,
    }
  } catch (error) {
    throw new CommandError(`cannot use ${withoutPassword(url)}: ${messageOf(error)}`)
  } finally {
    await client.end()
  }
}

/** pg is the user's: found beside this library, or where the user stands, when the library is installed globally. */
async function loadDriver(): Promise<typeof pg> {
  for (const from of [import.meta.url, pathToFileURL(join(process.cwd(), 'package.json'))]) {
    const file = resolveFrom(from)
    if (file !== undefined) return ((await import(pathToFileURL(file).href)) as { default: typeof pg }).default
  }
  throw new CommandError('the demo needs the driver pg: run `npm install pg`')
}

function resolveFrom(from: string | URL): string | undefined {
  try {
    return createRequire(from).resolve('pg')
  } catch {
    return undefined
  }
}

/** Where the report is to go; found out first, so that a half minute is not lost to a typing mistake. */
async function requestedFile({ out }: DemoOptions): Promise<string | undefined> {
  if (out === undefined) return undefined
  const file = resolve(out)
  try {
    if ((await stat(file).catch(() => undefined))?.isDirectory()) throw new Error('it is a folder')
    await mkdir(dirname(file), { recursive: true })
    await access(dirname(file), constants.W_OK)
    return file
  } catch (error) {
    throw new CommandError(`cannot write ${file}: ${messageOf(error)}`)
  }
}

function withoutPassword(url: string): string {
  return url.replace(/(\/\/[^:/@]*):[^@]*@/, '$1:***@')
}

/** An AggregateError of a connect, one error for each address, has no message of its own. */
function messageOf(error: unknown): string {
  if (error instanceof AggregateError && error.message === '') return error.errors.map(messageOf).join('; ')
  return error instanceof Error ? error.message : String(error)
}
