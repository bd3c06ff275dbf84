/** A class of requests, where a workload is made of several; see `mixed`. */
export interface RequestKind {
  /** Labels its acquires. @defaultValue none */
  readonly tag?: string
  /** Work of its statements over that of a usual one: a ratio > 0. @defaultValue 1 */
  readonly work?: number
  /** Added to the mean time for which the application keeps the lease after the statement, in ms. @defaultValue 0 */
  readonly holdMsMean?: number
  /** Of its acquires: integer from -100 to 100. @defaultValue 0 */
  readonly priority?: number
}

/** What one request wants, drawn when it arrives and kept through its retries. */
export interface Job {
  /** Time of its statement on a backend that serves nothing else, over the mean such time: a ratio. */
  readonly work: number
  /** How long the application keeps the lease after the statement, in ms. */
  readonly holdMs: number
  /** Its lease is never given back: a leak. @defaultValue false */
  readonly isLeaked?: boolean
}
