import type { Screen } from './terminal-plot.ts'

/** Where a command writes, and the environment it reads. */
export interface CommandIo {
  /** The result. */
  readonly stdout: Screen
  /** Complaints, and progress where stdout carries something that a machine reads. */
  readonly stderr: Screen
  readonly env: NodeJS.ProcessEnv
}

/** One subcommand, as its module exports it. */
export interface Command {
  /** What `--help` prints. */
  readonly usage: string
  /**
   * Resolves to the exit code.
   *
   * @throws UsageError, CommandError
   */
  run(args: readonly string[], io: CommandIo): Promise<number>
}

/** The arguments are wrong; the message says which and how. Exit code 2, as of a shell's builtins. */
export class UsageError extends Error {
  override readonly name = 'UsageError'
}

/** The command could not do its work, for a reason outside of it that the message tells. Exit code 1. */
export class CommandError extends Error {
  override readonly name = 'CommandError'
}
