import { type OptionsReader, readOptions, show } from '../base/options.ts'
import { wholeSample } from '../measure/no-sample.ts'
import type { Controller } from './controller.ts'
import { requireController, stepOf } from './guards.ts'

const DAYS = ['sun', 'mon', 'tue', 'wed', 'thu', 'fri', 'sat'] as const

/** A day of the week. */
export type Day = (typeof DAYS)[number]

/** A known peak: at those times the limit is at least `limitMin`, and so many are open. */
export interface Peak {
  /** 'HH:MM', 24 hours; or ':MM', of every hour. */
  readonly from: string
  /** Of the same form as `from`, and not in it any more; earlier than `from`: past midnight, or past the full hour. */
  readonly to: string
  /** Integer >= 1; the pool's own bounds stay in force. */
  readonly limitMin: number
  /** On which days it begins. @defaultValue all */
  readonly days?: readonly Day[]
}

/** Options of {@link schedule}. It goes by `epochMs()` of the pool's clock. */
export interface ScheduleOptions<S> {
  readonly peaks: readonly Peak[]
  /**
   * Decides in between, and may go beyond. `fixed()` stays where a peak has put it; to come back to ten:
   * `withBounds(fixed(), { limitMin: 10, limitMax: 10 })`.
   */
  readonly controller: Controller<S>
  /** In which the times are meant; a name of the IANA data base. @defaultValue 'UTC' */
  readonly timeZone?: string
}

/**
 * Known peaks, by the time of day: what is needed then is allowed and open, also if nobody has come yet; afterwards the
 * limit comes back by the rules of the controller that decides in between. For steps at known times that nothing in the
 * traffic foretells: logins at nine, jobs at the full hour.
 *
 * @throws TypeError RangeError for wrong options
 */
export function schedule<S>(options: ScheduleOptions<S>): Controller<S> {
  const defaults = { timeZone: 'UTC' }
  const read = readOptions<ScheduleOptions<S>>('schedule', options, defaults, ['peaks', 'controller'])
  const inner = read.value('controller') as Controller<S>
  requireController('schedule', inner)
  const given = read.value('peaks')
  if (!Array.isArray(given)) throw new TypeError(`schedule: peaks must be an array, got ${show(given)}`)
  const peaks = given.map(readPeak)
  const format = formatIn(read.text('timeZone'))
  return {
    name: `schedule-${inner.name}`,
    isManual: inner.isManual,
    initial: inner.initial,
    step(state, given) {
      const sample = wholeSample(given)
      const [next, decision] = stepOf(inner, state, sample)
      const moment = momentOf(format, sample.epochMs)
      const limitMin = Math.max(...peaks.map((peak) => (isIn(peak, moment) ? peak.limitMin : 0)))
      const turnsInMs = peaks.map((peak) => minutesToTurn(peak, moment) * MINUTE_MS - (sample.epochMs % MINUTE_MS))
      const known = {
        ...decision,
        liveMin: Math.max(limitMin, decision.liveMin ?? 0),
        // Or at the half hour, since that is when the clock on the wall is put forward.
        wakeInMs: Math.min(
          HALF_HOUR_MS - (sample.epochMs % HALF_HOUR_MS),
          ...turnsInMs,
          decision.wakeInMs ?? Number.POSITIVE_INFINITY,
        ),
      }
      return [next, decision.limit < limitMin ? { ...known, limit: limitMin, reason: 'scheduled-peak' } : known]
    },
  }
}

interface ReadPeak {
  readonly fromMinute: number
  readonly minutes: number
  /** A day, or an hour, in minutes. */
  readonly period: number
  readonly limitMin: number
  readonly days: ReadonlySet<number>
}

function readPeak(given: Peak, at: number): ReadPeak {
  const owner = `schedule: peaks[${at}]`
  const read = readOptions<Peak>(owner, given, { days: DAYS }, ['from', 'to', 'limitMin'])
  const from = readMinute(read, 'from')
  const to = readMinute(read, 'to')
  if (from.period !== to.period) return read.contradiction('to', `must be of the same form as from, ${given.from}`)
  if (from.minute === to.minute) return read.contradiction('to', `must differ from from, ${given.from}`)
  const days: unknown = read.value('days')
  const wrong = Array.isArray(days) && days.length > 0 ? days.filter((day) => !DAYS.includes(day)) : [days]
  if (!Array.isArray(days) || wrong.length > 0) {
    throw new TypeError(`${owner}: days must be an array of ${DAYS.join(', ')}, got ${show(wrong[0])}`)
  }
  return {
    fromMinute: from.minute,
    minutes: modulo(to.minute - from.minute, from.period),
    period: from.period,
    limitMin: read.count('limitMin', { min: 1 }),
    days: new Set(days.map((day: Day) => DAYS.indexOf(day))),
  }
}

const MINUTE_MS = 60_000
const HALF_HOUR_MS = 30 * MINUTE_MS
const HOUR = 60
const DAY = 24 * HOUR

function readMinute(read: OptionsReader<Peak>, key: 'from' | 'to'): { minute: number; period: number } {
  const [, hours, minutes] = /^(|[01]\d|2[0-3]):([0-5]\d)$/.exec(read.text(key)) ?? []
  if (hours === undefined) return read.contradiction(key, "must be 'HH:MM' or ':MM'")
  return { minute: Number(hours) * HOUR + Number(minutes), period: hours === '' ? HOUR : DAY }
}

interface Moment {
  readonly day: number
  readonly minute: number
}

function isIn({ fromMinute, minutes, period, days }: ReadPeak, { day, minute }: Moment): boolean {
  const since = modulo(minute - fromMinute, period)
  if (since >= minutes) return false
  return days.has(since > minute ? (day + 6) % 7 : day) // begun before midnight
}

/** From the beginning of this minute until the peak begins or ends next, on whichever day. */
function minutesToTurn({ fromMinute, minutes, period }: ReadPeak, { minute }: Moment): number {
  const since = modulo(minute - fromMinute, period)
  return (since < minutes ? minutes : period) - since
}

/** In 0..divisor, also of what is negative. */
function modulo(value: number, divisor: number): number {
  return ((value % divisor) + divisor) % divisor
}

function formatIn(timeZone: string): Intl.DateTimeFormat {
  try {
    const fields = { weekday: 'short', hour: '2-digit', minute: '2-digit', hourCycle: 'h23' } as const
    return new Intl.DateTimeFormat('en-US', { ...fields, timeZone })
  } catch (error) {
    throw new RangeError(`schedule: timeZone must be the name of a time zone, got ${show(timeZone)}`, { cause: error })
  }
}

function momentOf(format: Intl.DateTimeFormat, atMs: number): Moment {
  const parts = Object.fromEntries(format.formatToParts(atMs).map(({ type, value }) => [type, value]))
  const day = DAYS.indexOf((parts.weekday ?? '').toLowerCase() as Day)
  return { day, minute: Number(parts.hour) * HOUR + Number(parts.minute) }
}
