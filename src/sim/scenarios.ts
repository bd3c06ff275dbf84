import { seededRandom } from '../base/random.ts'
import { codel } from '../pool/queue-policy.ts'
import { type Backend, type CurveBackendOptions, curveBackend, type UslBackendOptions, uslBackend } from './backend.ts'
import { bursts } from './bursts.ts'
import { closedLoop } from './closed-loop.ts'
import type { Disturbance } from './disturbance.ts'
import { naturalExp } from './exponential.ts'
import { mixed } from './mixed.ts'
import type { SimulatedPoolOptions, SimulateOptions } from './simulate.ts'
import { fromCounts, poisson, type Workload } from './workload.ts'

/** A situation that a pool may meet; to be run with any controller: `simulate({ ...scenario.options, seed })`. */
export interface Scenario {
  /** Kebab-case; also its key in {@link scenarios}. */
  readonly name: ScenarioName
  /** What it stands for, in a line. */
  readonly says: string
  /** When what it is about begins and ends, in ms; `options.recoverFromMs` is one of the two. */
  readonly trigger: { readonly fromMs: number; readonly toMs: number }
  /** `pool` is what such a service would have set, under the default controller. */
  readonly options: Omit<SimulateOptions, 'seed'>
}

export type ScenarioName = keyof typeof PARTS

/**
 * A database whose throughput peaks at 1330 requests per second with 35 inside, and is down to 543 at 200: a knee
 * within the reach of a common pool, and worse beyond it, as measured on PostgreSQL.
 */
const PLANT: UslBackendOptions = { serviceMsMean: 10, sigma: 0.02, kappa: 0.0008, connectMs: 50, holdMsMean: 1 }

/** A small server, two cores: it peaks at 290 requests per second with 8 inside, and thrashes early. */
const SMALL_PLANT: UslBackendOptions = { ...PLANT, sigma: 0.2, kappa: 0.0125 }

/** Measured on PostgreSQL 15 with two cores, mixed transactions, a tenth of their number: a peak at 8, then a fall. */
const MEASURED_PEAK: CurveBackendOptions['throughput'] = [
  [1, 632],
  [2, 556],
  [4, 485],
  [8, 684],
  [12, 660],
  [16, 612],
  [24, 591],
  [32, 547],
  [48, 495],
  [64, 404],
  [96, 307],
  [128, 272],
  [192, 205],
  [256, 165],
]

/** Published for PostgreSQL 9.1 with 32 cores (R. Haas), a fortieth: steep up to 16, then flat. */
const MEASURED_FLAT: CurveBackendOptions['throughput'] = [
  [1, 109],
  [4, 390],
  [8, 684],
  [12, 938],
  [16, 1134],
  [20, 1173],
  [24, 1071],
  [32, 972],
  [44, 941],
  [80, 918],
]

/** Two cores, 3 ms of them for a query, whose lease lasts longer than that: the rest is the network's, or a lock's. */
const TWO_CORES: CurveBackendOptions = {
  throughput: [
    [1, 333],
    [2, 640],
    [4, 630],
    [128, 560],
  ],
  connectMs: 5,
  connectWork: 25, // a fork, a TLS handshake, a password hashed, caches to fill: 75 ms of a core
}

/** What the service in front has set. CoDel goes by its callers' patience: 50 and 500 ms of one second. */
const POOL: SimulatedPoolOptions = {
  limitMin: 2,
  limitMax: 200,
  acquireTimeoutMs: 1_000,
  warmUp: 10,
  queue: codel(),
}

interface Parts extends Partial<Pick<SimulateOptions, 'durationMs' | 'sloMs' | 'retries'>> {
  readonly says: string
  readonly workload: Workload
  readonly backend: Backend
  readonly trigger: readonly [fromMs: number, toMs: number]
  /** Where a larger pool serves everybody, service is to be back soon after the trigger begins; else after its end. */
  readonly recovers: 'from-onset' | 'from-end'
  readonly pool?: SimulatedPoolOptions
}

const MINUTE_MS = 60_000
/** Most scenarios last 100 s, and are disturbed from 30 to 70 s. */
const FROM_MS = 30_000
const TO_MS = 70_000
const DURATION_MS = 100_000
/** The first seven last three minutes; the middle one is disturbed. Others have published figures for them. */
const CLASSIC: readonly [number, number] = [MINUTE_MS, 2 * MINUTE_MS]
const USUAL: readonly [number, number] = [FROM_MS, TO_MS]

