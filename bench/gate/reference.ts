import { execFileSync } from 'node:child_process'
import { cpSync, existsSync, mkdirSync, renameSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const ROOT = fileURLToPath(new URL('../../', import.meta.url))
const KEPT = join(ROOT, 'node_modules/.cache/bench-reference')

export interface Reference {
  readonly commit: string
  /** Its built entry. */
  readonly dist: string
  /** Today's, a copy beside it: what a loader does to a file depends on whether it is below node_modules. */
  readonly distToday: string
}

/**
 * The code as it was when the baseline was last renewed, built beside today's: whatever the machine is, both run on it.
 * undefined: there is no history here to take it from.
 */
export function buildReference(): Reference | undefined {
  const commit = baselineCommit()
  if (commit === undefined) return undefined
  const kept = join(KEPT, commit)
  if (!existsSync(kept)) buildInto(kept, commit)
  return { commit, dist: join(kept, 'dist/index.js'), distToday: join(copyOfToday(), 'dist/index.js') }
}

function copyOfToday(): string {
  const today = join(KEPT, 'today')
  rmSync(today, { recursive: true, force: true })
  for (const what of ['dist', 'package.json']) cpSync(join(ROOT, what), join(today, what), { recursive: true })
  return today
}

function baselineCommit(): string | undefined {
  try {
    const commit = git('log', '-1', '--format=%H', '--', 'bench/baseline.json').toString().trim()
    return commit === '' ? undefined : commit
  } catch {
    return undefined
  }
}

/** Below node_modules, where it finds the same dependencies as ours; renamed last, so that it is whole or not there. */
function buildInto(kept: string, commit: string): void {
  const half = `${kept}-half`
  rmSync(half, { recursive: true, force: true })
  mkdirSync(half, { recursive: true })
  execFileSync('tar', ['-x', '-C', half], { input: git('archive', commit) })
  execFileSync('npx', ['tsup', '--no-dts', '--silent'], { cwd: half, stdio: ['ignore', 'ignore', 'inherit'] })
  renameSync(half, kept)
}

function git(...args: readonly string[]): Buffer {
  return execFileSync('git', args, { cwd: ROOT, maxBuffer: 256 * 1024 * 1024, stdio: ['ignore', 'pipe', 'ignore'] })
}
