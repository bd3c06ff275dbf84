import { describe, expect, test } from 'vitest'
import { seededRandom } from '../../../src/base/random.ts'
import {
  type ForecastState,
  foreseenInMs,
  foreseenInUse,
  isForecastState,
  NO_FORECAST,
  nextForecast,
} from '../../../src/measure/season.ts'
import { sampleOf } from '../../support/sample-of.ts'

const SECOND_MS = 1_000
const HOUR_MS = 3_600_000
const DAY_MS = 24 * HOUR_MS
/** A Monday, midnight UTC. */
const START_MS = 1_704_067_200_000

type Traffic = (atMs: number) => number

/** Leases out as the traffic says, in windows of a second, from `fromMs` to `toMs` after START_MS. */
function watched(traffic: Traffic, toMs: number, fromMs = 0, before: ForecastState = NO_FORECAST): ForecastState {
  let state = before
  for (let atMs = fromMs; atMs < toMs; atMs += SECOND_MS) {
    state = nextForecast(state, sampleOf({ windowMs: SECOND_MS, epochMs: START_MS + atMs, inUseMean: traffic(atMs) }))
  }
  return state
}

const foreseen = (state: ForecastState, atMs: number): number => foreseenInUse(state, START_MS + atMs)

/** Half a minute of tenfold traffic at every full hour. */
const hourly: Traffic = (atMs) => (atMs % HOUR_MS < 30_000 ? 30 : 3)

describe('a peak at every full hour', () => {
  const learnt = watched(hourly, 3 * HOUR_MS - 60_000, 60_000)
  const shortly = watched(hourly, 3 * HOUR_MS - 4_000, 3 * HOUR_MS - 60_000, learnt)

  test('is foreseen once it has come twice, five seconds ahead', () => {
    expect(foreseen(watched(hourly, 2 * HOUR_MS - 4_000, 60_000), 2 * HOUR_MS - 4_000)).toBe(0)
    expect(foreseen(shortly, 3 * HOUR_MS - 4_000)).toBeGreaterThan(27)
    expect(foreseen(shortly, 3 * HOUR_MS - 4_000)).toBeLessThan(36)
  })

  test('and not at other times', () => {
    for (let atMs = 2 * HOUR_MS + 360_000; atMs < 3 * HOUR_MS - 6_000; atMs += 7_000) {
      expect(foreseen(learnt, atMs)).toBe(0)
    }
  })

  test('is no longer awaited once it has come', () => {
    const state = watched(hourly, 3 * HOUR_MS + 9_000, 3 * HOUR_MS - 60_000, learnt)
    expect(foreseenInUse(state, START_MS + 3 * HOUR_MS + 4_000)).toBe(0)
  })

  test('is as much larger as traffic has grown since', () => {
    const doubled = watched((atMs) => 2 * hourly(atMs), 3 * HOUR_MS - 4_000, 2 * HOUR_MS + 60_000, learnt)
    expect(foreseen(doubled, 3 * HOUR_MS - 4_000)).toBeGreaterThan(45)
  })

  // Slipped through, since every peak that was tried was a share of the traffic: a job is as large at night.
  test('is as large as ever when there is less traffic of others', () => {
    const job = (others: number): Traffic => {
      return (atMs) => others + (atMs % HOUR_MS < 30_000 ? 20 : 0)
    }
    const byDay = watched(job(10), 8 * HOUR_MS - 60_000, 60_000)
    const atNight = watched(job(2), 9 * HOUR_MS - 4_000, 8 * HOUR_MS - 60_000, byDay)
    expect(foreseen(atNight, 9 * HOUR_MS - 4_000)).toBeGreaterThan(20)
  })

  test('is known beforehand to a pool at rest: it can be woken in time', () => {
    const atMs = 2 * HOUR_MS + 1_800_000
    expect(foreseenInMs(learnt, START_MS + atMs)).toBe(1_800_000 - 5_000)
    expect(foreseenInMs(NO_FORECAST, START_MS)).toBe(Number.POSITIVE_INFINITY)
  })

  test('is forgotten when it has stayed away for some hours', () => {
    const without = watched(() => 3, 12 * HOUR_MS - 4_000, 3 * HOUR_MS - 60_000, learnt)
    expect(foreseen(without, 12 * HOUR_MS - 4_000)).toBe(0)
  })
})

