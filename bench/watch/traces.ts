import { existsSync, readFileSync } from 'node:fs'
import { type Random, seededRandom } from '../../src/base/random.ts'

/** Traffic to be foreseen, and the fixed pool that it meets. */
export interface Trace {
  readonly name: string
  /** Of a lease, in ms; the limit of the pool. */
  readonly serviceMs: number
  readonly limit: number
  /** Leases that callers want, over the limit, second by second; without the chance in single arrivals. */
  readonly load: Float64Array
  /** Arrivals, second by second. */
  readonly counts: readonly number[]
}

const HOUR = 3_600
const DAY = 24 * HOUR
const LIMIT = 20
const SERVICE_MS = 250

/** The load of a second, as a share of the limit. */
type Shape = (second: number, random: Random) => number

/** Habits of a day: least at four in the morning, most at four in the afternoon. */
const daily = (least: number, most: number) => (second: number) =>
  least + ((most - least) * (1 - Math.cos((2 * Math.PI * (second - 4 * HOUR)) / DAY))) / 2

/** Something that happens once: up within `riseS`, for `lastS`, and down within `fallS`. */
interface Bump {
  readonly atS: number
  readonly riseS: number
  readonly lastS: number
  readonly fallS: number
  /** What it adds. */
  readonly height: number
}

function bumped({ atS, riseS, lastS, fallS, height }: Bump, second: number): number {
  const since = second - atS
  if (since <= 0 || since >= riseS + lastS + fallS) return 0
  return height * Math.min(1, since / riseS, (riseS + lastS + fallS - since) / fallS)
}

function between(random: Random, from: number, to: number): number {
  return from + (to - from) * random.next()
}

/** So many of them spread over the seconds, at times of their own. */
function bumps(count: number, seconds: number, random: Random, one: (random: Random) => Omit<Bump, 'atS'>): Bump[] {
  const gap = seconds / (count + 1)
  return Array.from({ length: count }, (_, i) => ({
    ...one(random),
    atS: Math.floor(gap * (i + 1) + between(random, -0.3, 0.3) * gap),
  }))
}

interface Plan {
  readonly name: string
  readonly days: number
  /** Variance over mean of the arrivals of a second. @defaultValue 1, chance alone */
  readonly dispersion?: number
  /** Slow noise: its deviation, as a share of the load, and how long it lasts, in s. */
  readonly drift?: { readonly deviation: number; readonly lastS: number }
  readonly serviceMs?: number
  readonly limit?: number
  readonly shape: (random: Random) => Shape
}

const DRIFT = { deviation: 0.05, lastS: 600 }

/** Traffic at times of the hour or the day, with its size and its moment differing a little from time to time. */
function recurring(times: readonly number[], every: number, days: number, one: Omit<Bump, 'atS'>, jitterS: number) {
  return (random: Random): Bump[] => {
    const all: Bump[] = []
    for (let from = 0; from < days * DAY; from += every) {
      for (const time of times) {
        const height = one.height * between(random, 0.9, 1.15)
        all.push({ ...one, height, atS: Math.round(from + time + between(random, -jitterS, jitterS)) })
      }
    }
    return all
  }
}

function sum(base: (second: number) => number, some: readonly Bump[]): Shape {
  return (second) => some.reduce((load, bump) => load + bumped(bump, second), base(second))
}

const RAMP = (from: number, to: number, least: number, most: number) => (random: Random) => ({
  riseS: between(random, least, most),
  lastS: between(random, 60, 400),
  fallS: between(random, 60, 300),
  height: between(random, from, to),
})

