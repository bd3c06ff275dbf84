import { clamp } from '../base/clamp.ts'
import { type Clock, TIMER_DELAY_MS_MAX, type Timer } from '../base/clock.ts'
import type { Sample } from '../measure/sample.ts'
import type { Sampler } from '../measure/sampler.ts'
import type { ControlSignals, Decision, LiveCounts } from '../pool/contract.ts'
import type { Controller, DecisionRecord } from './controller.ts'
import { type RefusalCutState, stepOf, withBounds, withRefusalCut } from './guards.ts'

/** What a control loop is made of. */
export interface ControlLoopParts {
  readonly controller: Controller
  readonly sampler: Sampler
  readonly clock: Clock
  /** Length of a window in which nothing urgent happens, in ms, > 0. */
  readonly windowMs: number
  readonly limitMin: number
  readonly limitMax: number
  readonly counts: LiveCounts
  /** Moves the limit. Called from timers, and from within `wake()` and `backendRefused()`. */
  resize(limit: number, reason: string): void
  /** So many are to be open ahead of any caller. Called when that changes, after `resize()`. */
  openAhead(liveMin: number): void
  /** After each step. `wanted` is what the controller itself said: not rounded, not bounded, not cut. */
  onDecision(sample: Sample, wanted: Decision, record: DecisionRecord): void
  /** An acquire had to queue where nobody waited; and after each step while somebody waits. */
  onWaiterQueued?(nowMs: number): void
  /** Asked at the end of a quiet window: false keeps the windows coming. @defaultValue a quiet loop may always rest */
  mayRest?(): boolean
  /** The controller threw, or what it answered is no decision. Once until it has worked again. */
  onControllerFailure(error: unknown): void
}

/** A waiter this old, in ms, does not wait for the window's end: half of CoDel's target of 50 ms. */
const FAST_PATH_MS = 25
/** Nor this old, in ms, if those in use will not serve the queue in one generation; younger, it may be one clump. */
const FAST_GENERATION_MS = 5
/** Nor does a queue that has stood without a break for so long, in ms, however young its oldest: CoDel's target. */
const FAST_STANDING_MS = 50
/** No window is shorter than this, in ms: a first resource can open in it, or a handful of leases end. */
const FAST_WINDOW_MS_MIN = 10
/**
 * Between two fast steps, in ms, unless the first raised the limit. When it did not, the limit is where the controller
 * wants it and haste is over; but what it tests under pressure it should learn soon. A window of this length still
 * sees tens of completions of any pool that is worth hurrying for.
 */
const FAST_PAUSE_MS = 50
/** Timers of Node may fire this much early, in ms. */
const TIMER_GRAIN_MS = 1
/**
 * An event loop that is blocked in step with the windows is late for none of their ends: in each, it is probed at
 * another place, too. Multiples of the golden ratio are spread evenly, and in step with nothing. A share of the window.
 */
const PROBE_STEP = 0.618
const ON_TIME = { loopDelayMs: 0, closedLateMs: 0 }
/** How many decisions are remembered: a minute of windows and more. */
const RECORDS_MAX = 256

/**
 * Once a window: sample, step, resize, record. An idle pool wakes nothing: a window in which nothing was asked for is
 * the last, until {@link wake}. The first step afterwards is told of the rest in a sample of its own, of its true
 * length, so that the controller sees time pass, and the window that follows sees nothing but the new traffic.
 *
 * ```text
 *   arrivals             |  |||| ||            | |||
 *   windows    ---- rest ---|----|----|--------|----|    the third is quiet: rest, until the next arrival
 * ```
 */
export class ControlLoop implements ControlSignals {
  /** Call {@link wake} upon any arrival while this is true. */
  isResting = true

  readonly #parts: ControlLoopParts
  readonly #records: DecisionRecord[] = []
  readonly #controller: Controller<RefusalCutState<unknown>>
  #state: RefusalCutState<unknown>
  /** What the controller said at its latest step. */
  #wanted: Decision | undefined
  #liveMin = 0
  #isFailing = false
  #isPinned = false
  #isStopped = false

  #openedAtMs: number
  #windowTimer: Timer | undefined
  #windowAtMs = Number.POSITIVE_INFINITY
  #probeTimer: Timer | undefined
  /** From the beginning of the window. */
  #probeMs = 0
  #fastTimer: Timer | undefined
  #fastAtMs = Number.POSITIVE_INFINITY
  #isFastForGeneration = false
  #fastPauseEndsAtMs = Number.NEGATIVE_INFINITY
  #late = ON_TIME
  /** The clock's, when the window began. */
  #cpuMs = 0

  constructor(parts: ControlLoopParts) {
    this.#parts = parts
    this.#controller = this.#guarded(parts.controller)
    this.#state = this.#controller.initial
    this.#openedAtMs = parts.clock.nowMs()
  }