test('peaks between four and ten times the traffic are foreseen in most of their height', () => {
  const random = seededRandom(7)
  const heights = Array.from({ length: 30 }, () => 4 + 6 * random.next())
  const varied: Traffic = (atMs) => (atMs % HOUR_MS < 30_000 ? 3 * (heights[Math.floor(atMs / HOUR_MS)] ?? 0) : 3)
  const learnt = watched(varied, 24 * HOUR_MS - 4_000, 60_000)
  expect(foreseen(learnt, 24 * HOUR_MS - 4_000)).toBeGreaterThan(20)
})

test('what comes at nine each day is foreseen on the second day at nine, and at no other hour', () => {
  const daily: Traffic = (atMs) => (atMs % DAY_MS >= 9 * HOUR_MS && atMs % DAY_MS < 9 * HOUR_MS + 60_000 ? 40 : 4)
  const learnt = watched(daily, DAY_MS + 9 * HOUR_MS - 4_000)
  const hours = Array.from({ length: 24 }, (_, hour) => foreseen(learnt, DAY_MS + hour * HOUR_MS - 4_000) > 0)
  expect(hours.flatMap((is, hour) => (is ? [hour] : []))).toEqual([9])
})

test('nothing is foreseen in traffic without seasons: chance, bursts at random, a day that comes and goes', () => {
  const random = seededRandom(3)
  const chance: Traffic = () => 10 + 6 * (random.next() - 0.5)
  const tides: Traffic = (atMs) => 10 + 8 * Math.sin((2 * Math.PI * atMs) / DAY_MS) + random.next()
  for (const traffic of [chance, tides]) {
    const learnt = watched(traffic, DAY_MS)
    for (let atMs = 0; atMs < HOUR_MS; atMs += 10_000) expect(foreseen(learnt, DAY_MS + atMs)).toBe(0)
  }
})

test('survives JSON, and does not grow', () => {
  const day = watched(hourly, DAY_MS, 60_000)
  const saved = JSON.stringify(day)
  expect(JSON.parse(saved)).toEqual(day)
  expect(saved.length).toBeLessThan(80_000)
  expect(isForecastState(JSON.parse(saved))).toBe(true)
})

test.each<[unknown]>([[undefined], [null], [{}], [{ ...NO_FORECAST, seasons: [] }], [{ ...NO_FORECAST, level: '1' }]])(
  'is not mistaken for %j',
  (given) => {
    expect(isForecastState(given)).toBe(false)
  },
)

// Slipped through: of the tables, in which next to all of it is, none had been tried that was not whole.
test.each<[string, unknown]>([
  ['is none', null],
  ['has no slot', { ...NO_FORECAST.seasons[1], slot: null }],
  ['has a table that is none', { ...NO_FORECAST.seasons[1], peaks: { length: 288 } }],
  ['has a table that is cut short', { ...NO_FORECAST.seasons[1], counts: [1, 2] }],
  [
    'has a table with a hole',
    { ...NO_FORECAST.seasons[1], errors: NO_FORECAST.seasons[1]?.errors.with(7, Number.NaN) },
  ],
])('is not mistaken for what has a season that %s', (_, season) => {
  const seasons = [NO_FORECAST.seasons[0], season, NO_FORECAST.seasons[2]]
  expect(isForecastState({ ...NO_FORECAST, seasons })).toBe(false)
})

test('a wall clock that leaps, or a rest of days, loses at most the slot under way', () => {
  const learnt = watched(hourly, 3 * HOUR_MS - 60_000, 60_000)
  const later = nextForecast(learnt, sampleOf({ windowMs: 3 * DAY_MS, epochMs: START_MS + 3 * DAY_MS, inUseMean: 0 }))
  expect(foreseen(later, 3 * DAY_MS + HOUR_MS - 4_000)).toBeGreaterThan(9)
})
