import { describe, expect, test } from 'vitest'
import { seededRandom } from '../../../src/base/random.ts'
import { type Answer, type OpenLoopEnd, offerLoad } from '../../../src/cli/open-loop.ts'
import { VirtualClock } from '../../../src/sim/virtual-clock.ts'
import { type Arrivals, poisson } from '../../../src/sim/workload.ts'

/** Arrivals at these times, in ms. */
function arrivalsAt(...timesMs: number[]): Arrivals {
  return { nextAtMs: () => timesMs.shift() ?? Number.POSITIVE_INFINITY }
}

/** Load under virtual time; `serviceMs` later an arrival is served, or never. */
function startLoad(given: {
  arrivals: Arrivals
  durationMs: number
  serviceMs?: number
  work?: () => Promise<unknown>
}) {
  const clock = new VirtualClock(5_000) // any origin: only differences mean anything
  const seen = { begunAtMs: [] as number[], answers: [] as Answer[], end: undefined as OpenLoopEnd | undefined }
  const serve = (): Promise<unknown> => {
    seen.begunAtMs.push(clock.nowMs() - 5_000)
    if (given.work) return given.work()
    const { serviceMs = 10 } = given
    return new Promise((resolve) => serviceMs < 1e9 && clock.startTimer(serviceMs, () => resolve(undefined)))
  }
  const { arrivals, durationMs } = given
  const onAnswer = (answer: Answer): void => void seen.answers.push(answer)
  void offerLoad({ clock, arrivals, durationMs, settleMs: 1_000, work: serve, onArrival: () => {}, onAnswer }).then(
    (end) => {
      seen.end = end
    },
  )
  return { clock, seen }
}

describe('offerLoad', () => {
  test('arrivals come at their times, whether or not those before them were answered', async () => {
    const { clock, seen } = startLoad({ arrivals: arrivalsAt(1, 2, 3, 50), durationMs: 100, serviceMs: 1e9 })
    await clock.advance(100)
    expect(seen.begunAtMs).toEqual([1, 2, 3, 50])
    expect(seen.answers).toEqual([])
  })

  test('a late timer: all that fell due begin at once, and their latency counts from when they were due', async () => {
    const { clock, seen } = startLoad({ arrivals: arrivalsAt(10, 20, 30, 90), durationMs: 100, serviceMs: 5 })
    await clock.advance(5)
    clock.leap(55) // a blocked event loop: nothing fires from 5 to 60
    await clock.advance(100)
    expect(seen.begunAtMs).toEqual([60, 60, 60, 90])
    expect(seen.answers.map(({ latencyMs }) => latencyMs)).toEqual([55, 45, 35, 5])
    expect(seen.end).toEqual({ unanswered: 0, lateMsMax: 50 })
  })

  test('work that rejects and work that throws are failures, with their message', async () => {
    const outcomes = [
      () => Promise.reject(new Error('no connection')),
      () => JSON.parse('{'),
      () => Promise.reject('why'),
    ]
    const work = (): Promise<unknown> => (outcomes.shift() as () => Promise<unknown>)()
    const { clock, seen } = startLoad({ arrivals: arrivalsAt(1, 2, 3), durationMs: 10, work })
    await clock.advance(100)
    const failures = seen.answers.map(({ failure }) => failure)
    expect(failures).toEqual(['no connection', expect.stringContaining('JSON'), 'why'])
    expect(seen.end?.unanswered).toBe(0)
  })

  test('it ends once the time is over and all answers are in', async () => {
    const { clock, seen } = startLoad({ arrivals: arrivalsAt(99), durationMs: 100, serviceMs: 300 })
    await clock.advance(390)
    expect(seen.end).toBeUndefined()
    await clock.advance(50)
    expect(seen.end).toEqual({ unanswered: 0, lateMsMax: 0 })
    expect(clock.timerCount).toBe(0)
  })

  test('it ends after settleMs at the latest, and says how many answers are missing', async () => {
    const { clock, seen } = startLoad({ arrivals: arrivalsAt(1, 2), durationMs: 100, serviceMs: 1e9 })
    await clock.advance(1_050)
    expect(seen.end).toBeUndefined()
    await clock.advance(100)
    expect(seen.end?.unanswered).toBe(2)
  })

  test('no arrivals: it still lasts as long as it was to', async () => {
    const { clock, seen } = startLoad({ arrivals: arrivalsAt(), durationMs: 100 })
    await clock.advance(99)
    expect(seen.end).toBeUndefined()
    await clock.advance(1)
    expect(seen.end).toEqual({ unanswered: 0, lateMsMax: 0 })
  })

  test('the same seed offers the same arrivals, at the rate that was asked for', async () => {
    const begun = await Promise.all(
      [7, 7, 8].map(async (seed) => {
        const arrivals = poisson((tMs) => (tMs < 1_000 ? 100 : 1_500)).start(seededRandom(seed), 2_000)
        const { clock, seen } = startLoad({ arrivals, durationMs: 2_000 })
        await clock.advance(4_000)
        return seen.begunAtMs
      }),
    )
    expect(begun[0]).toEqual(begun[1])
    expect(begun[0]).not.toEqual(begun[2])
    const spike = begun[0]?.filter((atMs) => atMs >= 1_000).length ?? 0
    expect(spike).toBeGreaterThan(1_500 - 4 * Math.sqrt(1_500))
    expect(spike).toBeLessThan(1_500 + 4 * Math.sqrt(1_500))
  })
})
