import type { Sample } from '../../src/measure/sample.ts'

/** A stretch of time, in s. */
export interface Span {
  readonly fromS: number
  readonly toS: number
}

/** A second is bad if a tenth of its acquires failed or waited for longer than 100 ms (the default `waitSloMs`). */
const BAD_SHARE = 0.1
/** Three bad seconds of five are an event: it begins when the third is over. */
const BAD_SECONDS = 3
const OF_SECONDS = 5
/** Nearer to each other, in s, they are one: nobody goes back to bed in between. */
const EVENTS_APART_S = 300
const ALARMS_APART_S = 120
/** An alarm is right if an event begins while it lasts or within so long after it, in s, … */
const EVENT_AFTER_S = 120
/** … or was no longer ago. */
const EVENT_BEFORE_S = 300
/** And an event is caught if there was an alarm within so long before, in s, and no later than a second before. */
const CAUGHT_WITHIN_S = 90
const LEAD_S_MIN = 1
const LEAD_S_MAX = 900

/** Sums up windows into seconds: which were bad, and how high utilization was. */
export class Meter {
  readonly #bad: boolean[] = []
  readonly #utilization: number[] = []
  #second = 0
  #acquires = 0
  #worse = 0
  #areaMs = 0
  #forMs = 0

  add({ atMs, windowMs, arrivals, slowGrants, timedOut, shed, queueFull, oldestWaitMs, utilization }: Sample): void {
    const second = Math.floor((atMs - 1e-6) / 1_000)
    while (this.#second < second) this.#close()
    this.#acquires += arrivals
    this.#worse += slowGrants + timedOut + shed + queueFull + (oldestWaitMs > 1_000 ? 1 : 0)
    this.#areaMs += utilization * windowMs
    this.#forMs += windowMs
  }

  #close(): void {
    this.#bad.push(this.#worse > 0 && this.#worse >= BAD_SHARE * this.#acquires)
    this.#utilization.push(this.#forMs > 0 ? this.#areaMs / this.#forMs : 0)
    this.#second += 1
    this.#acquires = this.#worse = this.#areaMs = this.#forMs = 0
  }

  events(): readonly Span[] {
    const events: { fromS: number; toS: number }[] = []
    for (let second = 0; second < this.#bad.length; second++) {
      const recent = this.#bad.slice(Math.max(0, second - OF_SECONDS + 1), second + 1)
      if (recent.filter(Boolean).length < BAD_SECONDS) continue
      const last = events.at(-1)
      if (last !== undefined && second + 1 - last.toS < EVENTS_APART_S) last.toS = second + 1
      else events.push({ fromS: second + 1, toS: second + 1 })
    }
    return events
  }

  /** The baseline: an alarm as long as utilization, smoothed over three seconds, is 80 % or more. */
  crowded(): readonly Span[] {
    const spans: Span[] = []
    let mean = 0
    this.#utilization.forEach((one, second) => {
      mean += (1 - Math.exp(-1 / 3)) * (one - mean)
      if (mean >= 0.8) spans.push({ fromS: second + 1, toS: second + 2 })
    })
    return spans
  }
}

/** Alarms near to each other are one. */
export function merged(alarms: readonly Span[]): readonly Span[] {
  const all: { fromS: number; toS: number }[] = []
  for (const { fromS, toS } of [...alarms].sort((a, b) => a.fromS - b.fromS)) {
    const last = all.at(-1)
    if (last !== undefined && fromS - last.toS <= ALARMS_APART_S) last.toS = Math.max(last.toS, toS)
    else all.push({ fromS, toS })
  }
  return all
}

/** An event, and how it was foreseen. */
export interface Foreseen extends Span {
  /** In s; undefined: it was not. */
  readonly leadS: number | undefined
  /** Nothing pointed to it eight seconds before. */
  readonly isStep: boolean
  /** It has come at that time of the hour or day before, and it is the second day or a later one. */
  readonly isRecurring: boolean
}

const STEP_LOAD = 0.7
const STEP_S = 8
const HOUR_S = 3_600
const DAY_S = 24 * HOUR_S
const SAME_TIME_S = 60

export function foreseen(events: readonly Span[], alarms: readonly Span[], load: Float64Array): readonly Foreseen[] {
  return events.map((event, i) => {
    const { fromS } = event
    const alarm = alarms.find((one) => one.fromS <= fromS - LEAD_S_MIN && one.toS >= fromS - CAUGHT_WITHIN_S)
    const before = load.subarray(Math.max(0, fromS - STEP_S - 1), Math.max(1, fromS - STEP_S))
    return {
      ...event,
      leadS: alarm === undefined ? undefined : Math.min(LEAD_S_MAX, fromS - alarm.fromS),
      isStep: (before[0] ?? 0) < STEP_LOAD,
      isRecurring: fromS >= DAY_S && events.slice(0, i).some((earlier) => isSameTime(earlier.fromS, fromS)),
    }
  })
}

function isSameTime(earlierS: number, laterS: number): boolean {
  const apart = (laterS - earlierS) % DAY_S
  return Math.min(apart, DAY_S - apart) <= SAME_TIME_S
}

/** Alarms that no event explains. */
export function falseAlarms(alarms: readonly Span[], events: readonly Span[]): readonly Span[] {
  return alarms.filter(
    (alarm) =>
      !events.some((event) => event.fromS <= alarm.toS + EVENT_AFTER_S && event.toS >= alarm.fromS - EVENT_BEFORE_S),
  )
}
