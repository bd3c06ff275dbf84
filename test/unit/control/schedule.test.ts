import { expect, test } from 'vitest'
import { fixed } from '../../../src/control/fixed.ts'
import { type Peak, type ScheduleOptions, schedule } from '../../../src/control/schedule.ts'
import { createPool } from '../../../src/create-pool.ts'
import type { Decision } from '../../../src/pool/contract.ts'
import { VirtualClock } from '../../../src/sim/virtual-clock.ts'
import { sampleOf } from '../../support/sample-of.ts'

/** The limit that a schedule says at a moment, where the inner controller stays at 10. */
function limitAt(time: string, peaks: readonly Peak[], more: Partial<ScheduleOptions<unknown>> = {}): number {
  return decisionAt(time, peaks, more).limit
}

function decisionAt(time: string, peaks: readonly Peak[], more: Partial<ScheduleOptions<unknown>> = {}): Decision {
  const controller = schedule({ controller: fixed(), peaks, ...more })
  return controller.step(controller.initial, sampleOf({ atMs: 5, epochMs: Date.parse(time) }))[1]
}

const LOGINS: Peak = { from: '08:45', to: '10:00', limitMin: 40 }

test.each([
  ['2026-03-02T08:44:59Z', 10],
  ['2026-03-02T08:45:00Z', 40],
  ['2026-03-02T09:59:59Z', 40],
  ['2026-03-02T10:00:00Z', 10],
])('at %s the limit is %i', (time, limit) => {
  expect(limitAt(time, [LOGINS])).toBe(limit)
})

test('a peak past midnight belongs to the day on which it begins', () => {
  const friday: Peak = { from: '23:00', to: '01:00', limitMin: 40, days: ['fri'] }
  expect(limitAt('2026-03-06T23:30:00Z', [friday])).toBe(40)
  expect(limitAt('2026-03-07T00:30:00Z', [friday])).toBe(40)
  expect(limitAt('2026-03-06T00:30:00Z', [friday])).toBe(10)
  expect(limitAt('2026-03-07T23:30:00Z', [friday])).toBe(10)
})

test('a peak of every hour may begin before it', () => {
  const hourly: Peak = { from: ':58', to: ':05', limitMin: 30 }
  expect(limitAt('2026-03-02T11:59:00Z', [hourly])).toBe(30)
  expect(limitAt('2026-03-02T12:04:00Z', [hourly])).toBe(30)
  expect(limitAt('2026-03-02T12:30:00Z', [hourly])).toBe(10)
})

test('of several peaks the highest counts, and the inner controller may go beyond', () => {
  const wide: Peak = { from: '08:00', to: '20:00', limitMin: 20 }
  expect(limitAt('2026-03-02T09:00:00Z', [wide, LOGINS])).toBe(40)
  const generous = { name: 'generous', initial: null, step: () => [null, { limit: 90, reason: 'x' }] as const }
  expect(limitAt('2026-03-02T09:00:00Z', [LOGINS], { controller: generous })).toBe(90)
})

test('times are those of the time zone, in summer as in winter', () => {
  const more = { timeZone: 'Europe/Berlin' }
  expect(limitAt('2026-01-15T08:00:00Z', [LOGINS], more)).toBe(40)
  expect(limitAt('2026-07-15T07:00:00Z', [LOGINS], more)).toBe(40)
  expect(limitAt('2026-07-15T08:30:00Z', [LOGINS], more)).toBe(10)
})

// Slipped through, since every test gave an origin; without one, it was when this process began, whatever clock the pool
// had, so that a simulation's result hung on the time of day at which it was run.
test("the time of day is that of the pool's clock", () => {
  expect(limitAt('2026-03-02T09:00:00Z', [LOGINS])).toBe(40)
})

test('what is needed in a peak is to be open in it, whatever the inner controller says', () => {
  expect(decisionAt('2026-03-02T09:00:00Z', [LOGINS]).liveMin).toBe(40)
  expect(decisionAt('2026-03-02T07:00:00Z', [LOGINS]).liveMin).toBe(0)
  const more = { name: 'more', initial: null, step: () => [null, { limit: 90, liveMin: 70, reason: 'x' }] as const }
  expect(decisionAt('2026-03-02T09:00:00Z', [LOGINS], { controller: more })).toMatchObject({ limit: 90, liveMin: 70 })
})

test.each([
  ['2026-03-02T08:44:50.500Z', 9_500],
  ['2026-03-02T09:35:00Z', 25 * 60_000],
  ['2026-03-02T10:00:00Z', 1_800_000],
  ['2026-03-02T10:20:30Z', 570_000],
])('at %s a pool at rest is to be woken in %i ms, for a peak or at the half hour', (time, wakeInMs) => {
  expect(decisionAt(time, [LOGINS]).wakeInMs).toBe(wakeInMs)
  const sooner = { name: 'x', initial: null, step: () => [null, { limit: 9, wakeInMs: 70, reason: 'x' }] as const }
  expect(decisionAt(time, [LOGINS], { controller: sooner }).wakeInMs).toBe(70)
})

