import type { Controller } from '../../src/control/controller.ts'
import { aimd, codel, fifo, fixed, gradient2, hillClimb, hybrid, littlesLaw, pid, vegas } from '../../src/index.ts'
import { type Scenario, type ScenarioName, scenarios, simulate } from '../../src/sim/index.ts'
import { flexyPool, littlesLawNaive, pgbus, utilization } from './rivals.ts'

/** By the name that the command line knows. A fixed size is `fixed-35`. */
export const CONTROLLERS: Readonly<Record<string, () => Controller>> = {
  hybrid,
  aimd,
  littlesLaw,
  littlesLawNaive,
  pid,
  vegas,
  gradient2,
  hillClimb,
  flexyPool,
  utilization,
  pgbus,
}

/** One simulated run. */
export interface RunSpec {
  readonly scenario: ScenarioName
  /** One of {@link CONTROLLERS}, or `fixed-<size>`. */
  readonly controller: string
  readonly queue: 'codel' | 'fifo'
  readonly seed: number
}

/** What is kept of it. */
export interface Outcome {
  readonly goodput: number
  /** Counted from the scenario's `recoverFromMs`, in ms; null: never. */
  readonly recoveryMs: number | null
  readonly liveMean: number
  readonly liveMax: number
  readonly moves: number
  readonly reversals: number
  readonly created: number
  readonly waitMsP99: number
  /** Of the first seed, for the picture. */
  readonly plot?: Plot
}

export interface Plot {
  readonly binMs: number
  /** Per second. */
  readonly offered: readonly number[]
  readonly served: readonly number[]
  /** [ms, limit, in use] */
  readonly limits: readonly (readonly [number, number, number])[]
}

export function limitMaxOf(scenario: Scenario): number {
  return scenario.options.pool.limitMax ?? 10
}

export async function run({ scenario: name, controller, queue, seed }: RunSpec): Promise<Outcome> {
  const { options } = scenarios[name]
  const size = sizeOf(controller)
  const policy = queue === 'fifo' ? fifo() : codel()
  const pool =
    size === undefined
      ? { ...options.pool, queue: policy, controller: controllerOf(controller) }
      : { ...options.pool, queue: policy, controller: fixed(), limitMin: size, limitMax: size, warmUp: size }
  const { summary, rows, timeline } = await simulate({ ...options, seed, pool })
  const { goodput, liveMean, liveMax, moves, reversals, created, waitMsP99, recoveryMs = null } = summary
  const outcome = { goodput, recoveryMs, liveMean, liveMax, moves, reversals, created, waitMsP99 }
  return seed === 1 ? { ...outcome, plot: plotOf(rows, timeline) } : outcome
}

export function sizeOf(controller: string): number | undefined {
  const size = /^fixed-(\d+)$/.exec(controller)?.[1]
  return size === undefined ? undefined : Number(size)
}

function controllerOf(name: string): Controller {
  const make = CONTROLLERS[name]
  if (make === undefined)
    throw new RangeError(`no controller ${name}; there are ${Object.keys(CONTROLLERS).join(', ')}`)
  return make()
}

type Told = Awaited<ReturnType<typeof simulate>>

function plotOf(rows: Told['rows'], { binMs, offered, withinSlo }: Told['timeline']): Plot {
  const group = Math.max(1, Math.ceil(offered.length / 200))
  const perSecond = (counts: readonly number[]): number[] => {
    const rates: number[] = []
    for (let bin = 0; bin + group <= counts.length; bin += group) {
      rates.push(Math.round((counts.slice(bin, bin + group).reduce((a, b) => a + b, 0) * 1000) / (group * binMs)))
    }
    return rates
  }
  const stride = Math.max(1, Math.ceil(rows.length / 300))
  const limits = rows
    .filter((_, at) => at % stride === 0)
    .map(({ atMs, limit, sample }) => [Math.round(atMs), limit, Math.round(10 * sample.inUseMean) / 10] as const)
  return { binMs: binMs * group, offered: perSecond(offered), served: perSecond(withinSlo), limits }
}
