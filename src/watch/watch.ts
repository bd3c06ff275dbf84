import { type Clock, TIMER_DELAY_MS_MAX, type Timer } from '../base/clock.ts'
import { NO_SAMPLE } from '../measure/no-sample.ts'
import type { Sample } from '../measure/sample.ts'
import type { Decision, Holder, LeaseInfo, PoolCounts, PoolEvents, WaiterInfo } from '../pool/contract.ts'
import { adviceFor } from './advice.ts'
import { type Habits, isCrowded, NO_HABITS, outlooksAhead, stepHabits } from './ahead.ts'
import { warningOf } from './alarm.ts'
import { failedOf } from './burn.ts'
import { findState, type View } from './cause.ts'
import {
  type CreationSeen,
  creationFailed,
  creationSucceeded,
  isCreationFailing,
  isCreationTrouble,
  isHistory,
  LUCKY_CREATION,
} from './creation.ts'
import { CALM, type Episode, stepEpisode } from './episode.ts'
import {
  type ExhaustionState,
  type ExhaustionTurn,
  exhaustedAtMs,
  INITIAL_EXHAUSTION,
  ripenExhaustion,
  type ShortageInput,
  stepExhaustion,
} from './exhaustion.ts'
import { type Outlook, outlookOfQueue, type QueueSeen } from './forecast.ts'
import { holdersOf } from './holders.ts'
import { type Insight, NO_INSIGHT, type Slowness, slownessOf } from './insight.ts'
import { findKnot } from './knot.ts'
import { NO_KNOT } from './knot-found.ts'
import { findOverdue, NONE_OVERDUE, suspectsOf } from './overdue.ts'
import type { Profiler } from './profile.ts'
import { isSlowed, isSurge, isUnderPressure, NO_SIGNALS, type Signals, servedPerMs, stepSignals } from './signals.ts'
import { EPISODE_RULES, TREND_RULE, troublesOf, WATCHED_KINDS, type WatchedKind } from './trouble.ts'
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
  isPaused(): boolean
  /** Since when there have been waiters without a break, on the pool's clock; undefined: nobody waits. */
  waitingSinceMs(): number | undefined
  /** The leases that have not ended; asked for only when a warning is told or a diagnosis is wanted. */
  leases(): Iterable<LeaseInfo>
  /** Who waits; asked for when everything stands still. */
  waiters(): Iterable<WaiterInfo>
  /** What leases are spent on; undefined: nobody looks. */
  readonly profiler: Profiler | undefined
  /** Takes a lease back, with its resource. */
  reclaim(lease: LeaseInfo): void
}

/** What a sample cannot tell. */
export interface WatchContext {
  /** Since when there have been waiters without a break, on the pool's clock; undefined: nobody waits. */
  readonly waitingSinceMs: number | undefined
  /** The highest limit that the pool can reach by itself: limitMax, or the limit where it is fixed or pinned. */
  readonly ceiling: number
}

/** Of a pool this small, one lost lease is a good part, if its holder has ever ended one: else it may be a LISTEN. */
const SMALL_LIMIT = 5
/** Between two looks at the leases, in ms: an age of seconds need not be known any better. */
const LOOK_MS = 1_000
/**
 * A lease of this many times what long ones take is overdue; of this many, leaked: and no sooner than so many ms. Where
 * none has ever ended, nobody knows what is long: it is overdue when it would be leaked.
 */
const OVERDUE_TIMES_LONG = 10
const OVERDUE_MS_MIN = 1_000
const LEAKED_TIMES_LONG = 20
const LEAKED_MS_MIN = 10_000
/** So many times what a lease takes: by then, one should have come back. */
const SILENT_LEASES = 3
/** And so long, in ms: queries that take ten times as long, and all began at once, do end. */
const SILENT_MS_MIN = 500
/** Who has ended a lease of an hour may hold another for as long, and longer. */
const LEAKED_TIMES_LONGEST = 3

/** The last window, as it was observed. */
interface Observed extends WatchContext {
  readonly sample: Sample
  readonly decision: Decision
}