/** Tuned on. */
export const PLANS: readonly Plan[] = [
  {
    name: 'jobs at each full hour of the day',
    days: 3,
    drift: DRIFT,
    shape: (random) => {
      const jobs = recurring([0], HOUR, 3, { riseS: 1, lastS: 40, fallS: 5, height: 0.8 }, 2)(random)
      return sum(daily(0.12, 0.42), jobs)
    },
  },
  {
    name: 'three jobs a day',
    days: 4,
    drift: DRIFT,
    shape: (random) => {
      const times = [2.5 * HOUR, 9 * HOUR, 17.75 * HOUR]
      return sum(daily(0.2, 0.5), recurring(times, DAY, 4, { riseS: 1, lastS: 240, fallS: 10, height: 0.8 }, 5)(random))
    },
  },
  {
    name: 'ramps, half of them too small',
    days: 1,
    drift: DRIFT,
    shape: (random) =>
      sum(
        () => 0.3,
        [...bumps(10, DAY, random, RAMP(0.85, 1.2, 60, 600)), ...bumps(10, DAY, random, RAMP(0.2, 0.4, 60, 600))],
      ),
  },
  {
    name: 'flash crowds',
    days: 1,
    shape: (random) => {
      const crowds = bumps(8, DAY, random, (chance) => ({ ...RAMP(1.2, 3, 20, 90)(chance), fallS: 600 }))
      return sum(() => 0.25, crowds)
    },
  },
  {
    name: 'steps that nobody can foresee',
    days: 1,
    shape: (random) => {
      const steps = bumps(8, DAY, random, (chance) => ({ ...RAMP(0.9, 1.5, 1, 1)(chance), fallS: 1 }))
      return sum(() => 0.4, steps)
    },
  },
  { name: 'busy days', days: 3, drift: { deviation: 0.08, lastS: 900 }, shape: () => daily(0.2, 0.95) },
  {
    name: 'bursts',
    days: 1,
    dispersion: 5,
    drift: DRIFT,
    shape: (random) => {
      return sum(daily(0.2, 0.5), bumps(6, DAY, random, RAMP(0.8, 1.2, 100, 600)))
    },
  },
  { name: 'quiet at 60 %', days: 1, drift: DRIFT, shape: () => () => 0.6 },
]

/** Held out: not looked at while tuning. */
export const HELD_OUT: readonly Plan[] = [
  {
    name: 'jobs at ten and forty past',
    days: 3,
    drift: DRIFT,
    shape: (random) => {
      const jobs = recurring([600, 2_400], HOUR, 3, { riseS: 2, lastS: 25, fallS: 10, height: 1 }, 2)(random)
      return sum(daily(0.15, 0.4), jobs)
    },
  },
  {
    name: 'a nightly and a morning job',
    days: 4,
    drift: DRIFT,
    shape: (random) => {
      const times = [0.25 * HOUR, 8.1 * HOUR]
      return sum(
        daily(0.15, 0.55),
        recurring(times, DAY, 4, { riseS: 3, lastS: 500, fallS: 30, height: 0.9 }, 5)(random),
      )
    },
  },
  {
    name: 'slow ramps, half of them too small',
    days: 1,
    drift: { deviation: 0.06, lastS: 1_200 },
    shape: (random) =>
      sum(
        () => 0.35,
        [...bumps(9, DAY, random, RAMP(0.8, 1.4, 120, 1_200)), ...bumps(9, DAY, random, RAMP(0.15, 0.35, 30, 600))],
      ),
  },
  {
    name: 'flash crowds of a larger pool',
    days: 1,
    limit: 60,
    serviceMs: 750,
    shape: (random) => {
      const crowds = bumps(8, DAY, random, (chance) => ({ ...RAMP(1, 4, 15, 60)(chance), fallS: 300 }))
      return sum(() => 0.3, crowds)
    },
  },
  {
    name: 'steps of a busier pool',
    days: 1,
    shape: (random) => {
      const steps = bumps(8, DAY, random, (chance) => ({ ...RAMP(0.6, 1.2, 1, 1)(chance), fallS: 1 }))
      return sum(() => 0.55, steps)
    },
  },
  { name: 'busier days', days: 3, drift: { deviation: 0.1, lastS: 600 }, shape: () => daily(0.25, 0.9) },
  { name: 'quiet at 70 %', days: 1, drift: DRIFT, shape: () => () => 0.7 },
]

export function generated(plan: Plan, seed: number): Trace {
  const { name, days, dispersion = 1, drift, serviceMs = SERVICE_MS, limit = LIMIT } = plan
  const random = seededRandom(seed * 1_009 + name.length)
  const shape = plan.shape(random)
  const load = new Float64Array(days * DAY)
  let drifted = 0
  for (let second = 0; second < load.length; second++) {
    if (drift !== undefined) {
      const kept = Math.exp(-1 / drift.lastS)
      drifted = drifted * kept + drift.deviation * Math.sqrt(1 - kept * kept) * normal(random)
    }
    load[second] = Math.max(0, shape(second, random) * (1 + drifted))
  }
  return traceOf(name, load, limit, serviceMs, dispersion, random)
}

function traceOf(
  name: string,
  load: Float64Array,
  limit: number,
  serviceMs: number,
  dispersion: number,
  random: Random,
): Trace {
  const perSecond = (limit * 1_000) / serviceMs
  const counts = Array.from(load, (share) => drawCount(share * perSecond, dispersion, random))
  return { name, serviceMs, limit, load, counts }
}