const PARTS = {
  'step-up': {
    says: 'A campaign goes live: 4.5 times the traffic within a moment, and the database could serve it.',
    durationMs: 3 * MINUTE_MS,
    workload: pulse(200, 900, CLASSIC),
    backend: uslBackend(PLANT),
    trigger: CLASSIC,
    recovers: 'from-onset',
  },
  overload: {
    says: 'More than the database can do, 135 % of its best: somebody must be turned away.',
    durationMs: 3 * MINUTE_MS,
    workload: pulse(200, 1_800, CLASSIC),
    backend: uslBackend(PLANT),
    trigger: CLASSIC,
    recovers: 'from-end',
  },
  'overload-retries': {
    says: 'Half a minute of overload, and who is turned away comes back, three times.',
    durationMs: 3 * MINUTE_MS,
    workload: pulse(500, 1_800, [60_000, 90_000]),
    backend: uslBackend(PLANT),
    retries: 3,
    trigger: [60_000, 90_000],
    recovers: 'from-end',
  },
  'slow-leases': {
    says: 'A release calls another service inside its transactions: leases last nine times as long, the database idles.',
    durationMs: 3 * MINUTE_MS,
    workload: poisson(300),
    backend: disturbed(PLANT, CLASSIC, { extraLeaseMs: 89 }),
    trigger: CLASSIC,
    recovers: 'from-onset',
  },
  'very-slow-leases': {
    says: 'As slow-leases, but twenty times as long: 64 leases are needed where 4 were.',
    durationMs: 3 * MINUTE_MS,
    workload: poisson(300),
    backend: disturbed(PLANT, CLASSIC, { extraLeaseMs: 199 }),
    trigger: CLASSIC,
    recovers: 'from-end', // until then one request in twelve holds its lease for longer than the SLO
  },
  'brown-out': {
    says: 'A backup runs on the database: 40 % of its capacity is left, three quarters of what is asked for.',
    durationMs: 3 * MINUTE_MS,
    workload: poisson(700),
    backend: disturbed(PLANT, CLASSIC, { capacity: 0.4 }),
    trigger: CLASSIC,
    recovers: 'from-end',
  },
  'cold-start': {
    says: 'A standby instance takes over: from nothing to 880 requests per second.',
    durationMs: 3 * MINUTE_MS,
    workload: poisson((tMs) => (tMs < MINUTE_MS ? 1 : 880)),
    backend: uslBackend(PLANT),
    trigger: [MINUTE_MS, 3 * MINUTE_MS],
    recovers: 'from-onset',
  },
  ramp: {
    says: 'A morning: traffic grows twelvefold within a minute, stays, and goes.',
    workload: poisson((tMs) => 100 + 1_000 * Math.max(0, Math.min(1, tMs / 60_000, (95_000 - tMs) / 15_000))),
    backend: uslBackend(PLANT),
    trigger: [0, 60_000],
    recovers: 'from-onset',
  },
  'hourly-surge': {
    says: 'Every full hour (here every 40 s) all the clients poll at once: six times the traffic, gone again in 15 s.',
    durationMs: 120_000,
    workload: poisson((tMs) => (tMs % 40_000 >= 20_000 && tMs % 40_000 < 35_000 ? 900 : 150)),
    backend: uslBackend(PLANT),
    trigger: [20_000, 35_000],
    recovers: 'from-onset',
  },
  'flash-crowd': {
    says: 'A goal is scored (the minute of World Cup 98, in 15 s): 6.5 times the traffic, beyond the database, ebbing away.',
    workload: poisson((tMs) => 230 * (1 + 5.5 * crowd(tMs))),
    backend: uslBackend(PLANT),
    trigger: [FROM_MS, 55_000],
    recovers: 'from-end',
  },
  diurnal: {
    says: 'A day in two minutes: a night of 50 requests per second, a noon of 1100.',
    durationMs: 120_000,
    workload: poisson((tMs) => 50 + 1_050 * hill(tMs / 120_000)),
    backend: uslBackend(PLANT),
    trigger: [0, 60_000],
    recovers: 'from-onset',
  },
  bursts: {
    says: 'Traffic thirteen times as dispersed as chance, as in front of a language model: seven at a time on average.',
    workload: bursts({ ratePerSecond: 450, dispersion: 13, spreadMs: 20 }),
    backend: uslBackend(PLANT),
    trigger: [0, 10_000],
    recovers: 'from-onset',
  },
  'heavy-tail': {
    says: 'One query in twenty is a report, forty times as heavy as the look-ups: the mean says nothing.',
    workload: pulse(150, 500, USUAL),
    backend: uslBackend({ ...PLANT, serviceTimes: { heavyShare: 0.05, heavyRatio: 40 } }),
    trigger: USUAL,
    recovers: 'from-onset',
  },
  'slow-decay': {
    says: 'An index bloats: the database loses half of its capacity bit by bit, until somebody rebuilds it.',
    workload: poisson(760),
    backend: uslBackend({ ...PLANT, disturbances: decay(20_000, 70_000, 0.45) }),
    trigger: [20_000, 70_000],
    recovers: 'from-end',
  },
  'knee-shift': {
    says: 'A hot row: statements now block each other, and the best number inside falls from 35 to 10.',
    workload: poisson(440),
    backend: disturbed(PLANT, USUAL, { kappa: 0.0096 }),
    trigger: USUAL,
    recovers: 'from-end',
  },
  'smaller-replica': {
    says: 'A fail-over to a replica of a quarter of the size: sockets die, and the knee is at 10 from then on.',
    workload: poisson(280),
    retries: 1,
    backend: uslBackend({
      ...PLANT,
      disturbances: [
        { fromMs: FROM_MS, toMs: FROM_MS + 1_000, kill: true },
        { fromMs: FROM_MS, toMs: 1e9, kappa: 0.009, sigma: 0.06 },
        { fromMs: FROM_MS, toMs: 1e9, capacity: 0.8 },
      ],
    }),
    trigger: [FROM_MS, FROM_MS + 1_000],
    recovers: 'from-end',
  },
  failover: {
    says: 'The primary dies with all its connections; three seconds later the next one lets people in, slowly.',
    workload: poisson(500),
    retries: 2,
    backend: uslBackend({
      ...PLANT,
      disturbances: [
        { fromMs: FROM_MS, toMs: 33_000, kill: true },
        { fromMs: FROM_MS, toMs: 45_000, extraConnectMs: 100 },
      ],
    }),
    trigger: [FROM_MS, 33_000],
    recovers: 'from-end',
  },
  refusals: {
    says: 'A roll-out doubles the instances: the server has 16 connections left for us (53300), and traffic grows.',
    workload: pulse(300, 750, USUAL),
    backend: disturbed(PLANT, USUAL, { connectionsMax: 16 }),
    trigger: USUAL,
    recovers: 'from-onset',
  },
  leak: {
    says: 'An error path forgets to release: one lease in two seconds is lost, for 40 s, and stays lost.',
    workload: poisson(500),
    backend: disturbed(PLANT, USUAL, { leakEveryMs: 2_000 }),
    trigger: USUAL,
    recovers: 'from-onset',
  },
  'event-loop-stall': {
    says: 'A large JSON blocks the event loop for 800 ms, three times: waits and leases seem long, and nothing is wrong.',
    workload: poisson(400),
    backend: uslBackend({
      ...PLANT,
      disturbances: [30_000, 40_000, 50_000].map((fromMs) => ({ fromMs, toMs: fromMs + 800, stall: true as const })),
    }),
    trigger: [50_000, 50_800],
    recovers: 'from-end',
  },
  'clock-jump': {
    says: 'A virtual machine is moved: its clock leaps by an hour between two requests.',
    workload: poisson(400),
    backend: disturbed(PLANT, [FROM_MS, FROM_MS + 1], { leapMs: 3_600_000 }),
    trigger: [FROM_MS, FROM_MS + 1],
    recovers: 'from-end',
  },
  'noisy-neighbour': {
    says: 'Another service shares the database: capacity wavers by a third, and 15 of its statements are always inside.',
    workload: poisson(650),
    backend: uslBackend({
      ...PLANT,
      disturbances: [
        { fromMs: FROM_MS, toMs: TO_MS, noise: 0.33 },
        { fromMs: FROM_MS, toMs: TO_MS, neighbours: 15 },
      ],
    }),
    trigger: USUAL,
    recovers: 'from-end',
  },
  fleet: {
    says: 'Autoscaling: every ten seconds one more instance of ours sends ten statements of its own, up to forty.',
    workload: poisson(420),
    backend: uslBackend({
      ...PLANT,
      disturbances: [30_000, 40_000, 50_000, 60_000].map((fromMs) => ({ fromMs, toMs: 80_000, neighbours: 10 })),
    }),
    trigger: [FROM_MS, 80_000],
    recovers: 'from-end',
  },
  'connect-spike': {
    says: 'Fifty requests at once on five idle connections, short queries, slow connects: hold still, they are soon served.',
    durationMs: 60_000,
    workload: fromCounts(spikes(60_000, 5_000, 50), { binMs: 1 }),
    backend: uslBackend({ serviceMsMean: 2, serviceTimes: 'constant', connectMs: 150 }),
    trigger: [0, 5_000],
    recovers: 'from-onset',
    pool: { ...POOL, limitMax: 50, warmUp: 5 },
  },
  hang: {
    says: 'A lock on the busiest table: nothing is answered for four seconds, then all at once.',
    workload: poisson(500),
    backend: disturbed(PLANT, [FROM_MS, FROM_MS + 4_000], { hang: true }),
    trigger: [FROM_MS, FROM_MS + 4_000],
    recovers: 'from-end',
  },
  'retry-storm': {
    says: 'Two seconds of silence, and impatient clients: their retries alone could keep the database down for good.',
    workload: poisson(900),
    retries: { count: 5, delayMs: 100 },
    backend: disturbed(PLANT, [FROM_MS, FROM_MS + 2_000], { hang: true }),
    trigger: [FROM_MS, FROM_MS + 2_000],
    recovers: 'from-end',
  },
  'slow-connects': {
    says: 'Name resolution ails while traffic triples: each connect takes two seconds, and 2 % of the database.',
    workload: pulse(250, 750, USUAL),
    backend: uslBackend({
      ...PLANT,
      connectWork: 3,
      disturbances: [{ fromMs: FROM_MS - 5_000, toMs: TO_MS, extraConnectMs: 2_000 }],
    }),
    trigger: USUAL,
    recovers: 'from-onset',
  },
  'costly-connects': {
    says: 'Traffic grows fivefold, and opening a connection takes as much of the two cores as 25 queries.',
    workload: pulse(80, 450, USUAL),
    backend: curveBackend({ ...TWO_CORES, holdMsMean: 40 }),
    trigger: USUAL,
    recovers: 'from-onset',
  },
  'crowded-surge': {
    says: 'Three other processes burn the two cores while traffic grows sevenfold: connects crawl, and we hear of all late.',
    durationMs: MINUTE_MS,
    workload: pulse(200, 1_500, [FROM_MS, FROM_MS + 6_000]),
    sloMs: 200,
    backend: curveBackend({
      ...TWO_CORES,
      // Queries of 0.4 ms, and connects that cost 9.
      throughput: TWO_CORES.throughput.map(([n, perSecond]) => [n, 8 * perSecond] as const),
      holdMsMean: 20,
      connectSerialMs: 10,
      disturbances: [{ fromMs: 0, toMs: MINUTE_MS, neighbours: 3 }, ...latenesses(0, MINUTE_MS)],
    }),
    trigger: [FROM_MS, FROM_MS + 6_000],
    recovers: 'from-onset',
  },
  'cross-region': {
    says: 'The application is a continent away: 130 ms a lease, the database idle; traffic triples, 100 leases are needed.',
    workload: pulse(220, 680, USUAL),
    backend: uslBackend({ ...PLANT, holdMsMean: 120, connectMs: 400 }),
    trigger: USUAL,
    recovers: 'from-onset',
  },
  'small-server': {
    says: 'Two cores behind a popular page: the knee is at 8, and a third more is asked for than it can do.',
    workload: pulse(150, 390, USUAL),
    backend: uslBackend(SMALL_PLANT),
    trigger: USUAL,
    recovers: 'from-end',
  },
  'lock-convoy': {
    says: 'A migration takes a lock in every transaction: they run nearly one at a time, however many are inside.',
    workload: poisson(150),
    backend: disturbed(PLANT, USUAL, { kappa: 0, sigma: 0.9 }),
    trigger: USUAL,
    recovers: 'from-end',
  },
  'measured-peak': {
    says: 'A curve measured on PostgreSQL, with its kinks, under a fifth more than its peak.',
    workload: pulse(250, 820, USUAL),
    backend: curveBackend({ throughput: MEASURED_PEAK, connectMs: 50, holdMsMean: 1 }),
    trigger: USUAL,
    recovers: 'from-end',
  },
  'measured-flat': {
    says: 'A curve published for 32 cores: steep up to 16 inside, then flat, so that hardly anything warns of too many.',
    workload: pulse(300, 1_300, USUAL),
    backend: curveBackend({ throughput: MEASURED_FLAT, connectMs: 50, holdMsMean: 1 }),
    trigger: USUAL,
    recovers: 'from-end',
  },
  'mixed-classes': {
    says: 'A batch of reports starts beside the checkout: a sixth of the requests, twelve times the work, and no hurry.',
    workload: mixed([
      { tag: 'checkout', priority: 1, workload: poisson(250) },
      { tag: 'report', priority: -1, work: 12, workload: pulse(1, 45, USUAL) },
    ]),
    backend: uslBackend(PLANT),
    trigger: USUAL,
    recovers: 'from-onset',
  },
  workers: {
    says: 'Batch workers wake up beside the page: forty of them, each asking again as soon as it is answered.',
    workload: mixed([
      { tag: 'page', priority: 1, workload: pulse(250, 700, USUAL) },
      { tag: 'worker', workload: closedLoop({ clients: 40, thinkMsMean: 100 }) },
    ]),
    backend: uslBackend(PLANT),
    trigger: USUAL,
    recovers: 'from-onset',
  },
  trickle: {
    says: 'An internal tool: three requests per second, some of them long. Too few to learn from, and no reason to move.',
    workload: poisson(3),
    sloMs: 2_000,
    backend: uslBackend({ ...PLANT, holdMsMean: 120 }),
    trigger: [0, 10_000],
    recovers: 'from-onset',
  },
  steady: {
    says: 'Nothing happens at all: 300 requests per second, for as long as one looks.',
    workload: poisson(300),
    backend: uslBackend(PLANT),
    trigger: [0, 10_000],
    recovers: 'from-onset',
  },
} as const satisfies Readonly<Record<string, Parts>>

