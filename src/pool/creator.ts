import type { AsyncScope } from '../base/async-scope.ts'
import type { Clock } from '../base/clock.ts'
import { settleWithin } from '../base/deadline.ts'
import { ignore } from '../base/ignore.ts'
import type { Random } from '../base/random.ts'
import type { CreateFailureClass, Source } from './contract.ts'
import { CreateTimedOut, classifyCreateFailure } from './create-failure.ts'
import {
  type CreateBackoff,
  type CreationPace,
  nextAtOnce,
  paceAfterFailure,
  paceAfterSuccess,
  startingPace,
} from './creation-pace.ts'
import { smooth } from './smooth.ts'

/** What a creator works with. Times in ms. */
export interface CreatorParts<T> {
  readonly source: Pick<Source<T>, 'create'>
  readonly clock: Clock
  readonly random: Random
  readonly scope: AsyncScope
  readonly createTimeoutMs: number
  /** Creates at once: to begin with, and at most. */
  readonly creatingAtFirst: number
  readonly creatingMax: number
  readonly createBackoff: CreateBackoff
}

/** How one create ends: `created` or `failed`, once; and after a `failed` that did not await it perhaps `late`. */
export interface CreateOutcome<T> {
  created(resource: T, nowMs: number, createMs: number): void
  failed(failure: CreateFailure, nowMs: number): void
  /** It has delivered after all. Nobody knows this resource yet. */
  late(resource: T): void
}

export interface CreateFailure {
  readonly error: unknown
  readonly failure: CreateFailureClass
  /** It failed because abortAll() asked it to. */
  readonly wasAborted: boolean
}

/** By this ratio the quickest create fades with each later one: a network that has become slow is the new normal. */
const LEAST_DRIFT = 1.02

/** DOER: runs creates under their timeout, and keeps count of their luck, which decides how many may run (its pace). */
export class Creator<T> {
  readonly #parts: CreatorParts<T>
  /** Each, and what ends the wait for it. */
  readonly #underWay = new Map<AbortController, (error: Error) => void>()
  #pace: CreationPace
  /** As it was before the latest success. */
  #paceBefore: CreationPace
  /** Failures that have slowed the pace down, ever. */
  #setbacks = 0
  #createMs: number | undefined
  #createMsLeast = Number.POSITIVE_INFINITY
  #atOnce: number
  #latestFailure: unknown

  constructor(parts: CreatorParts<T>) {
    this.#parts = parts
    this.#atOnce = parts.creatingAtFirst
    this.#pace = startingPace(parts.creatingAtFirst)
    this.#paceBefore = this.#pace
  }

  /** Failures in a row, how many may be under way at once, and when the next may start. */
  get pace(): CreationPace {
    return this.#pace
  }

  /** Smoothed time of a create, in ms; undefined before the first has succeeded. */
  get createMs(): number | undefined {
    return this.#createMs
  }

  /** What creating last failed with, if it has not succeeded since. */
  get latestFailure(): unknown {
    return this.#latestFailure
  }

  start(startedAtMs: number, outcome: CreateOutcome<T>): void {
    // All of it, not the call alone: the timeout aborts the signal, and listeners to it run where its timer does.
    this.#parts.scope.run(() => this.#start(startedAtMs, outcome))
  }

  #start(startedAtMs: number, outcome: CreateOutcome<T>): void {
    const { clock, createTimeoutMs } = this.#parts
    const abort = new AbortController()
    const setbacks = this.#setbacks
    const work = this.#call(abort.signal)
    const late = (): Error => {
      const error = new CreateTimedOut(createTimeoutMs)
      abort.abort(error)
      return error
    }
    settleWithin(clock, createTimeoutMs, work, late, (giveUp) => this.#underWay.set(abort, giveUp)).then(
      (resource) => {
        const underWay = this.#underWay.size
        this.#underWay.delete(abort)
        this.#succeeded(resource, startedAtMs, underWay, outcome)
      },
      (error: unknown) => {
        const wasAborted = abort.signal.aborted && !(error instanceof CreateTimedOut)
        this.#underWay.delete(abort)
        this.#failed({ error, failure: classifyCreateFailure(error), wasAborted }, setbacks, outcome)
        // Whoever ignores the signal may still deliver: a resource that nobody knows would never be closed.
        work.then(outcome.late, ignore)
      },
    )
  }

  /** The latest that succeeded was in vain: it counts as one that failed. */
  wasInVain(error: Error, nowMs: number): void {
    const { createBackoff, random } = this.#parts
    this.#latestFailure = error
    this.#pace = paceAfterFailure(this.#paceBefore, nowMs, createBackoff, random.next())
    this.#setbacks += 1
  }

  /** Asks all creates under way to give up. */
  abortAll(reason: Error): void {
    this.#parts.scope.run(() => {
      for (const abort of this.#underWay.keys()) abort.abort(reason)
    })
  }

  /** And awaits them no more: the timer of one that is deaf would keep the process. */
  giveUpAll(reason: Error): void {
    this.abortAll(reason)
    for (const giveUp of this.#underWay.values()) giveUp(reason)
  }

  #call(signal: AbortSignal): Promise<T> {
    try {
      return this.#parts.source.create(signal)
    } catch (error) {
      return Promise.reject(error)
    }
  }

  #succeeded(resource: T, startedAtMs: number, underWay: number, outcome: CreateOutcome<T>): void {
    const nowMs = this.#parts.clock.nowMs()
    const createMs = nowMs - startedAtMs
    this.#createMs = smooth(this.#createMs, createMs)
    // One that took no time at all was no connect, and says nothing of those to come.
    if (createMs > 0) this.#createMsLeast = Math.min(createMs, LEAST_DRIFT * this.#createMsLeast)
    const { creatingAtFirst: min, creatingMax: max } = this.#parts
    this.#atOnce = nextAtOnce(this.#atOnce, { createMs, createMsLeast: this.#createMsLeast, underWay }, { min, max })
    this.#paceBefore = this.#pace
    this.#pace = paceAfterSuccess(this.#pace, this.#atOnce)
    this.#latestFailure = undefined
    outcome.created(resource, nowMs, createMs)
  }

  /** @param setbacks as many as there had been when the create began */
  #failed(failure: CreateFailure, setbacks: number, outcome: CreateOutcome<T>): void {
    const { clock, createBackoff, random } = this.#parts
    const nowMs = clock.nowMs()
    if (!failure.wasAborted) {
      this.#latestFailure = failure.error
      // Under way already when another failed: it says nothing new. Counted, not timed: a prober may begin and fail
      // within the clock's grain, and one that never counted would be tried again and again without a pause.
      const isNews = this.#pace.failures === 0 || setbacks === this.#setbacks
      if (isNews) {
        this.#pace = paceAfterFailure(this.#pace, nowMs, createBackoff, random.next())
        this.#setbacks += 1
      }
    }
    outcome.failed(failure, nowMs)
  }
}
