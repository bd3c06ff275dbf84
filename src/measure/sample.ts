/** What one window saw, in numbers. A mean or quantile of nothing is 0; look at its count first. */
export interface Sample {
  /** When the window ended, on the pool's clock, in ms. */
  readonly atMs: number
  /** The same moment by the wall clock, in ms since 1970 (UTC). */
  readonly epochMs: number
  /** Length of the window, in ms, > 0; shorter than the option where events closed it early, longer after a rest. */
  readonly windowMs: number

  /** In force when the window ended, before the decision that this sample leads to. */
  readonly limit: number
  readonly limitMin: number
  readonly limitMax: number

  /** acquire() calls that began in it, granted or not. */
  readonly arrivals: number
  /** For how much of the window somebody waited, in ms. */
  readonly waitingMs: number
  /** Leases that began in it. */
  readonly grants: number
  /** Leases that ended in it. */
  readonly completions: number
  /** Acquires that ended without a lease, by kind. All of them are demand. */
  readonly timedOut: number
  readonly shed: number
  readonly aborted: number
  readonly queueFull: number
  readonly createRefused: number

  /** Acquires not served when the window ended, and the age of the oldest of them. */
  readonly waiters: number
  readonly oldestWaitMs: number

  /** From acquire() to lease, over the grants of the window. */
  readonly waitMsMean: number
  readonly waitMsP50: number
  readonly waitMsP95: number
  readonly waitMsMax: number
  /** Of the grants, those that waited for longer than the wait's SLO (`watch.waitSloMs`). */
  readonly slowGrants: number

  /** From lease to its end, over the completions of the window. */
  readonly leaseMsMean: number
  /** Their standard deviation / mean: 0 if all were alike, 1 if they are random in the way of queueing theory. */
  readonly leaseMsVariation: number
  readonly leaseMsP50: number
  readonly leaseMsP95: number

  /** Leases out: time mean, most, and when the window ended. */
  readonly inUseMean: number
  readonly inUseMax: number
  readonly inUse: number
  /** Leases out plus waiters, over time: mean and variance. What the callers wanted, served or not. */
  readonly offeredMean: number
  readonly offeredVariance: number
  /** inUseMean / limit: a ratio, above 1 while shrinking. */
  readonly utilization: number

  /** When the window ended. */
  readonly live: number
  readonly idle: number
  readonly creating: number
  /** Time mean of live. */
  readonly liveMean: number

  readonly created: number
  /** Time of the creates that succeeded in the window. */
  readonly createMsMean: number
  /** Creates that failed, by class. */
  readonly createFailed: number
  readonly createFailedRefusing: number

  /** How late the event loop ran the window's timers, at worst. */
  readonly loopDelayMs: number
  /**
   * How late those ran that close it: what comes meanwhile may be handed over in the next window only. Absent in
   * samples made by hand: as `loopDelayMs`.
   */
  readonly closedLateMs?: number
  /** CPU time that the process used in the window, in ms; undefined if the pool's clock cannot tell. */
  readonly cpuMs: number | undefined
}
