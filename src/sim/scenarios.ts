import { type UslBackendOptions, uslBackend } from './backend.ts'
import type { SimulateOptions } from './simulate.ts'
import { poisson, type Workload } from './workload.ts'

/** A situation that a pool may meet; to be run with any pool: `simulate({ ...scenario.options, pool, seed })`. */
export interface Scenario {
  /** Kebab-case; also its key in {@link scenarios}. */
  readonly name: ScenarioName
  /** What it stands for, in a line. */
  readonly says: string
  readonly options: Omit<SimulateOptions, 'pool' | 'seed'>
}

export type ScenarioName =
  | 'step-up'
  | 'overload'
  | 'overload-retries'
  | 'slow-leases'
  | 'very-slow-leases'
  | 'brown-out'
  | 'cold-start'

/**
 * A database whose throughput peaks at 1330 requests per second with 35 inside, and is down to 543 at 200: a knee
 * within the reach of a common pool, and worse beyond it, as measured on PostgreSQL.
 */
const PLANT: UslBackendOptions = { serviceMsMean: 10, sigma: 0.02, kappa: 0.0008, connectMs: 50, holdMsMean: 1 }

/** Every scenario lasts three minutes; the middle one is disturbed. */
const DURATION_MS = 180_000
const FROM_MS = 60_000
const TO_MS = 120_000

/** The bank of named scenarios. */
export const scenarios: Readonly<Record<ScenarioName, Scenario>> = {
  'step-up': scenario('step-up', {
    says: 'A campaign goes live: 4.5 times the traffic within a moment, and the database could serve it.',
    workload: pulse(200, 900),
    recoverFromMs: FROM_MS,
  }),
  overload: scenario('overload', {
    says: 'More than the database can do, 135 % of its best: somebody must be turned away.',
    workload: pulse(200, 1_800),
    recoverFromMs: TO_MS,
  }),
  'overload-retries': scenario('overload-retries', {
    says: 'Half a minute of overload, and who is turned away comes back, three times.',
    workload: pulse(500, 1_800, 90_000),
    retries: 3,
    recoverFromMs: 90_000,
  }),
  'slow-leases': scenario('slow-leases', {
    says: 'A release calls another service inside its transactions: leases last nine times as long, the database idles.',
    workload: poisson(300),
    plant: { disturbances: [{ fromMs: FROM_MS, toMs: TO_MS, extraLeaseMs: 89 }] },
    recoverFromMs: FROM_MS,
  }),
  'very-slow-leases': scenario('very-slow-leases', {
    says: 'As slow-leases, but twenty times as long: 64 leases are needed where 4 were.',
    workload: poisson(300),
    plant: { disturbances: [{ fromMs: FROM_MS, toMs: TO_MS, extraLeaseMs: 199 }] },
    recoverFromMs: TO_MS, // until then one request in twelve holds its lease for longer than the SLO
  }),
  'brown-out': scenario('brown-out', {
    says: 'A backup runs on the database: 40 % of its capacity is left, three quarters of what is asked for.',
    workload: poisson(700),
    plant: { disturbances: [{ fromMs: FROM_MS, toMs: TO_MS, capacity: 0.4 }] },
    recoverFromMs: TO_MS,
  }),
  'cold-start': scenario('cold-start', {
    says: 'A standby instance takes over: from nothing to 880 requests per second.',
    workload: poisson((tMs) => (tMs < FROM_MS ? 1 : 880)),
    recoverFromMs: FROM_MS,
  }),
}

interface ScenarioParts extends Pick<SimulateOptions, 'workload' | 'retries' | 'recoverFromMs'> {
  readonly says: string
  /** How the backend differs from {@link PLANT}. */
  readonly plant?: Partial<UslBackendOptions>
}

function scenario(name: ScenarioName, { says, plant, ...options }: ScenarioParts): Scenario {
  const backend = uslBackend({ ...PLANT, ...plant })
  return { name, says, options: { durationMs: DURATION_MS, sloMs: 500, backend, ...options } }
}

/** `base` requests per second, and `disturbed` of them from the first minute on until `toMs`. */
function pulse(base: number, disturbed: number, toMs: number = TO_MS): Workload {
  return poisson((tMs) => (tMs >= FROM_MS && tMs < toMs ? disturbed : base))
}
