import type { Clock } from '../index.ts'
import type { Arrivals } from '../sim/index.ts'

/** What became of one arrival. */
export interface Answer {
  /** When the arrival was meant to come, in ms from the start of the run. */
  readonly arrivedAtMs: number
  /** From then to its end, in ms: the caller's own wait for a late generator, event loop and pool is included. */
  readonly latencyMs: number
  /** What the work failed with; absent when it was served. */
  readonly failure?: string
}

/** What a run of load is made of. */
export interface OpenLoopOptions {
  readonly clock: Clock
  readonly arrivals: Arrivals
  /** How long arrivals come, in ms. */
  readonly durationMs: number
  /** How long the last arrivals may take to be answered after that, in ms. */
  readonly settleMs: number
  /** Serves one arrival; a rejection is a failure. */
  work(): Promise<unknown>
  /** An arrival came: `atMs` from the start of the run, as intended. */
  onArrival(atMs: number): void
  onAnswer(answer: Answer): void
}

/** How a run of load ended. */
export interface OpenLoopEnd {
  /** Arrivals without an answer when `settleMs` had passed. */
  readonly unanswered: number
  /** How late the generator itself was, at worst, in ms; latencies include it. */
  readonly lateMsMax: number
}

/**
 * Offers load that does not wait for answers, in real time. A closed loop, where each of n callers waits for its
 * answer before it asks again, goes quiet exactly while the pool is in trouble ("coordinated omission") and hides the
 * outage it is to measure. So an arrival keeps the moment it was meant for: when the timer is late, all that have
 * fallen due begin at once, and their latency counts from when they were due.
 */
export function offerLoad(options: OpenLoopOptions): Promise<OpenLoopEnd> {
  const { clock, arrivals, durationMs, settleMs } = options
  const startedAtMs = clock.nowMs()
  const elapsedMs = (): number => clock.nowMs() - startedAtMs
  let nextAtMs = arrivals.nextAtMs()
  let unanswered = 0
  let lateMsMax = 0

  const serve = async (arrivedAtMs: number): Promise<void> => {
    unanswered += 1
    options.onArrival(arrivedAtMs)
    const failure = await outcomeOf(options.work)
    unanswered -= 1
    const latencyMs = elapsedMs() - arrivedAtMs
    options.onAnswer(failure === undefined ? { arrivedAtMs, latencyMs } : { arrivedAtMs, latencyMs, failure })
  }

  return new Promise((resolve) => {
    const settle = (): void => {
      const isOver = unanswered === 0 || elapsedMs() >= durationMs + settleMs
      if (isOver) resolve({ unanswered, lateMsMax })
      else clock.startTimer(SETTLE_POLL_MS, settle)
    }
    const tick = (): void => {
      for (; nextAtMs <= elapsedMs(); nextAtMs = arrivals.nextAtMs()) {
        lateMsMax = Math.max(lateMsMax, elapsedMs() - nextAtMs)
        void serve(nextAtMs)
      }
      const untilMs = Math.min(nextAtMs, durationMs) - elapsedMs()
      if (nextAtMs === Number.POSITIVE_INFINITY && untilMs <= 0) settle()
      else clock.startTimer(Math.max(TICK_MS_MIN, untilMs), tick)
    }
    tick()
  })
}

/** A rest smaller than this is rounding: a timer for it might come without any time having passed, for ever. */
const TICK_MS_MIN = 0.01

/** The end of a run need not be known to the millisecond. */
const SETTLE_POLL_MS = 20

/** Why the work failed, or undefined. Work that throws at once fails like work that rejects. */
async function outcomeOf(work: () => Promise<unknown>): Promise<string | undefined> {
  try {
    await work()
    return undefined
  } catch (error) {
    return error instanceof Error ? error.message : String(error)
  }
}
