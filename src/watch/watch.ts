import type { Clock } from '../base/clock.ts'
import type { Sample } from '../measure/sample.ts'
import type { Decision, LeaseInfo, PoolCounts, PoolEvents } from '../pool/contract.ts'
import { holdersOf } from './holders.ts'
import type { Diagnosis, WatchEvents } from './warning.ts'
import type { ResolvedWatchOptions } from './watch-options.ts'

/** The part of an Emitter that the watch speaks through. */
export interface WatchSink {
  emit<K extends keyof WatchEvents>(event: K, payload: WatchEvents[K]): void
  has(event: keyof WatchEvents): boolean
}

/** What the watch is made of. */
export interface WatchParts {
  readonly poolName: string
  readonly options: ResolvedWatchOptions
  /** The pool's default, in ms; Infinity allowed. */
  readonly acquireTimeoutMs: number
  readonly clock: Clock
  readonly events: WatchSink
  counts(): PoolCounts
  /** The leases that have not ended; asked for only when a warning is raised or a diagnosis is wanted. */
  leases(): Iterable<LeaseInfo>
}

/** What a sample cannot tell. */
export interface WatchContext {
  /** Since when there have been waiters without a break, on the pool's clock; undefined: nobody waits. */
  readonly waitingSinceMs: number | undefined
  /** The highest limit that the pool can reach by itself: limitMax, or the limit where it is fixed or pinned. */
  readonly ceiling: number
}

/** DOER: samples in, warnings out, each once per episode. */
export class Watch {
  readonly #parts: WatchParts

  constructor(parts: WatchParts) {
    this.#parts = parts
  }

  /** Once a window, after the decision. */
  observe(_sample: Sample, _decision: Decision, _context: WatchContext): void {}

  /** At each failure to create, with the event's own payload. */
  createFailed(_event: PoolEvents['createFailed']): void {}

  /** When the controller threw or answered what is no limit; the last good limit stays. */
  controllerFailed(_error: unknown): void {}

  /** False while an episode is open: keep calling observe(), even if nothing is in use, so that it can end. */
  get isQuiet(): boolean {
    return true
  }

  /** The state of the pool now. */
  diagnose(): Diagnosis {
    const holders = holdersOf(this.#parts.leases(), this.#parts.clock.nowMs())
    return { verdict: 'idle', confidence: 0, evidence: [], advice: [], holders }
  }
}