/** The bank of named scenarios: in some the need moves, in others the knee, so that no fixed size does well in all. */
export const scenarios: Readonly<Record<ScenarioName, Scenario>> = Object.fromEntries(
  Object.entries(PARTS).map(([name, parts]) => [name, scenario(name as ScenarioName, parts)]),
) as Record<ScenarioName, Scenario>

function scenario(name: ScenarioName, { says, trigger: [fromMs, toMs], recovers, ...rest }: Parts): Scenario {
  const recoverFromMs = recovers === 'from-onset' ? fromMs : toMs
  const options = { durationMs: DURATION_MS, sloMs: 500, retries: 0, pool: POOL, ...rest, recoverFromMs }
  return { name, says, trigger: { fromMs, toMs }, options }
}

/** `base` requests per second, and `disturbed` of them within the span. */
function pulse(base: number, raised: number, [fromMs, toMs]: readonly [number, number]): Workload {
  return poisson((tMs) => (tMs >= fromMs && tMs < toMs ? raised : base))
}

type What<D> = D extends unknown ? Omit<D, 'fromMs' | 'toMs'> : never

function disturbed(
  plant: UslBackendOptions,
  [fromMs, toMs]: readonly [number, number],
  what: What<Disturbance>,
): Backend {
  return uslBackend({ ...plant, disturbances: [{ fromMs, toMs, ...what } as Disturbance] })
}

