import { fixed, hybrid } from '../../src/index.ts'
import {
  type Disturbance,
  poisson,
  type SimulatedPoolOptions,
  type SimulateOptions,
  type UslBackendOptions,
  uslBackend,
} from '../../src/sim/index.ts'
import type { Verdict } from '../../src/watch/warning.ts'

/** Something that happens to a pool under the simulator, and what a watch should say of it. */
export interface Incident {
  readonly name: string
  /** Any of these is right at the first warning; none: a quiet day, on which every warning is false. */
  readonly causes: readonly Verdict[]
  /** When it begins, in ms; warnings before it are false. */
  readonly fromMs: number
  readonly options: Omit<SimulateOptions, 'seed'>
}

const FROM_MS = 20_000
const TO_MS = 50_000
const DURATION_MS = 60_000

/** Leases of 20 ms, however many there are. */
const IO: UslBackendOptions = { serviceMsMean: 20, connectMs: 20 }
/** Throughput peaks at 35 leases, at 1330 a second. */
const CPU: UslBackendOptions = { serviceMsMean: 10, sigma: 0.02, kappa: 0.0008, connectMs: 50, holdMsMean: 1 }

function pinned(size: number): SimulatedPoolOptions {
  return { limitMin: 1, limitMax: size, limitInitial: size, warmUp: size, controller: fixed(), acquireTimeoutMs: 1_000 }
}

function sizing(limitMax: number, limitInitial = 10): SimulatedPoolOptions {
  return { limitMin: 2, limitMax, limitInitial, warmUp: limitInitial, controller: hybrid(), acquireTimeoutMs: 1_000 }
}

type What<D> = D extends unknown ? Omit<D, 'fromMs' | 'toMs'> : never

function disturbed(plant: UslBackendOptions, ...what: readonly What<Disturbance>[]) {
  const disturbances = what.map((one) => ({ fromMs: FROM_MS, toMs: TO_MS, ...one }) as Disturbance)
  return uslBackend({ ...plant, disturbances })
}

function stalls(everyMs: number, forMs: number): readonly Disturbance[] {
  return Array.from({ length: 6 }, (_, i) => ({
    fromMs: FROM_MS + i * everyMs,
    toMs: FROM_MS + i * everyMs + forMs,
    stall: true as const,
  }))
}

const step = (before: number, after: number) => poisson((tMs) => (tMs < FROM_MS || tMs >= TO_MS ? before : after))
const ramp = (before: number, after: number) =>
  poisson((tMs) => before + (after - before) * Math.min(1, Math.max(0, (tMs - FROM_MS) / (TO_MS - FROM_MS))))

function incident(
  name: string,
  causes: Verdict | readonly Verdict[],
  pool: SimulatedPoolOptions,
  workload: SimulateOptions['workload'],
  backend: SimulateOptions['backend'],
  fromMs = FROM_MS,
): Incident {
  const all = typeof causes === 'string' ? [causes] : causes
  return { name, causes: all, fromMs, options: { durationMs: DURATION_MS, workload, backend, pool } }
}

