import { mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, test, vi } from 'vitest'
import { runCommandLine } from '../../../src/cli/command-line.ts'

async function run(...args: string[]): Promise<{ exitCode: number; stdout: string; stderr: string }> {
  const stdout: string[] = []
  const stderr: string[] = []
  const exitCode = await runCommandLine(args, {
    stdout: { write: (text) => stdout.push(text) },
    stderr: { write: (text) => stderr.push(text) },
    env: {},
  })
  return { exitCode, stdout: stdout.join(''), stderr: stderr.join('') }
}

describe('adaptive-pool', () => {
  test.each(['--help', '-h'])('%s lists the commands', async (flag) => {
    const { exitCode, stdout, stderr } = await run(flag)
    expect(exitCode).toBe(0)
    expect(stdout).toMatch(/Usage: adaptive-pool <command>.*\n {2}demo /s)
    expect(stderr).toBe('')
  })

  test.each(['--version', '-v'])('%s is the version of the package', async (flag) => {
    expect((await run(flag)).stdout).toMatch(/^\d+\.\d+\.\d+\n$/)
  })

  test('without a command, usage on stderr, exit code 2', async () => {
    const { exitCode, stdout, stderr } = await run()
    expect({ exitCode, stdout }).toEqual({ exitCode: 2, stdout: '' })
    expect(stderr).toMatch(/^Usage:.*Commands/s)
  })

  test.each([
    [['dmeo'], /unknown command 'dmeo'/],
    [['--wat'], /unknown option '--wat'/],
    [['constructor'], /unknown command 'constructor'/],
  ])('%j is a usage error: one line, which says where help is, exit code 2', async (args, complaint) => {
    const { exitCode, stdout, stderr } = await run(...args)
    expect({ exitCode, stdout }).toEqual({ exitCode: 2, stdout: '' })
    expect(stderr).toMatch(complaint)
    expect(stderr).toMatch(/^.*; see adaptive-pool --help\n$/)
  })
})

describe('adaptive-pool demo', () => {
  test('--help wins over whatever else is there', async () => {
    const { exitCode, stdout } = await run('demo', '--wat', '--help')
    expect(exitCode).toBe(0)
    expect(stdout).toMatch(/^Usage: adaptive-pool demo/)
  })

  test.each([
    [['--wat'], /Unknown option '--wat'/],
    [['stray'], /Unexpected argument 'stray'/],
    [['--url'], /--url <value>' argument missing/],
    [['--url', 'mysql://host'], /--url must begin with postgres:\/\/, got 'mysql:\/\/host'/],
    [['--rate', '200'], /--rate must be 2 numbers from 1 to 20000 with commas between, got '200'/],
    [['--rate', '200,many'], /--rate must be 2 numbers/],
    [['--rate', '200,'], /--rate must be 2 numbers/],
    [['--seconds', '3,6'], /--seconds must be 3 numbers from 0.5 to 600/],
    [['--seconds', '3,0,3'], /--seconds must be 3 numbers/],
    [['--limit-max', '0'], /--limit-max must be an integer from 1 to 10000, got '0'/],
    [['--seed', '1.5'], /--seed must be an integer/],
    [['--out', ''], /--out must name a file/],
  ])('%j is a usage error: one line, which says where help is, exit code 2', async (args, complaint) => {
    const { exitCode, stdout, stderr } = await run('demo', ...args)
    expect({ exitCode, stdout }).toEqual({ exitCode: 2, stdout: '' })
    expect(stderr).toMatch(complaint)
    expect(stderr).toMatch(/^.*; see adaptive-pool demo --help\n$/)
  })

  test('a report that cannot be written is found out before anything is run: exit code 1', async () => {
    const { exitCode, stderr } = await run('demo', '--out', '/dev/null/report.html')
    expect(exitCode).toBe(1)
    expect(stderr).toMatch(/^adaptive-pool demo: cannot write \/dev\/null\/report\.html/)
  })

  // Slipped through: the folder of a report can be written to, and half a minute later the report could not.
  test('nor can a report that is a folder', async () => {
    const { exitCode, stderr } = await run('demo', '--out', tmpdir())
    expect(exitCode).toBe(1)
    expect(stderr).toMatch(/^adaptive-pool demo: cannot write .*: it is a folder\n$/)
  })

  // Slipped through, since nobody looked: each demo that failed, or was broken off, left a folder.
  test('what could not be run leaves no folder', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'demo-test-'))
    vi.stubEnv('TMPDIR', folder)
    try {
      expect((await run('demo', '--url', 'postgres://127.0.0.1:1/db')).exitCode).toBe(1)
      expect(await readdir(folder)).toEqual([])
    } finally {
      vi.unstubAllEnvs()
      await rm(folder, { recursive: true })
    }
  })

  test('a server that does not answer: exit code 1, and its password is not printed', async () => {
    const { exitCode, stdout, stderr } = await run('demo', '--url', 'postgres://me:secret@127.0.0.1:1/db')
    expect(exitCode).toBe(1)
    expect(stderr).toMatch(/cannot use postgres:\/\/me:\*\*\*@127\.0\.0\.1:1\/db: .*ECONNREFUSED/)
    expect(stdout + stderr).not.toContain('secret')
  })
})
