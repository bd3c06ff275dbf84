#!/usr/bin/env node
import { runCommandLine } from './command-line.ts'
import { exitWithReader } from './reader-left.ts'

exitWithReader(process.stdout, process.stderr, process.exit)

// The exit code is set, not forced: what is still being written gets out, and a handle that was left open shows.
void runCommandLine(process.argv.slice(2), { stdout: process.stdout, stderr: process.stderr, env: process.env }).then(
  (exitCode) => {
    process.exitCode = exitCode
  },
)
