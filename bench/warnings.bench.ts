/**
 * The question: is a pool's exhaustion foreseen, early enough to do something, and without crying wolf?
 *
 * Days of traffic against a pool of a fixed size, the production engine under virtual time: generated (jobs at full hours,
 * jobs at fixed times of the day, ramps half of which stop short, flash crowds, steps out of nothing, busy days, bursts,
 * quiet days) and recorded, if there is a folder of recordings. Beside the watch's warnings, the usual alarm: utilization of 80 % or more.
 *
 * *Event*: a second is bad if a tenth of its acquires failed or waited for more than 100 ms; when three of five are, an event
 * has begun; those within five minutes are one. *Lead*: from the first alarm to that moment, 15 minutes at most. *Caught*: an
 * alarm was up within the 90 s before, and a second before at the latest. *False*: an alarm with no event while it lasts, in
 * the five minutes before or the two after; alarms within two minutes are one. Every warning but `info` counts as an alarm.
 * *Step*: eight seconds before, callers wanted less than 70 % of the limit. *Recurring*: from the second day on, at a time of
 * day at which there was an event before.
 *
 * *Who knew*: an alarm as long as the traffic of the next minute, without the chance in single arrivals, reaches 80 % of
 * what fills the pool. Nobody can know more; where that falls short of a goal, chance decides whether there is an event.
 *
 *     npm run bench:warnings [-- [held-out] [seed=1] [only=text] [data=folder]]
 */
import { fixed } from '../src/index.ts'
import type { Sample } from '../src/measure/sample.ts'
import { fromCounts, simulate, uslBackend } from '../src/sim/index.ts'
import { fullLevel } from '../src/watch/full.ts'
import { WATCH_DEFAULTS } from '../src/watch/watch-options.ts'
import { type Foreseen, falseAlarms, foreseen, Meter, merged, type Span } from './watch/judge.ts'
import { generated, HELD_OUT, PLANS, recorded, type Trace } from './watch/traces.ts'

const words = process.argv.slice(2)
const wordOf = (name: string) => words.find((word) => word.startsWith(`${name}=`))?.slice(name.length + 1)
const isHeldOut = words.includes('held-out')
const seed = Number(wordOf('seed') ?? 1)
const only = wordOf('only') ?? ''
const folder = wordOf('data') ?? '../shared/data'
const isTold = words.includes('told')

const DAY_S = 86_400
/** An event so soon after the beginning of a trace cannot be foreseen: its rise is not in what was recorded. */
const UNSEEN_S = 30
const KNOWN_S = 60
const KNOWN_SHARE = 0.8

interface Judged {
  readonly events: readonly Foreseen[]
  readonly alarms: number
  readonly wrong: readonly Span[]
}

interface Outcome {
  readonly name: string
  readonly days: number
  readonly watch: Judged
  readonly baseline: Judged
  readonly knowing: Judged
}

async function run(trace: Trace): Promise<Outcome> {
  const { name, serviceMs, limit, load, counts } = trace
  const meter = new Meter()
  const inner = fixed()
  const step = (_: null, sample: Sample) => {
    meter.add(sample)
    return inner.step(null, sample)
  }
  const { warnings } = await simulate({
    seed,
    durationMs: counts.length * 1_000,
    workload: fromCounts(counts, { binMs: 1_000 }),
    backend: uslBackend({ serviceMsMean: serviceMs }),
    pool: {
      limitMin: 1,
      limitMax: limit,
      limitInitial: limit,
      warmUp: limit,
      acquireTimeoutMs: 1_000,
      controller: { ...inner, step },
    },
  })
  const told = warnings.filter(({ severity }) => severity !== 'info')
  const alarms = told.map(({ atMs, lastedMs }) => {
    return { fromS: atMs / 1_000, toS: lastedMs === undefined ? counts.length : (atMs + lastedMs) / 1_000 }
  })
  const events = meter.events()
  const judged = (some: readonly Span[]): Judged => {
    const all = merged(some)
    return {
      events: foreseen(events, all, load).filter(({ fromS }) => fromS >= UNSEEN_S),
      alarms: all.length,
      wrong: falseAlarms(all, events),
    }
  }
  const outcome = {
    name,
    days: counts.length / DAY_S,
    watch: judged(alarms),
    baseline: judged(meter.crowded()),
    knowing: judged(busyNextMinute(trace)),
  }
  if (isTold) {
    for (const { fromS, toS, leadS, isStep, isRecurring } of outcome.watch.events) {
      console.log(
        `    event ${clock(fromS)} for ${(toS - fromS).toFixed(0)} s, lead ${leadS?.toFixed(1)} ${isStep ? 'step' : ''} ${isRecurring ? 'recurring' : ''}`,
      )
    }
    for (const { fromS, toS } of outcome.watch.wrong) {
      const kinds = told.filter(({ atMs }) => atMs / 1_000 >= fromS - 1 && atMs / 1_000 <= toS + 1)
      console.log(
        `    false ${clock(fromS)} for ${(toS - fromS).toFixed(0)} s: ${kinds.map(({ kind, message }) => `${kind}: ${message.slice(0, 150)}`)[0]}`,
      )
    }
  }
  return outcome
}

