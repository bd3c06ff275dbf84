import { clockOriginMs } from '../base/clock.ts'
import { readOptions, show } from '../base/options.ts'
import type { Controller } from './controller.ts'
import { requireController, stepOf } from './guards.ts'

const DAYS = ['sun', 'mon', 'tue', 'wed', 'thu', 'fri', 'sat'] as const

/** A day of the week. */
export type Day = (typeof DAYS)[number]

/** A known peak: at those times the limit is at least `limitMin`. */
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

/** Options of {@link schedule}. */
export interface ScheduleOptions<S> {
  readonly peaks: readonly Peak[]
  /** Decides in between, and may go beyond. */
  readonly controller: Controller<S>
  /** In which the times are meant; a name of the IANA data base. @defaultValue 'UTC' */
  readonly timeZone?: string
  /** The time of day at 0 of the pool's clock, in ms since 1970. @defaultValue that of the process's own clock */
  readonly originMs?: number
}

/**
 * Known peaks, by the time of day: the limit is never below what is needed then, and comes back by the rules of the
 * controller that decides in between. For steps at known times that nothing in the traffic foretells: logins at nine,
 * jobs at the full hour.
 *
 * @throws TypeError RangeError for wrong options
 */
export function schedule<S>(options: ScheduleOptions<S>): Controller<S> {
  const defaults = { timeZone: 'UTC', originMs: clockOriginMs }
  const read = readOptions<ScheduleOptions<S>>('schedule', options, defaults, ['peaks', 'controller'])
  const inner = read.value('controller') as Controller<S>
  requireController('schedule', inner)
  const originMs = read.ratio('originMs', { min: -8.64e15, max: 8.64e15 })
  const given = read.value('peaks')
  if (!Array.isArray(given)) throw new TypeError(`schedule: peaks must be an array, got ${show(given)}`)
  const peaks = given.map(readPeak)
  const format = formatIn(read.text('timeZone'))
  return {
    name: `schedule-${inner.name}`,
    isManual: inner.isManual,
    initial: inner.initial,
    step(state, sample) {
      const [next, decision] = stepOf(inner, state, sample)
      const moment = momentOf(format, originMs + sample.atMs)
      let limitMin = 0
      for (const peak of peaks) if (peak.limitMin > limitMin && isIn(peak, moment)) limitMin = peak.limitMin
      if (!(decision.limit < limitMin)) return [next, decision]
      return [next, { ...decision, limit: limitMin, reason: 'scheduled-peak' }]
    },
  }
}

interface ReadPeak {
  readonly fromMinute: number
  readonly toMinute: number
  /** A day, or an hour, in minutes. */
  readonly period: number
  readonly limitMin: number
  readonly days: ReadonlySet<number>
}

function readPeak(given: Peak): ReadPeak {
  const read = readOptions<Peak>('schedule: a peak', given, { days: DAYS }, ['from', 'to', 'limitMin'])
  const from = minuteOf(read.text('from'))
  const to = minuteOf(read.text('to'))
  if (from === undefined) return read.contradiction('from', "must be 'HH:MM' or ':MM'")
  if (to === undefined) return read.contradiction('to', "must be 'HH:MM' or ':MM'")
  if (from.period !== to.period) return read.contradiction('to', `must be of the same form as from, ${given.from}`)
  if (from.minute === to.minute) return read.contradiction('to', `must differ from from, ${given.from}`)
  const days: unknown = read.value('days')
  if (!Array.isArray(days) || days.length === 0 || days.some((day) => !DAYS.includes(day))) {
    throw new TypeError(`schedule: a peak: days must be an array of ${DAYS.join(', ')}, got ${show(days)}`)
  }
  return {
    fromMinute: from.minute,
    toMinute: to.minute,
    period: from.period,
    limitMin: read.count('limitMin', { min: 1 }),
    days: new Set(days.map((day: Day) => DAYS.indexOf(day))),
  }
}

const HOUR = 60
const DAY = 24 * HOUR

function minuteOf(text: string): { readonly minute: number; readonly period: number } | undefined {
  const [, hours, minutes] = /^(|[01]\d|2[0-3]):([0-5]\d)$/.exec(text) ?? []
  if (hours === undefined) return undefined
  return hours === ''
    ? { minute: Number(minutes), period: HOUR }
    : { minute: Number(hours) * HOUR + Number(minutes), period: DAY }
}

interface Moment {
  readonly day: number
  readonly minute: number
}

function isIn({ fromMinute, toMinute, period, days }: ReadPeak, { day, minute }: Moment): boolean {
  const since = (((minute - fromMinute) % period) + period) % period
  const lasts = (toMinute - fromMinute + period) % period
  if (since >= lasts) return false
  return days.has(since > minute ? (day + 6) % 7 : day) // begun before midnight
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