/** 0 before, 1 within a quarter of a minute, and ebbing away from then on. */
function crowd(tMs: number): number {
  const sinceMs = tMs - FROM_MS
  if (sinceMs < 0) return 0
  return sinceMs < 15_000 ? sinceMs / 15_000 : naturalExp(-(sinceMs - 15_000) / 12_000)
}

/** 0 at 0 and 1, 1 in the middle, smooth: 16 x² (1 − x)². Powers of a cosine would differ between machines. */
function hill(x: number): number {
  return 16 * x * x * (1 - x) * (1 - x)
}

/** Capacity falls to `lowest` in twenty steps. */
function decay(fromMs: number, toMs: number, lowest: number): Disturbance[] {
  const stepMs = (toMs - fromMs) / 20
  return Array.from({ length: 20 }, (_, step) => ({
    fromMs: fromMs + step * stepMs,
    toMs: fromMs + (step + 1) * stepMs,
    capacity: 1 - ((1 - lowest) * (step + 1)) / 20,
  }))
}

/** A process that waits for its turn on a busy machine: 5 to 75 ms late, every 100 ms or so. */
function latenesses(fromMs: number, toMs: number): Disturbance[] {
  const random = seededRandom(1)
  const late: Disturbance[] = []
  for (let atMs = fromMs; atMs < toMs; atMs += 50 + 100 * random.next()) {
    late.push({ fromMs: atMs, toMs: atMs + 5 + 70 * random.next() ** 3, stall: true })
  }
  return late
}

/** Counts by the millisecond: `size` requests at once every `everyMs`. */
function spikes(durationMs: number, everyMs: number, size: number): number[] {
  return Array.from({ length: durationMs }, (_, ms) => (ms % everyMs === 1_000 ? size : 0))
}
