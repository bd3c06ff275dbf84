import type { Holder, PoolCounts } from '../pool/contract.ts'

/** What a warning is about. Names are stable; kinds may be added. */
export type WarningKind =
  | 'exhaustion-forecast' // callers are about to wait without a break
  | 'wait-slo-burn'
  | 'backend-saturated' // more leases out, and no more of them completed
  | 'slow-leases'
  | 'leak-suspected'
  | 'self-deadlock'
  | 'creation-failing'
  | 'connect-storm'
  | 'backend-refusing' // the backend has too many connections
  | 'limit-ceiling' // the controller wants more than limitMax while callers wait
  | 'event-loop-stall'
  | 'flapping'
  | 'controller-failed'

/** `info`: good to know. `warn`: callers will feel it. `critical`: callers feel it now, or will within seconds. */
export type Severity = 'info' | 'warn' | 'critical'

/** The known states of a pool, as `diagnose()` names them. */
export type Verdict =
  | 'healthy'
  | 'idle'
  | 'surge' // far more arrivals than is normal for this pool
  | 'undersized' // the normal arrivals, and too few resources for them
  | 'backend-saturated'
  | 'slow-leases'
  | 'leak'
  | 'self-deadlock'
  | 'creation-failing'
  | 'backend-refusing'
  | 'event-loop-stall'

/** One fact. Read aloud, it is "what: value unit"; for a machine, `what` is a stable key. */
export interface Evidence {
  /** Plain lower-case words, e.g. 'callers waiting'. */
  readonly what: string
  readonly value: number | string
  /** Absent: a count, a ratio or a word. */
  readonly unit?: 'ms' | 'per s' | '× the norm' | '%'
}

/** When callers will wait without a break, as far as one can tell now. */
export interface Forecast {
  /** From now, in ms, >= 0; a best estimate. */
  readonly exhaustedInMs: number
  /** 0..1: how sure it is that demand really outgrows the pool. It cannot know that a surge will end by itself. */
  readonly confidence: number
}

/** One episode of trouble, told once, when it begins. */
export interface Warning {
  readonly kind: WarningKind
  readonly severity: Severity
  /** Plain words, with the numbers and the way out. Not for branching on. */
  readonly message: string
  readonly forecast?: Forecast
  /** Which of the known causes the evidence speaks for, if it speaks for one. */
  readonly cause?: Verdict
  /** Further causes at work at the same time, the likelier first. */
  readonly otherCauses?: readonly Verdict[]
  readonly evidence: readonly Evidence[]
  /** What to do, the most useful first. */
  readonly advice: readonly string[]
  /** Who had leases at that moment, where it matters. */
  readonly holders?: readonly Holder[]
  readonly counts: PoolCounts
}

/** The state of a pool at one moment, and why we think so. */
export interface Diagnosis {
  readonly verdict: Verdict
  /** 0..1; below 0.5 the evidence does not decide, and `advice` says what would. */
  readonly confidence: number
  /** What else is at work at the same time, the likelier first. */
  readonly otherVerdicts: readonly Verdict[]
  readonly evidence: readonly Evidence[]
  readonly advice: readonly string[]
  readonly holders: readonly Holder[]
}

/** Why callers wait: all the limit allows is in use, or no resource can be created. */
export type ShortageCause = 'limit' | 'creation'

/** Facts, in the past tense; each once per episode. */
export interface WatchEvents {
  warning: Warning
  /** The trouble of an earlier `warning` has been gone for a while. `lastedMs`: from the warning to its last sign. */
  warningEnded: { readonly kind: WarningKind; readonly lastedMs: number }
  /** Callers have waited without a break for `exhaustedAfterMs`; `forMs` is how long exactly. */
  exhausted: { readonly cause: ShortageCause; readonly forMs: number; readonly counts: PoolCounts }
  /** The queue has been breaking again for `recoveredAfterMs`. What it cost: */
  recovered: {
    /** From the first wait of the episode to the last moment at which callers still stood in line, in ms. */
    readonly exhaustedMs: number
    readonly cause: ShortageCause
    /** Acquires that ended without a lease meanwhile, aborted ones left out. */
    readonly failed: number
    /** Of these, for their timeout, and shed. */
    readonly timedOut: number
    readonly shed: number
    /** Acquires served meanwhile, but later than `waitSloMs`. */
    readonly delayed: number
  }
}
