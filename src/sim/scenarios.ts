import { type UslBackendOptions, uslBackend } from './backend.ts'
import type { SimulateOptions } from './simulate.ts'
import { poisson, type Workload } from './workload.ts'

/** A situation that a pool may meet; to be run with any pool: `simulate({ ...scenario.options, pool, seed })`. */
export interface Scenario {
  /** Kebab-case; the key in {@link scenarios}. */
  readonly name: string
  /** What it stands for, in a line. */
  readonly says: string
  readonly options: Omit<SimulateOptions, 'pool' | 'seed'>
}

/**
 * A database whose throughput peaks at 1330 requests per second with 35 inside, and is down to 543 at 200: a knee
 * within the reach of a common pool, and worse beyond it, as measured on PostgreSQL.
 */
const PLANT: UslBackendOptions = { serviceMsMean: 10, sigma: 0.02, kappa: 0.0008, connectMs: 50, holdMsMean: 1 }

/** All scenarios last three minutes; the middle one is disturbed. */
const DURATION_MS = 180_000
const FROM_MS = 60_000
const TO_MS = 120_000

function scenario(name: string, says: string, workload: Workload, more: ScenarioParts = {}): Scenario {
  const { plant, ...others } = more
  const backend = uslBackend({ ...PLANT, ...plant })
  return { name, says, options: { durationMs: DURATION_MS, sloMs: 500, workload, backend, ...others } }
}

type ScenarioParts = Partial<Pick<SimulateOptions, 'retries' | 'recoverFromMs'>> & {
  readonly plant?: Partial<UslBackendOptions>
}

/** `base` requests per second, and `disturbed` in the middle. */
function pulse(base: number, disturbed: number, toMs: number = TO_MS): Workload {
  return poisson((tMs) => (tMs >= FROM_MS && tMs < toMs ? disturbed : base))
}

const during = { fromMs: FROM_MS, toMs: TO_MS }

const ALL = [
  scenario(
    'step-up',
    'A campaign goes live: 4.5 times the traffic within a moment, and the database could serve it.',
    pulse(200, 900),
    {
      recoverFromMs: FROM_MS,
    },
  ),
  scenario(
    'overload',
    'More than the database can do, 135 % of its best: somebody must be turned away.',
    pulse(200, 1_800),
    {
      recoverFromMs: TO_MS,
    },
  ),
  scenario(
    'overload-retries',
    'Half a minute of overload, and who is turned away comes back, three times.',
    pulse(500, 1_800, 90_000),
    {
      recoverFromMs: 90_000,
      retries: 3,
    },
  ),
  scenario(
    'slow-leases',
    'A release calls another service inside its transactions: leases last nine times as long, the database idles.',
    poisson(300),
    {
      recoverFromMs: FROM_MS,
      plant: { disturbances: [{ ...during, extraLeaseMs: 89 }] },
    },
  ),
  scenario(
    'brown-out',
    'A backup runs on the database: 40 % of its capacity is left, three quarters of what is asked for.',
    poisson(700),
    {
      recoverFromMs: TO_MS,
      plant: { disturbances: [{ ...during, capacity: 0.4 }] },
    },
  ),
  scenario(
    'cold-start',
    'A standby instance takes over: from nothing to 880 requests per second.',
    poisson((tMs) => (tMs < FROM_MS ? 1 : 880)),
    {
      recoverFromMs: FROM_MS,
    },
  ),
  scenario(
    'very-slow-leases',
    'As slow-leases, but twenty times as long: 64 leases are needed where 4 were.',
    poisson(300),
    {
      recoverFromMs: FROM_MS,
      plant: { disturbances: [{ ...during, extraLeaseMs: 199 }] },
    },
  ),
]

/** The bank of named scenarios. */
export const scenarios: Readonly<Record<string, Scenario>> = Object.fromEntries(ALL.map((each) => [each.name, each]))
