import { describe, expect, test } from 'vitest'
import type { Answer } from '../../../src/cli/open-loop.ts'
import { toFigures } from '../../../src/cli/run-figures.ts'
import { newRunRecord, type Phase, quantile, type RunRecord, toRows } from '../../../src/cli/run-record.ts'

const PHASES: readonly Phase[] = [
  { name: 'calm before', durationMs: 1_000, ratePerSecond: 100 },
  { name: 'spike', durationMs: 1_000, ratePerSecond: 100 },
  { name: 'calm after', durationMs: 1_000, ratePerSecond: 100 },
]
const END = { unanswered: 0, lateMsMax: 0 }

/** 100 arrivals a second for 3 s, each answered as `answer` says; by default served after 20 ms. */
function recordWhere(answer: (arrivedAtMs: number) => Partial<Answer>): RunRecord {
  const record = newRunRecord()
  for (let atMs = 0; atMs < 3_000; atMs += 10) record.arrivalsAtMs.push(atMs)
  const answers = record.arrivalsAtMs.map((arrivedAtMs) => ({ arrivedAtMs, latencyMs: 20, ...answer(arrivedAtMs) }))
  record.answers.push(...answers.sort((a, b) => a.arrivedAtMs + a.latencyMs - (b.arrivedAtMs + b.latencyMs)))
  return record
}

const between = (atMs: number, fromMs: number, toMs: number): boolean => atMs >= fromMs && atMs < toMs

describe('quantile', () => {
  test('the nearest rank: a value that occurs', () => {
    expect([0, 0.5, 0.95, 1].map((q) => quantile([40, 10, 30, 20], q))).toEqual([10, 20, 40, 40])
  })

  test('of nothing it is 0', () => expect(quantile([], 0.99)).toBe(0))
})

describe('toRows', () => {
  test('arrivals count in the bin in which they came, answers in the bin in which they ended', () => {
    const record = newRunRecord()
    record.arrivalsAtMs.push(10, 90, 150)
    record.answers.push(
      { arrivedAtMs: 10, latencyMs: 20 },
      { arrivedAtMs: 150, latencyMs: 30 },
      { arrivedAtMs: 90, latencyMs: 160, failure: 'timeout' },
    )
    expect(toRows(record, 100)).toEqual([
      { atMs: 0, offered: 2, served: 1, failed: 0, latencyMsP50: 20, latencyMsP99: 20 },
      { atMs: 100, offered: 1, served: 1, failed: 0, latencyMsP50: 30, latencyMsP99: 30 },
      { atMs: 200, offered: 0, served: 0, failed: 1 },
    ])
  })

  test('an empty record is one empty bin', () => {
    expect(toRows(newRunRecord(), 100)).toEqual([{ atMs: 0, offered: 0, served: 0, failed: 0 }])
  })
})

describe('toFigures', () => {
  test('a run in which all were served', () => {
    const figures = toFigures(
      recordWhere(() => ({})),
      END,
      PHASES,
    )
    expect(figures).toMatchObject({
      offered: 300,
      served: 300,
      failed: 0,
      failedShare: 0,
      failures: [],
      latencyMsP99: 20,
    })
    expect(figures.recoveryMs).toBe(0)
    expect(figures).not.toHaveProperty('firstFailureAtMs')
  })

  test('latencies are of those that were served', () => {
    const record = recordWhere((atMs) => (atMs % 20 === 0 ? { latencyMs: 1_000, failure: 'timeout' } : {}))
    expect(toFigures(record, END, PHASES)).toMatchObject({ failedShare: 0.5, latencyMsP50: 20, latencyMsP99: 20 })
  })

  test('a failure happened when it failed, not when it arrived', () => {
    const record = recordWhere((atMs) => (atMs >= 1_500 ? { latencyMs: 1_000, failure: 'timeout' } : {}))
    expect(toFigures(record, END, PHASES).firstFailureAtMs).toBe(2_500)
  })

  test('recovered: from the start of the spike to the end of the last bin below 95 %, by arrival', () => {
    const record = recordWhere((atMs) => (between(atMs, 1_100, 1_500) ? { latencyMs: 1_000, failure: 'timeout' } : {}))
    expect(toFigures(record, END, PHASES).recoveryMs).toBe(600)
  })

  test('a relapse is not a recovery', () => {
    const isBad = (atMs: number): boolean => between(atMs, 1_100, 1_200) || between(atMs, 2_100, 2_200)
    const record = recordWhere((atMs) => (isBad(atMs) ? { failure: 'timeout' } : {}))
    expect(toFigures(record, END, PHASES).recoveryMs).toBe(1_200)
  })

  test('failing to the end: not recovered within the run', () => {
    const record = recordWhere((atMs) => (atMs >= 1_100 ? { failure: 'timeout' } : {}))
    expect(toFigures(record, END, PHASES)).not.toHaveProperty('recoveryMs')
  })

  test('arrivals that were never answered failed', () => {
    const record = recordWhere(() => ({}))
    record.answers.splice(200)
    const figures = toFigures(record, { unanswered: 100, lateMsMax: 3 }, PHASES)
    expect(figures).toMatchObject({ failed: 100, generatorLateMsMax: 3 })
    expect(figures.failures).toEqual([{ message: 'no answer when the run was over', count: 100 }])
    expect(figures).not.toHaveProperty('recoveryMs')
  })

  test('failures are counted by kind: the numbers within a message do not tell them apart', () => {
    const failures = ['no resource after 100 ms', 'no resource after 120 ms', 'refused']
    const record = recordWhere((atMs) => ({ ...(atMs < 30 && { failure: failures[atMs / 10] ?? '' }) }))
    expect(toFigures(record, END, PHASES).failures).toEqual([
      { message: 'no resource after 100 ms', count: 2 },
      { message: 'refused', count: 1 },
    ])
  })

  test('the direct query is judged by its median, before the spike and in it', () => {
    const record = recordWhere(() => ({}))
    const queryMs = [20, 21, 90, 22, 40, 41, 42, 99, 20]
    record.observations.push(...queryMs.map((ms, i) => ({ atMs: i * 260, queryMs: ms, connections: i })))
    const figures = toFigures(record, END, PHASES)
    expect(figures).toMatchObject({ directQueryMsCalm: 21, directQueryMsSpike: 41, connectionsMax: 8 })
  })
})