/** An episode that opened or closed in this window. */
interface Told {
  readonly kind: WatchedKind
  readonly turn: 'opened' | 'closed'
  readonly lastedMs: number
}

/**
 * DOER: samples in, warnings out, each once per episode. Of constant cost per window and of none per acquire, but for a
 * walk over the leases once a second; holders, words and evidence are put together only for what is told.
 *
 * All state is stepped before anything is told, so that a listener may diagnose, resize or drain.
 */
export class Watch {
  readonly #parts: WatchParts
  readonly #episodes: Record<WatchedKind, Episode>
  #signals: Signals = NO_SIGNALS
  #creation: CreationSeen = LUCKY_CREATION
  /** Whether the trend has led to exhaustion for long enough to be believed. */
  #trend: Episode = CALM
  #habits: Habits = NO_HABITS
  #exhaustion: ExhaustionState = INITIAL_EXHAUSTION
  #observed: Observed | undefined
  #controllerError: unknown
  #insight: Insight = NO_INSIGHT
  /** Those that the leak was told of, while it lasts. */
  #suspects: ReadonlySet<LeaseInfo> = NONE_OVERDUE.kept
  #lookedAtMs = Number.NEGATIVE_INFINITY
  /** At most one, and none while nobody has to wait. */
  #exhaustionTimer: Timer | undefined

  constructor(parts: WatchParts) {
    this.#parts = parts
    this.#episodes = Object.fromEntries(WATCHED_KINDS.map((kind) => [kind, CALM])) as Record<WatchedKind, Episode>
  }