/** Poisson; with a dispersion, of batches as large as that. */
function drawCount(mean: number, dispersion: number, random: Random): number {
  const batches = mean / dispersion
  if (batches > 50) return Math.max(0, Math.round(mean + Math.sqrt(mean * dispersion) * normal(random)))
  const least = Math.exp(-batches)
  let count = -1
  for (let product = 1; product > least; count++) product *= random.next()
  return Math.round(count * dispersion)
}

function normal(random: Random): number {
  return Math.sqrt(-2 * Math.log(1 - random.next())) * Math.cos(2 * Math.PI * random.next())
}

/** Recorded traffic, by file: how it is read, and the pool for it. The limit is the quantile of what was wanted. */
interface Recording {
  readonly name: string
  readonly file: string
  readonly serviceMs: number
  readonly quantile: number
  /** Arrivals, second by second, before chance. */
  read(lines: readonly string[]): Float64Array
  /** The second of each arrival is recorded: there is no chance to add. */
  readonly isExact?: true
  readonly isHeldOut?: true
}

const RECORDINGS: readonly Recording[] = [
  worldCup('World Cup 1998, the last 14 days', 105_140, 125_300),
  { ...worldCup('World Cup 1998, the 14 days before', 84_980, 105_140), isHeldOut: true },
  {
    name: 'load balancer, 14 days',
    file: 'nab-elb-request-count.csv',
    serviceMs: 500,
    quantile: 0.997,
    read: (lines) =>
      interpolated(
        lines.map((line) => Number(line.split(',')[1]) / 10),
        300,
      ),
  },
  azure('code'),
  { ...azure('conversation'), isHeldOut: true },
]

function worldCup(name: string, from: number, to: number): Recording {
  return {
    name,
    file: 'worldcup98-requests-per-minute.csv',
    serviceMs: 500,
    quantile: 0.997,
    read: (lines) =>
      interpolated(
        lines.slice(from, to).map((line) => Number(line.split(',')[1]) / 60 / 20),
        60,
      ),
  }
}

function azure(name: string): Recording {
  return {
    name: `language model, ${name}, 57 minutes`,
    file: `azure-llm-2023-${name}.csv`,
    serviceMs: 2_000,
    quantile: 0.98,
    isExact: true,
    read(lines) {
      const seconds = lines.map((line) => Math.floor(Date.parse(`${line.slice(0, 23).replace(' ', 'T')}Z`) / 1_000))
      const first = seconds[0] as number
      const counts = new Float64Array((seconds.at(-1) as number) - first + 1)
      for (const second of seconds) counts[second - first] = (counts[second - first] as number) + 1
      return counts
    },
  }
}

/** From means per second of bins to a line through their middles. */
function interpolated(means: readonly number[], binS: number): Float64Array {
  const all = new Float64Array(means.length * binS)
  for (let second = 0; second < all.length; second++) {
    const at = Math.max(0, (second + 0.5) / binS - 0.5)
    const bin = Math.min(means.length - 1, Math.floor(at))
    const next = Math.min(means.length - 1, bin + 1)
    all[second] = (means[bin] as number) + ((means[next] as number) - (means[bin] as number)) * Math.min(1, at - bin)
  }
  return all
}

export function recorded(folder: string, isHeldOut: boolean): readonly { name: string; make(): Trace }[] {
  const there = RECORDINGS.filter((one) => existsSync(`${folder}/${one.file}`))
  return there
    .filter((one) => (one.isHeldOut ?? false) === isHeldOut)
    .map((recording) => ({ name: recording.name, make: () => readTrace(folder, recording) }))
}

function readTrace(folder: string, { name, file, serviceMs, quantile, read, isExact }: Recording): Trace {
  const perSecond = read(readFileSync(`${folder}/${file}`, 'utf8').trim().split('\n').slice(1))
  const busy = smoothed(perSecond).map((rate) => (rate * serviceMs) / 1_000)
  const limit = Math.max(2, Math.ceil(busy.slice().sort()[Math.floor(quantile * busy.length)] as number))
  const load = busy.map((one) => one / limit)
  const counts = Array.from(perSecond)
  if (isExact) return { name, serviceMs, limit, load, counts }
  const random = seededRandom(1)
  return { name, serviceMs, limit, load, counts: counts.map((mean) => drawCount(mean, 1, random)) }
}

/** Over two seconds. */
function smoothed(perSecond: Float64Array): Float64Array {
  const kept = Math.exp(-1 / 2)
  let mean = perSecond[0] as number
  return perSecond.map((one) => {
    mean = mean * kept + one * (1 - kept)
    return mean
  })
}