/** Every second within a minute before so much traffic. */
function busyNextMinute({ serviceMs, limit, load }: Trace): readonly Span[] {
  const { waitSloMs } = WATCH_DEFAULTS
  const busy = KNOWN_SHARE * fullLevel({ ceiling: limit, leaseMs: serviceMs, waitSloMs, dispersion: 1 })
  return Array.from(load.keys())
    .filter((second) => (load[second] as number) * limit >= busy)
    .map((second) => ({ fromS: Math.max(0, second - KNOWN_S), toS: second + 1 }))
}

function clock(second: number): string {
  const part = (value: number) => String(Math.floor(value)).padStart(2, '0')
  return `${Math.floor(second / DAY_S)}d ${part((second % DAY_S) / 3_600)}:${part((second % 3_600) / 60)}:${part(second % 60)}`
}

const COLUMNS = [
  'events',
  'recall',
  'precision',
  'false a day',
  'median lead',
  'no steps: lead >= 5 s',
  'recurring: lead >= 30 s',
]

function cells(days: number, { events, alarms, wrong }: Judged): readonly string[] {
  const leads = events.flatMap(({ leadS }) => (leadS === undefined ? [] : [leadS])).sort((a, b) => a - b)
  const share = (some: readonly unknown[], all: readonly unknown[]) =>
    all.length === 0 ? '–' : `${((100 * some.length) / all.length).toFixed(0)} % of ${all.length}`
  const ahead = (all: readonly Foreseen[], leastS: number) =>
    share(
      all.filter(({ leadS = 0 }) => leadS >= leastS),
      all,
    )
  return [
    String(events.length),
    share(leads, events),
    alarms === 0 ? '–' : `${((100 * (alarms - wrong.length)) / alarms).toFixed(0)} %`,
    (wrong.length / days).toFixed(2),
    leads.length === 0 ? '–' : `${(leads[leads.length >> 1] as number).toFixed(1)} s`,
    ahead(
      events.filter(({ isStep }) => !isStep),
      5,
    ),
    ahead(
      events.filter(({ isRecurring }) => isRecurring),
      30,
    ),
  ]
}

function row(what: string, days: number, judged: Judged): void {
  console.log(`| ${[what, days.toFixed(1), ...cells(days, judged)].join(' | ')} |`)
}

const together = (all: readonly Judged[]): Judged => ({
  events: all.flatMap(({ events }) => events),
  alarms: all.reduce((sum, { alarms }) => sum + alarms, 0),
  wrong: all.flatMap(({ wrong }) => wrong),
})

console.log(`Node ${process.versions.node}, seed ${seed}, ${isHeldOut ? 'held out' : 'tuned on'}\n`)
console.log(`| trace, alarm | days | ${COLUMNS.join(' | ')} |`)
console.log(`|---|---|${COLUMNS.map(() => '---').join('|')}|`)
const made = (isHeldOut ? HELD_OUT : PLANS).map((plan) => ({ name: plan.name, make: () => generated(plan, seed) }))
const outcomes: Outcome[] = []
for (const { name, make } of [...made, ...recorded(folder, isHeldOut)]) {
  if (!name.includes(only)) continue
  const outcome = await run(make())
  outcomes.push(outcome)
  row(`${name}: watch`, outcome.days, outcome.watch)
  row('utilization >= 80 %', outcome.days, outcome.baseline)
  row('who knew', outcome.days, outcome.knowing)
}
const days = outcomes.reduce((sum, one) => sum + one.days, 0)
row('**all: watch**', days, together(outcomes.map(({ watch }) => watch)))
row('**all: utilization >= 80 %**', days, together(outcomes.map(({ baseline }) => baseline)))
row('**all: who knew**', days, together(outcomes.map(({ knowing }) => knowing)))
