import type { Controller } from '../../src/control/controller.ts'
import type { Sample } from '../../src/measure/sample.ts'
import { QUIET } from './sample-of.ts'

/** A pool and its backend as a fluid: rates and times without chance, creates at once. */
export interface FluidPlant {
  readonly limitMin?: number
  readonly limitMax?: number
  /** At the beginning. @defaultValue 10 */
  readonly limit?: number
  readonly durationMs: number
  readonly arrivalsPerSecond: (atMs: number) => number
  /** How long a lease takes while `inUse` are out. */
  readonly leaseMs: (inUse: number, atMs: number) => number
}

/** What was decided in one window, and on what. */
export interface FluidStep {
  readonly sample: Sample
  readonly limit: number
  readonly reason: string
  readonly limitedBy: 'pool' | 'backend' | undefined
}

/** Waiters older than this are shed, in ms: a queue that stands is as long as that. */
const SHED_AFTER_MS = 100
/** As the control loop has them: in quiet, and while somebody waits too long. */
const WINDOW_MS = 250
const WINDOW_MS_PRESSED = 50

/** Runs a controller on a fluid plant. */
export function flow<S>(controller: Controller<S>, plant: FluidPlant): FluidStep[] {
  const { limitMin = 2, limitMax = 200, durationMs, arrivalsPerSecond, leaseMs } = plant
  const steps: FluidStep[] = []
  let state = controller.initial
  let limit = plant.limit ?? 10
  let waiters = 0
  for (let atMs = 0; atMs < durationMs; ) {
    const perMs = arrivalsPerSecond(atMs) / 1_000
    const inUse = waiters > 0 ? limit : inUseAt(perMs, limit, (n) => leaseMs(n, atMs))
    const servedPerMs = Math.max(1e-9, inUse / leaseMs(inUse, atMs))
    const isShort = waiters > 0 || servedPerMs < perMs * 0.999
    const windowMs = isShort ? WINDOW_MS_PRESSED : WINDOW_MS
    const grown = Math.max(0, waiters + (perMs - servedPerMs) * windowMs)
    const kept = Math.min(grown, perMs * SHED_AFTER_MS)
    const waitMs = kept / perMs // who waits has arrived since the oldest has
    atMs += windowMs
    waiters = isShort ? kept : 0
    const sample: Sample = {
      ...QUIET,
      atMs,
      epochMs: atMs,
      windowMs,
      limit,
      limitMin,
      limitMax,
      arrivals: perMs * windowMs,
      waitingMs: isShort ? windowMs : 0,
      grants: servedPerMs * windowMs,
      completions: Math.min(servedPerMs, isShort ? servedPerMs : perMs) * windowMs,
      shed: grown - kept,
      waiters,
      oldestWaitMs: isShort ? waitMs : 0,
      waitMsP95: isShort ? waitMs : 0,
      leaseMsMean: leaseMs(inUse, atMs),
      inUseMean: inUse,
      inUseMax: Math.ceil(inUse),
      inUse,
      live: limit,
      liveMean: limit,
      utilization: inUse / limit,
    }
    const [next, decision] = controller.step(state, sample)
    state = next
    limit = Math.min(Math.max(Math.round(decision.limit), limitMin), limitMax)
    steps.push({ sample, limit, reason: decision.reason, limitedBy: decision.limitedBy })
  }
  return steps
}

/** The limit in force at a moment. */
export function limitAt(steps: readonly FluidStep[], atMs: number): number {
  return steps.filter(({ sample }) => sample.atMs <= atMs).at(-1)?.limit ?? Number.NaN
}

/** Leases out that serve `perMs`, or all that the limit allows. */
function inUseAt(perMs: number, limit: number, leaseMs: (inUse: number) => number): number {
  for (let inUse = 0.1; inUse < limit; inUse += 0.1) if (inUse / leaseMs(inUse) >= perMs) return inUse
  return limit
}