/** At least three variants of each cause, mixtures, and quiet days. Deadlocks are in knots.ts: they need real callers. */
export const INCIDENTS: readonly Incident[] = [
  incident('surge x7.5 on ten', 'surge', pinned(10), step(200, 1_500), uslBackend(IO)),
  incident('surge x3 on ten', 'surge', pinned(10), step(250, 750), uslBackend(IO)),
  incident('surge x5 on a sizing pool with a low ceiling', 'surge', sizing(20), step(300, 1_500), uslBackend(IO)),
  incident('surge as a ramp', 'surge', pinned(10), ramp(150, 800), uslBackend(IO)),

  incident('too small from the start', 'undersized', pinned(10), poisson(650), uslBackend(IO), 0),
  incident('far too small from the start', 'undersized', pinned(4), poisson(400), uslBackend(IO), 0),
  incident('a ceiling too low from the start', 'undersized', sizing(8, 4), poisson(550), uslBackend(IO), 0),

  incident('brown-out to 0.4', 'backend-saturated', sizing(200), poisson(700), disturbed(CPU, { capacity: 0.4 })),
  incident('brown-out to 0.3', 'backend-saturated', sizing(60), poisson(600), disturbed(CPU, { capacity: 0.3 })),
  incident(
    'brown-out of a pinned pool',
    'backend-saturated',
    pinned(30),
    poisson(700),
    disturbed(CPU, { capacity: 0.4 }),
  ),
  incident('a hot row', 'backend-saturated', sizing(100), poisson(900), disturbed(CPU, { kappa: 0.01 })),
  incident('neighbours', 'backend-saturated', sizing(100), poisson(900), disturbed(CPU, { neighbours: 40 })),

  incident('hold x9', 'slow-leases', sizing(200), poisson(300), disturbed(CPU, { extraLeaseMs: 89 })),
  incident('hold x9, pinned', 'slow-leases', pinned(20), poisson(300), disturbed(CPU, { extraLeaseMs: 89 })),
  incident('hold x20', 'slow-leases', sizing(60), poisson(300), disturbed(CPU, { extraLeaseMs: 199 })),
  incident(
    'an HTTP call in a small pool',
    'slow-leases',
    pinned(10),
    poisson(200),
    disturbed(IO, { extraLeaseMs: 60 }),
  ),

  incident('a leak a second', 'leak', pinned(10), poisson(150), disturbed(IO, { leakEveryMs: 1_000 })),
  incident('a leak in two seconds', 'leak', pinned(10), poisson(200), disturbed(IO, { leakEveryMs: 2_000 })),
  incident('a leak in two seconds, sizing', 'leak', sizing(15), poisson(200), disturbed(IO, { leakEveryMs: 2_000 })),
  incident('a leak in five seconds', 'leak', sizing(50), poisson(200), disturbed(IO, { leakEveryMs: 5_000 })),

  incident('primary dead', 'creation-failing', sizing(50), poisson(300), disturbed(IO, { kill: true })),
  incident('primary dead, pinned', 'creation-failing', pinned(10), poisson(300), disturbed(IO, { kill: true })),
  incident('primary dead, little traffic', 'creation-failing', sizing(50), poisson(20), disturbed(IO, { kill: true })),

  incident('refused while growing', 'backend-refusing', sizing(100), step(200, 1_500), disturbed(IO, { refuse: true })),
  incident(
    '12 connections left',
    'backend-refusing',
    sizing(100),
    step(200, 1_500),
    disturbed(IO, { connectionsMax: 12 }),
  ),
  incident(
    'refused from a cold start',
    'backend-refusing',
    { ...sizing(100), warmUp: 0 },
    poisson((tMs) => (tMs < FROM_MS ? 0 : 400)),
    disturbed(IO, { refuse: true }),
  ),

  ...(
    [
      ['six blocks of 800 ms', 800, pinned(20)],
      ['six blocks of 500 ms', 500, sizing(100)],
      ['six blocks of 1.5 s', 1_500, pinned(10)],
    ] as const
  ).map(([name, forMs, pool]) =>
    incident(name, 'event-loop-stall', pool, poisson(250), uslBackend({ ...IO, disturbances: stalls(5_000, forMs) })),
  ),

  incident(
    'surge in a brown-out',
    ['surge', 'backend-saturated'],
    sizing(60),
    step(300, 900),
    disturbed(CPU, { capacity: 0.4 }),
  ),
  incident('surge beyond the backend', ['surge', 'backend-saturated'], sizing(200), step(200, 1_800), uslBackend(CPU)),
  incident('surge and leak', ['surge', 'leak'], pinned(12), step(150, 500), disturbed(IO, { leakEveryMs: 2_000 })),

  incident('quiet at 70 %', [], pinned(10), poisson(350), uslBackend(IO)),
  incident('quiet, sizing', [], sizing(100), poisson(300), uslBackend(CPU)),
  incident('a step that fits', [], sizing(100), step(200, 900), uslBackend(CPU)),
  incident('noise', [], sizing(100), poisson(600), disturbed(CPU, { noise: 0.3 })),
  incident('a handful a second', [], sizing(50), poisson(3), uslBackend({ ...CPU, holdMsMean: 120 })),
]
