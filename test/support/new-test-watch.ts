import { Emitter } from '../../src/base/emitter.ts'
import type { Sample } from '../../src/measure/sample.ts'
import type { Decision, LeaseInfo, PoolCounts } from '../../src/pool/contract.ts'
import { VirtualClock } from '../../src/sim/virtual-clock.ts'
import { Profiler } from '../../src/watch/profile.ts'
import type { WatchEvents } from '../../src/watch/warning.ts'
import { Watch, type WatchContext } from '../../src/watch/watch.ts'
import { resolveWatchOptions, type WatchOptions } from '../../src/watch/watch-options.ts'
import { countsByHand } from './counts-by-hand.ts'
import { sampleOf } from './sample-of.ts'

/** One event of the watch, and when it came. */
export type ToldEvent = {
  [K in keyof WatchEvents]: { readonly atMs: number; readonly event: K; readonly payload: WatchEvents[K] }
}[keyof WatchEvents]

/** What a window may differ in, besides its sample. */
export interface Window extends Partial<WatchContext> {
  readonly decision?: Partial<Decision>
}

export interface TestWatch {
  readonly watch: Watch
  readonly clock: VirtualClock
  readonly profiler: Profiler
  readonly events: Emitter<WatchEvents>
  /** Everything told so far, in order. */
  readonly told: readonly ToldEvent[]
  /** What listeners threw. */
  readonly listenerErrors: readonly unknown[]
  /** Lets the window's time pass and has it observed. Unless told otherwise, the controller keeps the limit. */
  see(seen: Partial<Sample>, window?: Window): void
  /** The warnings told so far, by kind. */
  kinds(): readonly string[]
  fail(
    failures: number,
    failure?: 'refusing' | 'unreachable' | 'denied' | 'timeout',
    counts?: Partial<PoolCounts>,
  ): void
}

/** A watch whose windows a test makes up, with the default options, a timeout of 1 s and a ceiling of limitMax. */
export function newTestWatch(options: WatchOptions | false = {}, leases: readonly LeaseInfo[] = []): TestWatch {
  const clock = new VirtualClock(1_000)
  const profiler = new Profiler(clock)
  const told: ToldEvent[] = []
  const listenerErrors: unknown[] = []
  const events = new Emitter<WatchEvents>('orders', (error) => listenerErrors.push(error))
  for (const event of ['warning', 'warningEnded', 'exhausted', 'recovered'] as const) {
    events.on(event, (payload) => told.push({ atMs: clock.nowMs(), event, payload } as ToldEvent))
  }
  let counts: PoolCounts = countsByHand()
  const watch = new Watch({
    poolName: 'orders',
    options: resolveWatchOptions('pool', options),
    acquireTimeoutMs: 1_000,
    clock,
    events,
    counts: () => counts,
    isPaused: () => false,
    waitingSinceMs: () => undefined,
    leases: () => leases,
    waiters: () => [],
    profiler,
    reclaim: () => {},
  })
  return {
    watch,
    clock,
    profiler,
    events,
    told,
    listenerErrors,
    kinds: () => told.flatMap((entry) => (entry.event === 'warning' ? [entry.payload.kind] : [])),
    see(seen, { decision, ...context } = {}) {
      const windowMs = seen.windowMs ?? 250
      clock.leap(windowMs)
      const sample = sampleOf({ windowMs, ...seen, atMs: clock.nowMs() })
      if (sample.created > 0) watch.created()
      counts = countsByHand({ ...pick(sample), size: sample.live })
      const kept = { limit: sample.limit, reason: 'kept', ...decision }
      watch.observe(sample, kept, { waitingSinceMs: undefined, ceiling: sample.limitMax, ...context })
    },
    fail(failures, failure = 'unreachable', changed = {}) {
      counts = { ...counts, ...changed }
      watch.createFailed({ error: new Error('ECONNREFUSED'), failure, failures, retryInMs: 100, counts })
    },
  }
}

function pick({ limit, live, creating, idle, inUse, waiters }: Sample): Partial<PoolCounts> {
  return { limit, live, creating, idle, inUse, waiters }
}

/** A window in which all of `limit` resources are out, leases take 20 ms, and `waiters` stand in line at its end. */
export function fullWindow(waiters: number, seen: Partial<Sample> = {}): Partial<Sample> {
  const { limit = 10, windowMs = 250 } = seen
  const completions = Math.round((limit * windowMs) / 20)
  return {
    limit,
    limitMax: limit,
    live: limit,
    idle: 0,
    inUse: limit,
    inUseMean: limit,
    inUseMax: limit,
    utilization: 1,
    completions,
    grants: completions,
    arrivals: completions,
    leaseMsMean: 20,
    offeredMean: limit + waiters,
    waiters,
    oldestWaitMs: waiters > 0 ? 20 : 0,
    ...seen,
  }
}

/** A window with `inUse` of ten resources out on average, and nobody waiting. */
export function calmWindow(inUse: number, seen: Partial<Sample> = {}): Partial<Sample> {
  const { windowMs = 250, leaseMsMean = 20 } = seen
  const completions = Math.round((inUse * windowMs) / leaseMsMean)
  return {
    limitMax: 10,
    inUse: Math.round(inUse),
    inUseMean: inUse,
    idle: 10 - Math.round(inUse),
    utilization: inUse / 10,
    offeredMean: inUse,
    offeredVariance: inUse,
    arrivals: completions,
    grants: completions,
    completions,
    leaseMsMean,
    ...seen,
  }
}
