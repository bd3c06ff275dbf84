import packageJson from '../../package.json?raw'
import { type Command, CommandError, type CommandIo, UsageError } from './command.ts'
import type { Screen } from './terminal-plot.ts'

interface CommandEntry {
  readonly summary: string
  readonly load: () => Promise<Command>
}

/** Loaded on use: `--help` need not wait for what a command stands on. */
const COMMANDS: Readonly<Record<string, CommandEntry>> = {
  demo: {
    summary: 'the outage, replayed on a real PostgreSQL: a static pool beside an adaptive one',
    load: async () => (await import('./demo.ts')).demo,
  },
}

/** Runs what the command line says, and resolves to the exit code: 0 done, 1 could not, 2 wrong arguments. */
export async function runCommandLine(args: readonly string[], io: CommandIo): Promise<number> {
  const [name, ...rest] = args
  if (name === '--help' || name === '-h') return print(io.stdout, usageOfAll(), 0)
  if (name === '--version' || name === '-v') return print(io.stdout, versionOf(packageJson), 0)
  if (name === undefined) return print(io.stderr, usageOfAll(), 2)
  const entry = Object.hasOwn(COMMANDS, name) ? COMMANDS[name] : undefined
  if (entry === undefined) {
    const kind = name.startsWith('-') ? 'option' : 'command'
    return print(io.stderr, `adaptive-pool: unknown ${kind} '${name}'; see adaptive-pool --help`, 2)
  }
  const command = await entry.load()
  if (rest.includes('--help') || rest.includes('-h')) return print(io.stdout, command.usage, 0)
  try {
    return await command.run(rest, io)
  } catch (error) {
    return complain(error, name, io)
  }
}

function complain(error: unknown, name: string, { stderr }: CommandIo): number {
  const prefix = `adaptive-pool ${name}`
  if (isUsageError(error)) return print(stderr, `${prefix}: ${error.message}; see ${prefix} --help`, 2)
  if (error instanceof CommandError) return print(stderr, `${prefix}: ${error.message}`, 1)
  // Not foreseen: whoever reports it needs to say where it happened.
  return print(
    stderr,
    `${prefix} failed: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`,
    1,
  )
}

/** Ours, or one of node:util's parseArgs: unknown option, missing value, stray argument. */
function isUsageError(error: unknown): error is Error {
  if (error instanceof UsageError) return true
  const code = error instanceof Error && 'code' in error ? String(error.code) : ''
  return code.startsWith('ERR_PARSE_ARGS_')
}

function usageOfAll(): string {
  const width = Math.max(...Object.keys(COMMANDS).map((name) => name.length))
  const lines = Object.entries(COMMANDS).map(([name, { summary }]) => `  ${name.padEnd(width)}   ${summary}`)
  return `Usage: adaptive-pool <command> [options]

Commands
${lines.join('\n')}

Options
  -h, --help      this text; after a command, its own
  -v, --version   the version of the library

Exit status: 0 done, 1 could not be done, 2 wrong arguments`
}

function versionOf(json: string): string {
  return (JSON.parse(json) as { readonly version: string }).version
}

function print(screen: Screen, text: string, exitCode: number): number {
  screen.write(`${text}\n`)
  return exitCode
}