  /** Nothing is decided before somebody comes; but what the controller foresees wakes a new pool, as any at rest. */
  start(): void {
    const { controller, clock } = this.#parts
    if (!this.isResting) return
    try {
      const [, decision] = stepOf(controller, controller.initial, this.#sample(clock.nowMs()))
      this.#wanted = decision.liveMin ? { ...decision, wakeInMs: 0 } : decision
      this.#rest()
    } catch {
      // The first step will tell of it.
    }
  }

  /** Ends a rest. To be called before the arrival is counted; may resize. */
  wake(nowMs: number): void {
    if (!this.isResting) return
    if (nowMs > this.#openedAtMs) this.#step(nowMs)
    else this.#startWindow(nowMs)
  }

  /**
   * An acquire had to queue. Sees to it that the window is closed early, if that waiter will have waited too long, or
   * if those in use will not serve the queue in one generation.
   */
  waiterQueued(nowMs: number): void {
    if (this.#isStopped) return
    const { counts, onWaiterQueued } = this.#parts
    if (counts.waitingSinceMs === nowMs) onWaiterQueued?.(nowMs)
    // The timer that runs is that of the oldest waiter, and who comes next is younger: that one queues behind the same
    // timer, unless with it the queue outgrows one generation.
    const isTimed = this.#fastAtMs !== Number.POSITIVE_INFINITY
    if (isTimed && (this.#isFastForGeneration || counts.waiters <= counts.inUse)) return
    this.#callForStep(nowMs)
  }

  #callForStep(nowMs: number): void {
    const atMs = this.#fastStepAtMs(nowMs)
    if (atMs < this.#fastAtMs) this.#startFastTimer(nowMs, atMs)
  }

  /** The backend refused a connection for having too many: steps at once, with that sample; may resize. */
  backendRefused(nowMs: number): void {
    if (!this.#isStopped) this.#step(nowMs)
  }

  /** From now on the limit stays where it is. Samples go on and the controller follows, so that it is up to date. */
  pin(): void {
    this.#isPinned = true
  }

  unpin(): void {
    this.#isPinned = false
  }

  /** What the controller knows: plain data. */
  get controllerState(): unknown {
    return this.#state.inner
  }

  /** The last decisions, newest last. */
  decisions(count: number = RECORDS_MAX): readonly DecisionRecord[] {
    return count > 0 ? this.#records.slice(-count) : []
  }

  /** No more timers, no more steps. */
  stop(): void {
    this.#isStopped = true
    this.isResting = false
    this.#cancelTimers()
  }

  #sample(nowMs: number): Sample {
    const { sampler, counts, limitMin, limitMax, clock } = this.#parts
    const limits = { limit: counts.limit, limitMin, limitMax }
    const cpuMs = clock.cpuMs?.()
    const usedMs = cpuMs === undefined ? undefined : cpuMs - this.#cpuMs
    this.#cpuMs = cpuMs ?? 0
    return sampler.take(nowMs, limits, this.#late, clock.epochMs?.(), usedMs)
  }

  #step(nowMs: number): void {
    const sample = this.#sample(nowMs)
    this.#late = ON_TIME
    const [state, decision] = this.#controller.step(this.#state, sample)
    this.#state = state
    this.#startWindow(nowMs)
    this.#act(sample, decision)
  }

  #stepFast(nowMs: number): void {
    this.#fastPauseEndsAtMs = nowMs + FAST_PAUSE_MS
    this.#step(nowMs)
  }

  #act(sample: Sample, decision: Decision): void {
    const from = sample.limit
    const { limit: to, reason } = this.#isPinned ? { limit: from, reason: 'pinned' } : decision
    const record = { atMs: sample.atMs, from, to, reason, sample, ...this.#inShadow(decision) }
    if (record.to > from) this.#fastPauseEndsAtMs = sample.atMs
    this.#records.push(record)
    if (this.#records.length > RECORDS_MAX) this.#records.shift()
    if (record.to !== from) this.#parts.resize(record.to, record.reason)
    this.#openAhead(this.#isPinned ? 0 : (decision.liveMin ?? 0))
    this.#parts.onDecision(sample, this.#wanted ?? decision, record)
    if (this.#isStopped || this.#parts.counts.waiters === 0) return
    this.#parts.onWaiterQueued?.(sample.atMs)
    this.#callForStep(sample.atMs)
  }

  #inShadow({ shadowLimit }: Decision): Pick<DecisionRecord, 'shadowLimit'> {
    if (shadowLimit === undefined) return {}
    const { limitMin, limitMax } = this.#parts
    return { shadowLimit: clamp(Math.round(shadowLimit), limitMin, limitMax) }
  }

  #openAhead(liveMin: number): void {
    if (liveMin === this.#liveMin) return
    this.#liveMin = liveMin
    this.#parts.openAhead(liveMin)
  }

  /** The controller behind the guards that always hold; one that fails keeps the limit. */
  #guarded(inner: Controller): Controller<RefusalCutState<unknown>> {
    const { name, isManual, initial } = inner
    const step: Controller['step'] = (state, sample) => this.#stepSafely(inner, state, sample)
    return withBounds(withRefusalCut({ name, isManual, initial, step }), {
      limitMin: this.#parts.limitMin,
      limitMax: this.#parts.limitMax,
    })
  }

  #stepSafely(inner: Controller, state: unknown, sample: Sample): readonly [unknown, Decision] {
    try {
      const [next, decision] = stepOf(inner, state, sample)
      this.#isFailing = false
      this.#wanted = decision
      return [next, decision]
    } catch (error) {
      if (!this.#isFailing) this.#parts.onControllerFailure(error)
      this.#isFailing = true
      this.#wanted = { limit: sample.limit, reason: 'controller-failed' }
      return [state, this.#wanted]
    }
  }

  #startWindow(nowMs: number): void {
    const { clock, windowMs } = this.#parts
    this.#cancelTimers()
    this.isResting = false
    this.#openedAtMs = nowMs
    this.#windowAtMs = nowMs + windowMs
    this.#windowTimer = clock.startTimer(windowMs, this.#onWindow, true)
    this.#probeMs = (this.#probeMs + PROBE_STEP * windowMs) % windowMs
    const probeAtMs = nowMs + this.#probeMs
    this.#probeTimer = clock.startTimer(this.#probeMs, () => this.#noteDelay(probeAtMs, false), true)
  }

  readonly #onWindow = (): void => {
    this.#noteDelay(this.#windowAtMs, true)
    this.#onWake()
  }

  #rest(): void {
    this.#cancelTimers()
    this.isResting = !this.#isStopped
    const wakeInMs = this.#wanted?.wakeInMs
    if (!this.isResting || wakeInMs === undefined) return
    const delayMs = clamp(wakeInMs, this.#parts.windowMs, TIMER_DELAY_MS_MAX)
    this.#windowTimer = this.#parts.clock.startTimer(delayMs, this.#onWake, true)
  }

  readonly #onWake = (): void => {
    this.#step(this.#parts.clock.nowMs())
    if (this.#isIdle()) this.#rest()
  }

  /**
   * Nothing was asked for, and nothing is under way: the next window would be the same. What is under way is asked now,
   * not of the sample: a listener told of it may have come back to the pool since.
   */
  #isIdle(): boolean {
    const { counts, mayRest } = this.#parts
    const underWay = counts.waiters + counts.inUse + counts.creating
    return underWay === 0 && this.#records.at(-1)?.sample.arrivals === 0 && (mayRest?.() ?? true)
  }

  #startFastTimer(nowMs: number, atMs: number): void {
    this.#fastTimer?.cancel()
    this.#fastAtMs = atMs
    this.#isFastForGeneration = this.#isGenerationBehind()
    this.#fastTimer = this.#parts.clock.startTimer(atMs - nowMs, this.#onFast, true)
  }

  readonly #onFast = (): void => {
    const nowMs = this.#parts.clock.nowMs()
    this.#noteDelay(this.#fastAtMs, true)
    this.#fastAtMs = Number.POSITIVE_INFINITY
    if (this.#parts.counts.waiters === 0) return // served meanwhile: the next to queue starts the timer again
    const atMs = this.#fastStepAtMs(nowMs)
    if (atMs <= nowMs + TIMER_GRAIN_MS) this.#stepFast(nowMs)
    else if (atMs < this.#windowAtMs) this.#startFastTimer(nowMs, atMs)
  }

  /** When the waiters of this moment call for a step; never while the limit leaves room for what is on its way. */
  #fastStepAtMs(nowMs: number): number {
    const { counts } = this.#parts
    const ageMs = this.#isGenerationBehind() ? FAST_GENERATION_MS : FAST_PATH_MS
    const agedAtMs = (counts.oldestWaitSinceMs ?? nowMs) + ageMs
    const wantedAtMs = Math.min(agedAtMs, (counts.waitingSinceMs ?? nowMs) + FAST_STANDING_MS)
    return Math.max(nowMs, wantedAtMs, this.#openedAtMs + FAST_WINDOW_MS_MIN, this.#fastPauseEndsAtMs)
  }

  /** Will those in use, each ending once, not have served the queue? */
  #isGenerationBehind(): boolean {
    const { waiters, inUse } = this.#parts.counts
    return waiters > inUse && inUse > 0
  }

  /** To be called by the timer that was due at that time. */
  #noteDelay(dueAtMs: number, closes: boolean): void {
    const lateMs = this.#parts.clock.nowMs() - dueAtMs
    const { loopDelayMs, closedLateMs } = this.#late
    this.#late = {
      loopDelayMs: Math.max(loopDelayMs, lateMs),
      closedLateMs: closes ? Math.max(closedLateMs, lateMs) : closedLateMs,
    }
  }

  #cancelTimers(): void {
    this.#windowTimer?.cancel()
    this.#probeTimer?.cancel()
    this.#fastTimer?.cancel()
    this.#fastAtMs = Number.POSITIVE_INFINITY
  }
}
