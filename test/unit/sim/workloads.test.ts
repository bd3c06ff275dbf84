import { describe, expect, test } from 'vitest'
import { seededRandom } from '../../../src/base/random.ts'
import { bursts } from '../../../src/sim/bursts.ts'
import { closedLoop } from '../../../src/sim/closed-loop.ts'
import { mixed } from '../../../src/sim/mixed.ts'
import { readRetries, retryDelayMs } from '../../../src/sim/retries.ts'
import { fromCounts, poisson, type Workload } from '../../../src/sim/workload.ts'

function arrivalsOf(workload: Workload, durationMs: number, seed = 1): { atMs: number; tag: string | undefined }[] {
  const arrivals = workload.start(seededRandom(seed), durationMs)
  const seen: { atMs: number; tag: string | undefined }[] = []
  for (let atMs = arrivals.nextAtMs(); atMs !== Number.POSITIVE_INFINITY; atMs = arrivals.nextAtMs()) {
    seen.push({ atMs, tag: arrivals.kind?.tag })
  }
  return seen
}

describe('bursts', () => {
  test.each([1, 4, 13, 27])('have the mean and the dispersion asked for: %i', (dispersion) => {
    const seconds = 4_000
    const seen = arrivalsOf(bursts({ ratePerSecond: 50, dispersion }), seconds * 1000)
    const counts = new Float64Array(seconds)
    for (const { atMs } of seen) {
      const second = Math.floor(atMs / 1000)
      counts[second] = (counts[second] ?? 0) + 1
    }
    const mean = seen.length / seconds
    const variance = counts.reduce((sum, count) => sum + (count - mean) ** 2, 0) / (seconds - 1)
    expect(Math.abs(mean / 50 - 1)).toBeLessThan(0.06)
    expect(Math.abs(variance / mean / dispersion - 1)).toBeLessThan(0.15)
  })

  test('come in order, within the run, and the same for the same seed', () => {
    const workload = bursts({ ratePerSecond: 200, dispersion: 20, spreadMs: 500 })
    const times = arrivalsOf(workload, 20_000).map(({ atMs }) => atMs)
    expect(times).toEqual([...times].sort((a, b) => a - b))
    expect(times.every((atMs) => atMs >= 0 && atMs < 20_000)).toBe(true)
    expect(arrivalsOf(workload, 20_000).map(({ atMs }) => atMs)).toEqual(times)
  })

  test.each([
    [{ ratePerSecond: 0, dispersion: 2 }, 'ratePerSecond'],
    [{ ratePerSecond: 1, dispersion: 0.5 }, 'dispersion'],
    [{ ratePerSecond: 1, dispersion: 2, spreadMs: -1 }, 'spreadMs'],
  ])('refuse wrong options: %j', (options, message) => {
    expect(() => bursts(options)).toThrow(message)
  })
})

test('a closed loop asks once for each client, and again when that client has its answer', () => {
  const arrivals = closedLoop({ clients: 3, thinkMsMean: 50 }).start(seededRandom(1), 1_000)
  const first = [arrivals.nextAtMs(), arrivals.nextAtMs(), arrivals.nextAtMs()]
  expect(first).toEqual([...first].sort((a, b) => a - b))
  expect(arrivals.nextAtMs()).toBe(Number.POSITIVE_INFINITY)
  expect(arrivals.answered?.(500, undefined)).toBeGreaterThan(500)
  expect(arrivals.answered?.(999.999, undefined)).toBe(Number.POSITIVE_INFINITY)
  expect(() => closedLoop({ clients: 0 })).toThrow('clients must be an integer')
})

describe('a mixture', () => {
  test('merges its parts in order, and says of which each one is', () => {
    const seen = arrivalsOf(
      mixed([
        { tag: 'page', workload: poisson(100) },
        { tag: 'report', work: 20, workload: fromCounts([1, 0, 0, 2], { binMs: 1_000 }) },
      ]),
      10_000,
    )
    const times = seen.map(({ atMs }) => atMs)
    expect(times).toEqual([...times].sort((a, b) => a - b))
    expect(seen.filter(({ tag }) => tag === 'report')).toHaveLength(3)
    expect(seen.filter(({ tag }) => tag === 'page').length).toBeGreaterThan(850)
  })

  test('sends an answer back to where its request came from, through mixtures of mixtures', () => {
    const inner = mixed([{ tag: 'worker', workload: closedLoop({ clients: 1, thinkMsMean: 10 }) }])
    const arrivals = mixed([{ tag: 'page', workload: poisson(1) }, { workload: inner }]).start(seededRandom(1), 10_000)
    let kind = arrivals.kind
    for (let i = 0; i < 30 && kind?.tag !== 'worker'; i++) {
      arrivals.nextAtMs()
      kind = arrivals.kind
    }
    expect(kind?.tag).toBe('worker')
    expect(arrivals.answered?.(100, kind)).toBeGreaterThan(100)
    expect(arrivals.answered?.(100, { tag: 'nobody' })).toBe(Number.POSITIVE_INFINITY)
  })

  test.each<[object, string]>([
    [[], 'expected an array of parts'],
    [[{ workload: poisson(1) }, { tag: 'x' }], 'mixed: parts[1]: workload must be poisson(…), bursts(…), '],
    [[{ workload: poisson(1), work: 0 }], 'work must be'],
    [[{ workload: poisson(1), priority: 101 }], 'priority must be'],
  ])('of wrong parts is refused: %j', (parts, message) => {
    expect(() => mixed(parts as never)).toThrow(message)
  })
})

describe('retries', () => {
  test('by number are those of simple clients: 100 to 300 ms', () => {
    const retries = readRetries('simulate', 3)
    expect(retries.count).toBe(3)
    expect([retryDelayMs(retries, 0, 0), retryDelayMs(retries, 2, 1)]).toEqual([100, 300])
  })

  test('back off by a factor, up to a bound', () => {
    const retries = readRetries('simulate', { count: 9, delayMs: 100, factor: 2, jitter: 0, delayMsMax: 1_000 })
    expect([0, 1, 2, 3, 4, 8].map((made) => retryDelayMs(retries, made, 0.3))).toEqual([100, 200, 400, 800, 1000, 1000])
  })
})
