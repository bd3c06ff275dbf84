import { describe, expect, test } from 'vitest'
import { DemoProgress } from '../../../src/cli/demo-progress.ts'
import { newRunRecord, type Phase, type RunRecord } from '../../../src/cli/run-record.ts'

const PHASES: readonly Phase[] = [
  { name: 'calm before', durationMs: 1_000, ratePerSecond: 100 },
  { name: 'spike', durationMs: 1_000, ratePerSecond: 1_000 },
]

/** What a terminal is told, besides text: up by so many lines; erase this line. */
const ESCAPE = '\x1b['
const ERASE_LINE = `${ESCAPE}2K`

function newScreen(more: { isTTY?: boolean; columns?: number; rows?: number }) {
  const written: string[] = []
  return {
    ...more,
    write: (text: string) => written.push(text),
    /** What was written since the last call. */
    take: () => written.splice(0).join(''),
  }
}

/** Half a second in which 50 came; half were served after 20 ms, half failed. */
function someRecord(): RunRecord {
  const record = newRunRecord()
  for (let atMs = 0; atMs < 500; atMs += 10) {
    record.arrivalsAtMs.push(atMs)
    record.answers.push({ arrivedAtMs: atMs, latencyMs: 20, ...(atMs % 20 === 0 && { failure: 'timeout' }) })
  }
  record.gauges.push({ atMs: 490, limit: 10, inUse: 7, waiting: 3 })
  return record
}

/** The first frame on a terminal; in plain text, unless `env` says otherwise. */
function drawn(record: RunRecord, elapsedMs: number, env: NodeJS.ProcessEnv = { NO_COLOR: '1' }): string {
  const screen = newScreen({ isTTY: true, columns: 80 })
  const progress = new DemoProgress(screen, env)
  progress.begin('1 of 2')
  progress.show(PHASES, record, elapsedMs)
  return screen.take()
}

describe('on a terminal', () => {
  test('a frame is drawn over the one before it, and stays within the columns', () => {
    const screen = newScreen({ isTTY: true, columns: 60 })
    const progress = new DemoProgress(screen, { NO_COLOR: '1' })
    progress.begin('1 of 2')
    progress.show(PHASES, someRecord(), 500)
    const first = screen.take()
    expect(first.startsWith(`${ERASE_LINE}1 of 2\n`)).toBe(true) // nothing above it is touched
    const lineCount = first.split('\n').length - 1
    progress.show(PHASES, someRecord(), 600)
    const second = screen.take()
    expect(second.startsWith(`${ESCAPE}${lineCount}A${ERASE_LINE}1 of 2\n`)).toBe(true)
    const lines = second.replace(`${ESCAPE}${lineCount}A`, '').replaceAll(ERASE_LINE, '').split('\n')
    expect(lines).toHaveLength(lineCount + 1)
    expect(Math.max(...lines.map((line) => line.length))).toBeLessThan(60)
  })

  // Slipped through, since sixty columns were the fewest: lines that wrap are not drawn over.
  test.each([{ columns: 40 }, { rows: 9 }])('where a frame does not fit, it is a line per second: %o', (size) => {
    const screen = newScreen({ isTTY: true, ...size })
    const progress = new DemoProgress(screen, { NO_COLOR: '1' })
    progress.begin('1 of 2')
    progress.show(PHASES, someRecord(), 500)
    expect(screen.take()).not.toContain(ESCAPE)
  })

  test('it shows rates, the pool, and how far the run is', () => {
    const text = drawn(someRecord(), 500)
    expect(text).toMatch(/0\.5 of 2\.0 s +█+░+ calm before/)
    expect(text).toMatch(/offered \/s .* 100\n/)
    expect(text).toMatch(/failed \/s .* 50\n/)
    expect(text).toMatch(/in use .* 7\n/)
    expect(text).toMatch(/latency p99 .* 20 ms\n/)
  })

  // Slipped through, since the first frame of a run was never looked at.
  test('what has not been measured yet is no 0.0 ms', () => {
    const text = drawn(newRunRecord(), 100)
    expect(text).toMatch(/latency p99 .* –\n/)
    expect(text).toMatch(/query past the pool .* –\n/)
  })

  test('failures are red as soon as there was one; NO_COLOR is honoured', () => {
    for (const env of [{}, { NO_COLOR: '1' }]) {
      expect(drawn(someRecord(), 500, env).includes(`${ESCAPE}31m`)).toBe(!('NO_COLOR' in env))
    }
  })
})

describe('elsewhere', () => {
  test('a line per second, in plain text', () => {
    const screen = newScreen({})
    const progress = new DemoProgress(screen, {})
    progress.begin('1 of 2')
    for (let elapsedMs = 100; elapsedMs <= 2_100; elapsedMs += 100) progress.show(PHASES, someRecord(), elapsedMs)
    const text = screen.take()
    expect(text).not.toContain(ESCAPE)
    const [title, ...lines] = text.trimEnd().split('\n')
    expect(title).toBe('1 of 2')
    expect(lines.map((line) => line.trim())).toEqual([
      expect.stringMatching(/^0\.1 s, calm before/),
      expect.stringMatching(/^1\.0 s, spike/),
      expect.stringMatching(/^2\.0 s, last answers/),
    ])
  })
})
