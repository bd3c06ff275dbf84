import { spawn, spawnSync } from 'node:child_process'
import { existsSync, openSync, readFileSync } from 'node:fs'
import { chmod, chown, mkdir, mkdtemp } from 'node:fs/promises'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { createConnection } from 'mysql2/promise'
import type { SharedServer } from './servers.ts'

export interface MariadbServer extends SharedServer {
  /** Stops the server and removes its folder, if it is ours. */
  stop(): Promise<void>
}

/** Of a MariaDB or MySQL that is there already, e.g. mysql://root@127.0.0.1:3306/test. It is neither started nor stopped. */
const URL_VARIABLE = 'ADAPTIVE_POOL_MARIADB_URL'

const HOST = '127.0.0.1'
const DATABASE = 'adaptive_pool'
const UNPRIVILEGED_ID = 65_534 // nobody: needs no account, and MariaDB does not run as root
const START_DEADLINE_MS = 20_000
const PROBE_EVERY_MS = 30

/**
 * The MariaDB that `ADAPTIVE_POOL_MARIADB_URL` names, or else a throw-away one from the system's binaries. Where those
 * are missing, root on a Debian-like system installs them first, and says so.
 *
 * @throws Error when there is no MariaDB to be had, or it does not start
 */
export async function startMariadb(): Promise<MariadbServer> {
  const given = process.env[URL_VARIABLE]
  if (given !== undefined) return serverAt(given)

  const serverBinary = findBinary('mariadbd') ?? installMariadb()
  const installBinary = findBinary('mariadb-install-db')
  if (installBinary === undefined) throw new Error('There is a mariadbd, but no mariadb-install-db beside it.')
  const folder = await mkdtemp(join(tmpdir(), 'adaptive-pool-mariadb-'))
  const data = join(folder, 'data')
  const ids = isRoot() ? { uid: UNPRIVILEGED_ID, gid: UNPRIVILEGED_ID } : {}
  await mkdir(data)
  await chmod(folder, 0o700)
  for (const path of isRoot() ? [folder, data] : []) await chown(path, UNPRIVILEGED_ID, UNPRIVILEGED_ID)
  const options = { ...ids, cwd: folder, env: { PATH: process.env.PATH, HOME: folder, TMPDIR: folder, LC_ALL: 'C' } }
  const log = join(folder, 'server.log')
  const small = ['--innodb-log-file-size=8M', '--innodb-buffer-pool-size=16M']

  const made = spawnSync(
    installBinary,
    [
      '--no-defaults', // must come first
      `--datadir=${data}`,
      '--auth-root-authentication-method=normal', // root may come in over TCP, without a password
      '--skip-test-db',
      ...small,
    ],
    { ...options, encoding: 'utf8' },
  )
  if (made.status !== 0) throw new Error(`mariadb-install-db failed:\n${made.error ?? made.stdout + made.stderr}`)

  const port = await freePort()
  const command = [
    serverBinary,
    '--no-defaults', // must come first
    `--datadir=${data}`,
    `--socket=${join(folder, 's.sock')}`,
    `--pid-file=${join(folder, 'p.pid')}`,
    `--port=${port}`,
    `--bind-address=${HOST}`,
    '--skip-name-resolve',
    `--tmpdir=${folder}`,
    '--innodb-flush-log-at-trx-commit=0',
    ...small,
    '--max-connections=200',
    '--performance-schema=OFF',
  ]
  // The shell holds the other end of a pipe of ours: when that closes, on purpose or because this process died in
  // whatever way, the server goes and its folder with it.
  const script = '"$@" & pid=$!; cat > /dev/null; kill -TERM $pid; wait $pid; rm -rf "$0"'
  const shell = spawn('/bin/sh', ['-c', script, folder, ...command], {
    ...options,
    detached: true, // a Ctrl-C in the terminal goes to the whole process group
    stdio: ['pipe', 'ignore', openSync(log, 'w')],
  })
  shell.unref()
  const stop = async (): Promise<void> => {
    shell.ref()
    shell.stdin?.end()
    if (shell.exitCode === null) await new Promise((resolve) => shell.once('exit', resolve))
  }
  try {
    await untilItAnswers(port, log)
  } catch (error) {
    await stop()
    throw error
  }
  return { ...serverFor({ host: HOST, port, user: 'root', password: '', database: DATABASE }), stop }
}

async function serverAt(given: string): Promise<MariadbServer> {
  const url = new URL(given)
  const server = serverFor({
    host: url.hostname,
    port: Number(url.port || 3306),
    user: decodeURIComponent(url.username || 'root'),
    password: decodeURIComponent(url.password),
    database: url.pathname.slice(1) || DATABASE,
  })
  const { host, port, user, password } = server
  const connection = await createConnection({ host, port, user, password })
  await connection.query(`create database if not exists \`${server.database}\``)
  await connection.end()
  return { ...server, stop: async () => {} }
}

function serverFor(address: Omit<SharedServer, 'url'>): SharedServer {
  const { host, port, user, password, database } = address
  const account = encodeURIComponent(user) + (password === '' ? '' : `:${encodeURIComponent(password)}`)
  return { ...address, url: `mysql://${account}@${host}:${port}/${database}` }
}

async function untilItAnswers(port: number, log: string): Promise<void> {
  const deadlineMs = performance.now() + START_DEADLINE_MS
  for (;;) {
    try {
      const connection = await createConnection({ host: HOST, port, user: 'root', connectTimeout: 1_000 })
      await connection.query(`create database if not exists ${DATABASE}`)
      return await connection.end()
    } catch (error) {
      const written = readFileSync(log, 'utf8')
      const hasGivenUp = written.includes('[ERROR] Aborting')
      if (hasGivenUp || performance.now() > deadlineMs) {
        throw new Error(`MariaDB does not answer:\n${written.slice(-2_000)}`, { cause: error })
      }
      await sleep(PROBE_EVERY_MS)
    }
  }
}

function installMariadb(): string {
  const wayOut = `Install mariadb-server, or name a server of yours in ${URL_VARIABLE}.`
  if (!isRoot() || findBinary('apt-get') === undefined) throw new Error(`No mariadbd on this machine. ${wayOut}`)
  console.log('\n  No mariadbd on this machine: installing the package mariadb-server with apt-get …\n')
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' }
  const aptGet = (...args: string[]) => spawnSync('apt-get', ['-qq', ...args], { env, encoding: 'utf8' })
  aptGet('update')
  const { status, stderr } = aptGet('install', '-y', '--no-install-recommends', 'mariadb-server')
  const found = findBinary('mariadbd')
  if (status !== 0 || found === undefined)
    throw new Error(`apt-get install mariadb-server failed: ${stderr}\n${wayOut}`)
  return found
}

function findBinary(name: string): string | undefined {
  const folders = [...(process.env.PATH ?? '').split(delimiter), '/usr/sbin', '/usr/local/sbin', '/usr/local/bin']
  return folders.map((folder) => join(folder, name)).find((file) => existsSync(file))
}

function isRoot(): boolean {
  return process.getuid?.() === 0
}

async function freePort(): Promise<number> {
  const listener = createServer()
  await new Promise<void>((resolve) => listener.listen(0, HOST, resolve))
  const address = listener.address()
  await new Promise((resolve) => listener.close(resolve))
  if (address === null || typeof address === 'string') throw new Error('no port')
  return address.port
}