// Slipped through, since a peak was only ever looked at as a limit: logins at nine met as many connections as any surge.
test('a pool at rest has opened what a peak needs when it begins, and lets it go when it is over', async () => {
  const clock = new VirtualClock() // begins on a Monday, at midnight
  const controller = schedule({ controller: fixed(), peaks: [LOGINS] })
  const options = { limitInitial: 5, limitMax: 50, idleTimeoutMs: 60_000, controller, clock }
  const pool = createPool({ create: () => ({}), destroy: () => {}, ...options })
  await pool.use(() => {})
  await clock.advanceTo(8 * 3_600_000 + 44 * 60_000)
  expect(pool.counts()).toMatchObject({ limit: 5, live: 0 })
  await clock.advance(61_000)
  expect(pool.counts()).toMatchObject({ limit: 40, live: 40 })
  await clock.advance(3_600_000)
  expect(pool.counts().live).toBe(40)
  await clock.advance(1_000_000)
  expect(pool.counts().live).toBeLessThan(6)
  await pool.drain()
  expect(clock.timerCount).toBe(0)
})

// Slipped through, since whoever had a pool had used it once.
test('nor need anybody have come ever', async () => {
  const clock = new VirtualClock()
  const controller = schedule({ controller: fixed(), peaks: [LOGINS] })
  const options = { limitInitial: 5, limitMax: 50, controller, clock }
  const pool = createPool({ create: () => ({}), destroy: () => {}, ...options })
  await clock.advanceTo(8 * 3_600_000 + 46 * 60_000)
  expect(pool.counts()).toMatchObject({ limit: 40, live: 40 })
  await pool.drain()
  expect(clock.timerCount).toBe(0)
})

// Slipped through, since it was looked at on days of 24 hours alone, and then in the morning after: what begins within
// an hour of the leap was late by as much.
test.each([
  ['Europe/Berlin', '08:45', '2026-03-28T23:10:00Z', '2026-03-29T06:45:00Z'],
  ['Europe/Berlin', '03:30', '2026-03-29T00:35:00Z', '2026-03-29T01:30:00Z'],
  ['Australia/Lord_Howe', '02:40', '2026-10-03T15:05:00Z', '2026-10-03T15:40:00Z'], // by half an hour
])('nor does the night in which summer time begins make it late: %s, %s', (timeZone, from, restsAt, peakAt) => {
  let at = Date.parse(restsAt)
  const peak = { from, to: '10:00', limitMin: 40 }
  while (at < Date.parse(peakAt)) at += decisionAt(new Date(at).toISOString(), [peak], { timeZone }).wakeInMs as number
  expect(new Date(at).toISOString()).toBe(new Date(peakAt).toISOString())
})

test('says why, and keeps the name of the one it wraps', () => {
  expect(schedule({ controller: fixed(), peaks: [LOGINS] }).name).toBe('schedule-fixed')
  expect(decisionAt('2026-03-02T09:00:00Z', [LOGINS]).reason).toBe('scheduled-peak')
})

test.each<[string, object]>([
  ['peaks must be an array', { peaks: 5 }],
  ["from must be 'HH:MM' or ':MM', got '24:00'", { peaks: [{ ...LOGINS, from: '24:00' }] }],
  ["to must be 'HH:MM' or ':MM'", { peaks: [{ ...LOGINS, to: 'noon' }] }],
  ['to must be of the same form as from', { peaks: [{ ...LOGINS, to: ':30' }] }],
  ['to must differ from from', { peaks: [{ ...LOGINS, to: '08:45' }] }],
  ['schedule: peaks[1]: limitMin must be an integer >= 1', { peaks: [LOGINS, { ...LOGINS, limitMin: -1 }] }],
  ['limitMin must be an integer >= 1', { peaks: [{ ...LOGINS, limitMin: 0 }] }],
  [
    "days must be an array of sun, mon, tue, wed, thu, fri, sat, got 'monday'",
    { peaks: [{ ...LOGINS, days: ['monday'] }] },
  ],
  ['unknown option untl', { peaks: [{ ...LOGINS, untl: '10:00' }] }],
  ["timeZone must be the name of a time zone, got 'Mars'", { peaks: [], timeZone: 'Mars' }],
  ['controller must be { name, initial, step, isManual? }, got null', { peaks: [], controller: null }],
])('refuses wrong options: %s', (message, wrong) => {
  expect(() => schedule({ controller: fixed(), peaks: [LOGINS], ...wrong })).toThrow(message)
})