  /** Once a window, after the decision; `decision.limit` as the controller said it, neither rounded nor bounded. */
  observe(sample: Sample, decision: Decision, context: WatchContext): void {
    const { waitingSinceMs } = context
    const before = this.#signals.queue
    this.#observed = { sample, decision, ...context }
    this.#signals = stepSignals(this.#signals, sample, waitingSinceMs, this.#insight.overdue.newMsMean)
    if (isHistory(this.#creation, sample.atMs)) this.created()
    if (!this.#parts.options.isOn) return

    this.#habits = stepHabits(this.#habits, sample, this.#signals)
    const shortage = { sample, ...this.#standing(waitingSinceMs) }
    const [exhaustion, turn] = stepExhaustion(this.#exhaustion, shortage, this.#parts.options)
    this.#exhaustion = exhaustion
    const outlook = this.#foresee(this.#observed, before)
    const insight = this.#glance(sample)
    const told = this.#stepEpisodes(this.#observed, outlook, insight)
    this.#tellExhaustion(turn)
    for (const episode of told) this.#tell(episode, outlook)
    this.#reclaimLate(sample.atMs)
  }

  /** At each create that succeeds: in a window that has seen both, what counts is which came last. */
  created(): void {
    this.#creation = creationSucceeded(this.#creation)
  }

  /** At each failure to create, with the event's own payload; what is certain now is told now. */
  createFailed(event: PoolEvents['createFailed']): void {
    const nowMs = this.#parts.clock.nowMs()
    const { live, creating } = event.counts
    this.#creation = creationFailed(this.#creation, event, nowMs)
    if (!this.#parts.options.isOn) return
    const isTrouble = isCreationTrouble(this.#creation, live - creating)
    const told = [
      this.#stepEpisode('backend-refusing', event.failure === 'refusing', nowMs),
      this.#stepEpisode('creation-failing', isTrouble, nowMs),
    ]
    for (const episode of told) this.#tell(episode, undefined)
  }

  /** An acquire had to queue: `exhausted` is told when it falls due, which is hardly ever at the end of a window. */
  waiterQueued(nowMs: number): void {
    if (this.#exhaustionTimer === undefined) this.#awaitExhaustion(nowMs)
  }

  /** Who waits for resume() is not short of anything, unless nothing could be created either. */
  #standing(sinceMs: number | undefined): Omit<ShortageInput, 'sample'> {
    const isFailing = isCreationFailing(this.#creation)
    const waitingSinceMs = this.#parts.isPaused() && !isFailing ? undefined : sinceMs
    return { waitingSinceMs, isCreationFailing: isFailing }
  }

  #awaitExhaustion(nowMs: number): void {
    const { options, clock } = this.#parts
    const { waitingSinceMs } = this.#standing(this.#parts.waitingSinceMs())
    const dueAtMs = options.isOn ? exhaustedAtMs(this.#exhaustion, waitingSinceMs, options) : undefined
    if (dueAtMs === undefined || dueAtMs <= nowMs) return // past it, the ends of windows judge
    const delayMs = Math.min(dueAtMs - nowMs, TIMER_DELAY_MS_MAX)
    this.#exhaustionTimer = clock.startTimer(delayMs, this.#onExhaustionDue, true)
  }

  readonly #onExhaustionDue = (): void => {
    const { options, clock, counts, waitingSinceMs } = this.#parts
    const nowMs = clock.nowMs()
    this.#exhaustionTimer = undefined
    const shortage = { counts: counts(), ...this.#standing(waitingSinceMs()) }
    const [exhaustion, turn] = ripenExhaustion(this.#exhaustion, shortage, nowMs, options)
    this.#exhaustion = exhaustion
    this.#awaitExhaustion(nowMs) // the queue has broken since: it is the next one that may ripen
    this.#tellExhaustion(turn)
  }

  /** No more timers. */
  stop(): void {
    this.#exhaustionTimer?.cancel()
    this.#exhaustionTimer = undefined
  }

  /** The controller threw, or answered what is no limit; the last good limit stays. */
  controllerFailed(error: unknown): void {
    this.#controllerError = error
    if (!this.#parts.options.isOn) return
    this.#tell(this.#stepEpisode('controller-failed', true, this.#parts.clock.nowMs()), undefined)
  }

  /** False while an episode is open: keep calling observe() even if nothing is in use, so that it can end. */
  get isQuiet(): boolean {
    if (this.#exhaustion.episode !== undefined) return false
    return WATCHED_KINDS.every((kind) => this.#episodes[kind].phase !== 'open')
  }

  /** The state of the pool now, from the last windows. */
  diagnose(): Diagnosis {
    const view = this.#view()
    const { verdict, confidence, evidence, others } = findState(view)
    const advice = adviceFor(verdict, view)
    return { verdict, confidence, otherVerdicts: others, evidence, advice, holders: this.#holders(view.nowMs) }
  }

  #foresee({ sample, decision, ceiling }: Observed, before: QueueSeen): Outlook | undefined {
    const { options, acquireTimeoutMs } = this.#parts
    // A backend that is at its limit is not helped by more: the pool stays where it is.
    const within = decision.limitedBy === 'backend' ? Math.min(ceiling, sample.limit) : ceiling
    const queue = outlookOfQueue({
      sample,
      queue: this.#signals.queue,
      before,
      limitNext: Math.min(Math.round(decision.limit), within),
      ceiling: within,
      servedPerMs: servedPerMs(this.#signals, sample),
      silentMs: this.#signals.silentMs,
      exhaustedAfterMs: options.exhaustedAfterMs,
      deadlineMs: acquireTimeoutMs,
      confidenceMin: options.forecastConfidenceMin,
      isCreationFailing: isCreationFailing(this.#creation),
      isSurge: isSurge(this.#signals),
    })
    const ahead = outlooksAhead(this.#signals, this.#habits, sample.epochMs, { ...options, ceiling: within })
    this.#trend = stepEpisode(this.#trend, TREND_RULE, ahead.trend !== undefined, sample.atMs)[0]
    return queue ?? (this.#trend.phase === 'open' ? ahead.trend : undefined) ?? ahead.season
  }

  /** Leases are walked once a second, and at each window in which everything stands still, or some seem forgotten. */
  #glance(sample: Sample): Insight {
    const { atMs, completions, waiters } = sample
    const { counts, options } = this.#parts
    const isStill = completions === 0 && waiters + failedOf(sample) > 0
    // Whether leases are forgotten by and by is judged while others come back.
    const isSuspicious = completions > 0 && this.#insight.overdue.kept.size > 1
    const isDue = isStill || isSuspicious || atMs - this.#lookedAtMs >= Math.min(LOOK_MS, options.leaseAgeMs ?? LOOK_MS)
    if (isDue) {
      this.#lookedAtMs = atMs
      this.#insight = this.#look(atMs, counts(), isStill)
    }
    const slow = isUnderPressure(sample) || isSlowed(this.#signals) ? this.#slownessOf(atMs) : NO_INSIGHT.slow
    // Who was stuck at an earlier look may have gone on since.
    return { ...this.#insight, slow, ...(isDue ? {} : { knot: NO_KNOT }) }
  }

  #slownessOf(nowMs: number): Slowness {
    const { leaseMs, leaseNorm } = this.#signals
    return slownessOf(this.#parts.profiler, nowMs, leaseMs - leaseNorm.value)
  }

  /**
   * Walks the leases, and the waiters too if everything stands still. While the process itself stood still, nobody
   * could end his, and for seconds after all are about to: by so much they are taken to be younger, and for a reclaim.
   */
  #look(nowMs: number, { limit, inUse, waiters, idle }: PoolCounts, isStill: boolean): Insight {
    const { leases, waiters: whoWaits, poolName, profiler, options } = this.#parts
    if (inUse === 0) return NO_INSIGHT
    const longMs = this.#signals.leaseLongMs
    const { sample, ceiling } = this.#observed ?? { sample: NO_SAMPLE, ceiling: limit }
    const failed = failedOf(sample)
    // A pool that may grow yet lets them wait for seconds, and fails nobody.
    const isShort = failed > 0 || sample.oldestWaitMs >= LEAKED_MS_MIN || (waiters > 0 && limit >= ceiling)
    // Sessions, it may be, until the pool has no more for those who ask.
    const mayBeLong = longMs === 0 && (!isShort || inUse < limit || this.#parts.isPaused())
    const learnedMs = mayBeLong ? Number.POSITIVE_INFINITY : Math.max(LEAKED_MS_MIN, LEAKED_TIMES_LONG * longMs)
    const { leaseAgeMs } = options
    const { silentMs, leaseMs, stall } = this.#signals
    const overdueMs = Math.min(
      leaseAgeMs ?? Number.POSITIVE_INFINITY,
      longMs === 0 ? LEAKED_MS_MIN : Math.max(OVERDUE_MS_MIN, OVERDUE_TIMES_LONG * longMs),
    )
    // One that was told of by itself still is when the pool has grown.
    const isOneTooMany = leaseAgeMs !== undefined || limit === 1 || this.#suspects.size === 1
    const overdue = findOverdue(leases(), nowMs - stall.worst.loopDelayMs, {
      overdueMs,
      isSilent: silentMs >= Math.max(SILENT_MS_MIN, SILENT_LEASES * longMs || overdueMs),
      isFelt: waiters + failed > 0,
      leakedMax: (longestMs) => (isOneTooMany || (limit <= SMALL_LIMIT && longestMs > 0) ? 0 : 1),
      isAgeGiven: leaseAgeMs !== undefined,
      suspects: this.#suspects,
      longestMs: (holder) => profiler?.longestOf(holder) ?? 0,
      leakedMs: (longestMs) => leaseAgeMs ?? Math.max(learnedMs, LEAKED_TIMES_LONGEST * longestMs),
    })
    const isSilent = silentMs >= SILENT_LEASES * leaseMs
    const knot = isStill && waiters > 0 && idle === 0 ? findKnot(leases(), whoWaits(), isSilent, poolName) : NO_KNOT
    return { ...NO_INSIGHT, overdue, knot }
  }

  #reclaimLate(nowMs: number): void {
    const { options, leases, reclaim } = this.#parts
    if (options.reclaimAfterMs === Number.POSITIVE_INFINITY) return
    for (const lease of [...leases()]) {
      if (nowMs - this.#signals.stall.worst.loopDelayMs - lease.sinceMs >= options.reclaimAfterMs) reclaim(lease)
    }
  }

  #stepEpisodes(observed: Observed, outlook: Outlook | undefined, insight: Insight): readonly (Told | undefined)[] {
    const isForetold = this.#episodes['exhaustion-forecast'].phase === 'open'
    const { sample, ceiling } = observed
    const view = this.#viewOf(observed, sample.atMs, this.#parts.counts(), insight)
    const troubles = troublesOf(view, {
      outlook,
      isForetold,
      // It takes a search, and matters to what has been foretold only.
      isCrowded: isForetold && isCrowded(this.#signals, ceiling, this.#parts.options.waitSloMs),
      isBurnTold: this.#episodes['wait-slo-burn'].phase === 'open',
    })
    this.#suspects = suspectsOf(this.#suspects, insight.overdue, troubles['leak-suspected'])
    return WATCHED_KINDS.map((kind) => this.#stepEpisode(kind, troubles[kind], sample.atMs))
  }

  #stepEpisode(kind: WatchedKind, holds: boolean, atMs: number): Told | undefined {
    const before = this.#episodes[kind]
    const [episode, turn] = stepEpisode(before, EPISODE_RULES[kind], holds, atMs)
    this.#episodes[kind] = episode
    if (turn === 'none') return undefined
    return { kind, turn, lastedMs: before.phase === 'open' ? before.seenAtMs - before.openedAtMs : 0 }
  }

  #tell(told: Told | undefined, outlook: Outlook | undefined): void {
    const { events, poolName } = this.#parts
    if (told === undefined) return
    const { kind, turn, lastedMs } = told
    if (turn === 'closed') events.emit('warningEnded', { kind, lastedMs })
    else if (events.has('warning')) {
      const view = this.#view()
      const holders = this.#holders(view.nowMs)
      const controllerError = this.#controllerError
      events.emit('warning', warningOf(kind, { poolName, view, holders, outlook, controllerError }))
    }
  }

  #tellExhaustion(turn: ExhaustionTurn): void {
    const { events } = this.#parts
    if (turn.turn === 'exhausted') {
      const { cause, forMs } = turn
      events.emit('exhausted', { cause, forMs, counts: this.#parts.counts() })
    } else if (turn.turn === 'recovered') {
      const { cause, exhaustedMs, cost } = turn
      const { timedOut, shed, others, delayed } = cost
      events.emit('recovered', { exhaustedMs, cause, failed: timedOut + shed + others, timedOut, shed, delayed })
    }
  }

  #holders(nowMs: number): readonly Holder[] {
    return holdersOf(this.#parts.leases(), nowMs)
  }

  #view(): View {
    const counts = this.#parts.counts()
    const nowMs = this.#parts.clock.nowMs()
    const decision = { limit: counts.limit, reason: 'none' }
    const observed = this.#observed ?? { sample: NO_SAMPLE, decision, ceiling: counts.limit }
    const isStill = observed.sample.completions === 0 || counts.waiters > 0
    const slow = this.#slownessOf(nowMs)
    return this.#viewOf(observed, nowMs, counts, { ...this.#look(nowMs, counts, isStill), slow })
  }

  #viewOf(
    observed: Pick<View, 'sample' | 'decision' | 'ceiling'>,
    nowMs: number,
    counts: PoolCounts,
    insight: Insight,
  ) {
    const { sample, decision, ceiling } = observed
    const signals = this.#signals
    const isExhausted = this.#exhaustion.episode !== undefined
    const isPaused = this.#parts.isPaused()
    const creation = this.#creation
    const wasKnotted = this.#episodes['self-deadlock'].phase === 'open'
    return { nowMs, insight, counts, sample, decision, ceiling, signals, creation, isExhausted, isPaused, wasKnotted }
  }
}
