import { clamp } from '../base/clamp.ts'
import { readOptions, show } from '../base/options.ts'
import { smoothed } from '../measure/average.ts'
import { type Extreme, largestOf, NO_EXTREME, rolledMax, smallestOf } from '../measure/extreme.ts'
import type { Sample } from '../measure/sample.ts'
import {
  type ForecastState,
  foreseenInMs,
  foreseenInUse,
  isForecastState,
  NO_FORECAST,
  nextForecast,
} from '../measure/season.ts'
import type { Decision } from '../pool/contract.ts'
import {
  type Arm,
  compare,
  completionsPerMs,
  expectedArm,
  leaseMsMean,
  measured,
  newArm,
  recent,
  servesLess,
} from './arm.ts'
import type { Controller } from './controller.ts'
import {
  type ArrivalRate,
  arrivalsPerMs,
  isCold,
  LEASES_MIN,
  type LeaseTimes,
  NO_ARRIVALS,
  NO_LEASES,
  nextArrivalRate,
  nextLeaseTimes,
  staffed,
  unloadedLeaseMs,
} from './demand.ts'
import { isStep, type Turn, turnAt, turnEndMs } from './turn.ts'

/** Options of {@link hybrid}. */
export interface HybridOptions {
  /** A wait longer than this is pressure, in ms, > 0. @defaultValue 20 */
  readonly waitMsSetpoint?: number
  /**
   * Least elasticity of throughput at which more resources earn their keep: the share by which completions grow when
   * leases out grow by one. A ratio, 0..1. @defaultValue 0.06
   */
  readonly elasticityMin?: number
  /** The limit is lowered a step each time this long has passed without pressure, in ms, > 0. @defaultValue 5_000 */
  readonly calmMs?: number
  /**
   * Learn what recurs by the hour, day and week, and have resources open for it before it comes? It only ever raises
   * the limit, and not beyond what the backend was found to bear. @defaultValue true
   */
  readonly forecast?: boolean
  /** What an earlier `hybrid()` had learnt: its `controllerState()`, as JSON brings it back. @defaultValue nothing */
  readonly learnt?: Pick<HybridState, 'forecast'>
}

export const HYBRID_DEFAULTS: Required<Omit<HybridOptions, 'learnt'>> = {
  waitMsSetpoint: 20, // below CoDel's usual 50 ms, so that the pool grows before anybody is shed
  elasticityMin: 0.06, // under overload, a fifth more throughput for twenty times the resources is a bargain
  calmMs: 5_000, // traffic that pauses for less comes back to a pool of the right size
  forecast: true, // nothing stands out in traffic without seasons, and then nothing is done
}

/** All that {@link hybrid} remembers. */
export interface HybridState {
  /** What it said last; if it is not what is in force, somebody else has moved the limit. */
  readonly limit: number
  /** What was in force at first; 0: a trial, or somebody else who lowered the limit, has shown it to be too much. */
  readonly limitInitial: number | undefined
  readonly rate: ArrivalRate
  readonly leases: LeaseTimes
  /** Leases out and their time in ms, means, while nobody was pressed. */
  readonly inUseCalm: number
  readonly leaseMsCalm: number
  /** Something of our own slowed leases down in the latest window: it tells nothing of them, nor of throughput. */
  readonly isDisturbed: boolean
  /** For how long creates have been under way without a break, in ms; and how many a ms succeed while they are. */
  readonly fillingMs: number
  readonly createsPerMs: number
  readonly completionsPerMs: number
  readonly completionsPerMsMax: Extreme
  /** What demand has asked for lately, as a limit. */
  readonly demandMax: Extreme
  readonly calmMs: number
  readonly pressedMs: number
  /** For how long callers have waited beside all that is open, and no lease has ended, in ms. */
  readonly silentMs: number
  /** How much of that had passed when the limit was moved last. */
  readonly silentMsMoved: number
  /** What is being measured at the limit in force; and, while that limit is a trial, what it is to be compared with. */
  readonly arm: Arm
  readonly trialFrom?: Arm | undefined
  /** What the limit before it was expected to serve, where the trial is of demand that was a guess. */
  readonly guessedFrom?: Arm | undefined
  /** What the limit in force was measured to serve when the latest trial ended. */
  readonly tried?: Arm | undefined
  /** More, or less, has been tried in vain under this pressure: from then on in turns. */
  readonly moreFailed: boolean
  readonly lessFailed: boolean
  /** A trial of more has failed, but nothing was sure of it: there was to be one more. */
  readonly hasDoubted: boolean
  /** When less may be tried again, in ms. */
  readonly lessAtMs: number
  /** When the turn ends in which a trial has failed, as an epoch in ms: one failure in each is enough. */
  readonly turnOverMs: number
  /** The limit beyond which more has been tried in vain, under this pressure. */
  readonly ceiling?: number | undefined
  /** What the latest trial under this pressure has shown. */
  readonly limitedBy?: 'pool' | 'backend' | undefined
  /** What recurs, and what is expected of it within the next seconds, as a limit; 0: nothing. */
  readonly forecast: ForecastState
  readonly foreseen: number
}

/** Of another limit, or another pressure, nothing has been tried yet. */
const UNTRIED = { moreFailed: false, lessFailed: false, hasDoubted: false, lessAtMs: 0, turnOverMs: 0 } as const

const INITIAL: HybridState = {
  limit: 0,
  limitInitial: undefined,
  rate: NO_ARRIVALS,
  leases: NO_LEASES,
  inUseCalm: 0,
  leaseMsCalm: 0,
  isDisturbed: false,
  fillingMs: 0,
  createsPerMs: 0,
  completionsPerMs: 0,
  completionsPerMsMax: NO_EXTREME,
  demandMax: NO_EXTREME,
  calmMs: 0,
  pressedMs: 0,
  silentMs: 0,
  silentMsMoved: 0,
  arm: newArm(0, 0),
  ...UNTRIED,
  forecast: NO_FORECAST,
  foreseen: 0,
}

type Settings = Required<Omit<HybridOptions, 'learnt'>>
type Step = readonly [HybridState, Decision]

/**
 * The default. Four layers, each with the last word over the one before:
 *
 * 1. *Demand*, feed-forward: arrivals × lease time of an unloaded backend, with square-root headroom. Known within
 *    tens of ms of a surge, and it does not grow when the backend slows down. Until leases have been seen in calm it is
 *    a guess: believed up to twice the limit, and what that brings is put to trial. What recurs by the hour, day or
 *    week is met before it comes: limit raised and resources opened.
 * 2. *Feedback*, by trial: waiting callers cannot tell a small pool from a saturated backend, and neither can lease
 *    times. So under pressure that demand does not explain, the limit is raised by half and kept only if completions
 *    follow; then lowered by a quarter, by half where leases take five times as long as unloaded, and kept if they do
 *    not suffer; not where leases take no longer than unloaded, since fewer would be served no faster. What has failed
 *    is tried again in turns, at the same time in all processes that share the backend. Where no lease ends there is
 *    nothing to compare, and it is doubled until that helps, each time after twice as long.
 * 3. *Ceiling*: while leases take longer than unloaded, demand is believed only up to twice what the backend has been
 *    seen to complete (retries are arrivals too), and not beyond what was tried in vain.
 * 4. *Actuator*: up at once, at most × 4 a step; down by at most a fifth each `calmMs` without pressure, never below
 *    what demand has asked for lately, nor what leases out call for with ample headroom. What the pool began with is
 *    given back as soon as callers wait, unless a trial has shown it to be too much.
 *
 * What is measured beside our own connects, or by a process that is late itself, is no measure: 1 and 2 pass over such
 * windows, lest a pool on a machine without spare CPU take its own doing for a slow backend, or for demand. Only the
 * first leases of a process, beside which there is nothing else to go by, tell how long they take all the same.
 *
 * @throws TypeError RangeError for wrong options
 * @source Layer 1: Little 1961; Halfin, Whitt 1981. Layer 2: the idea of Hellerstein, Morrison, Eilebrecht 2009,
 *   "Applying control theory in the real world" (.NET hill climbing), without its standing wave. Layer 3: the
 *   bandwidth-delay product of Cardwell et al. 2016, "BBR: congestion-based congestion control", ACM Queue 14(5)
 */
export function hybrid(options: HybridOptions = {}): Controller<HybridState> {
  const read = readOptions<HybridOptions>('hybrid', options, HYBRID_DEFAULTS, ['learnt'])
  const settings = {
    waitMsSetpoint: read.durationMs('waitMsSetpoint', { min: Number.MIN_VALUE }),
    elasticityMin: read.ratio('elasticityMin', { min: 0, max: 1 }),
    calmMs: read.durationMs('calmMs', { min: Number.MIN_VALUE }),
    forecast: read.flag('forecast'),
  }
  const forecast = options.learnt === undefined ? NO_FORECAST : options.learnt?.forecast
  if (!isForecastState(forecast)) {
    throw new TypeError(`hybrid: learnt must be the controllerState() of a hybrid(), got ${show(options.learnt)}`)
  }
  return {
    name: 'hybrid',
    initial: { ...INITIAL, forecast },
    step(before, sample) {
      if (sample.loopDelayMs > STALL_MS) return hold(before, sample, 'loop-stalled')
      const isPressing = isPressed(before, sample, settings)
      const seen = foreseeing(observed(before, sample, isPressing), sample, settings)
      const wanted = wantedByDemand(seen, sample)
      const isDemandShort = wanted > sample.limit && (isPressing || sample.waiters > 0) && !isTryingLess(seen)
      const [state, decision] = isDemandShort
        ? grow(seen, wanted, sample)
        : seen.foreseen > sample.limit
          ? move(seen, seen.foreseen, 'forecast')
          : isPressing
            ? press(seen, sample, settings)
            : relax(seen, sample, settings)
      return [{ ...state, limit: decision.limit }, ahead(state, decision, sample)]
    },
  }
}

/** An event loop this late, in ms, was measuring itself: waits and leases are too long, completions come in heaps. */
const STALL_MS = 100

/** Do callers wait too long, or will they? */
function isPressed({ leases }: HybridState, sample: Sample, { waitMsSetpoint }: Settings): boolean {
  const { waiters, inUse } = sample
  if (sample.timedOut + sample.shed + sample.queueFull > 0) return true
  const waitMsAhead = inUse > 0 ? (waiters / inUse) * leases.recentMs : 0
  return Math.max(waitMsAhead, sample.oldestWaitMs, sample.waitMsP95) > waitMsSetpoint
}

/** How long unloaded lease times, the best throughput and the largest demand are remembered, in ms. */
const LEASE_MEMORY_MS = 60_000
const THROUGHPUT_MEMORY_MS = 10_000
const DEMAND_MEMORY_MS = 10_000
const THROUGHPUT_TAU_MS = 250
const IN_USE_TAU_MS = 2_000

/** So long, in ms, what is slow beside creates may be slow because of them: a connect costs as much as many queries. */
const FILLING_MS_MAX = 1_000
const FILL_TAU_MS = 250

/** A process this late, as a share of a lease, has no CPU to spare: leases seem long because of it. */
const LATE_RATIO = 0.5
/** Timers are late by a few ms on any machine. */
const LATE_MS_MIN = 10

/** Are our own connects under way, or does the process hear of everything too late? */
function isSlowedByUs(fillingMs: number, leases: LeaseTimes, sample: Sample): boolean {
  const isFilling = fillingMs > 0 && fillingMs < FILLING_MS_MAX
  const leaseMs = unloadedLeaseMs(leases) || sample.leaseMsMean
  return isFilling || (leaseMs > 0 && sample.loopDelayMs > Math.max(LATE_MS_MIN, LATE_RATIO * leaseMs))
}

function observed(state: HybridState, sample: Sample, isPressing: boolean): HybridState {
  const { windowMs, completions, inUseMean, limit } = sample
  const fillingMs = sample.creating + sample.created > 0 ? state.fillingMs + windowMs : 0
  const isDisturbed = isSlowedByUs(fillingMs, state.leases, sample)
  const isAllOut = sample.inUse >= limit && sample.creating === 0
  const leases =
    isDisturbed && !isCold(state.leases, sample)
      ? state.leases
      : nextLeaseTimes(state.leases, sample, !isPressing && !isDisturbed, LEASE_MEMORY_MS)
  const calmTauMs = isPressing ? Number.POSITIVE_INFINITY : IN_USE_TAU_MS
  const fillTauMs = fillingMs > 0 ? FILL_TAU_MS : Number.POSITIVE_INFINITY
  const perMs = smoothed(state.completionsPerMs, completions / windowMs, windowMs, THROUGHPUT_TAU_MS)
  const seen: HybridState = {
    ...state,
    rate: nextArrivalRate(state.rate, sample),
    leases,
    isDisturbed,
    fillingMs,
    createsPerMs: smoothed(state.createsPerMs, sample.created / windowMs, windowMs, fillTauMs),
    inUseCalm: smoothed(state.inUseCalm, inUseMean, windowMs, calmTauMs),
    leaseMsCalm: smoothed(state.leaseMsCalm || leases.recentMs, leases.recentMs, windowMs, calmTauMs),
    completionsPerMs: perMs,
    completionsPerMsMax: rolledMax(state.completionsPerMsMax, perMs, windowMs, THROUGHPUT_MEMORY_MS),
    calmMs: isPressing ? 0 : state.calmMs + windowMs,
    pressedMs: state.pressedMs + (isPressing ? windowMs : 0),
    ...(completions > 0 || !isPressing
      ? { silentMs: 0, silentMsMoved: 0 }
      : { silentMs: state.silentMs + (isAllOut && !isDisturbed ? windowMs : 0) }),
  }
  const demandMax = rolledMax(seen.demandMax, demandOf(seen, sample), windowMs, DEMAND_MEMORY_MS)
  const isMoved = limit !== state.limit // by somebody else
  const limitInitial = limit < state.limit ? 0 : (state.limitInitial ?? limit)
  return {
    ...seen,
    limitInitial,
    demandMax,
    ...(isMoved && { ...UNTRIED, arm: newArm(limit, leases.recentMs), trialFrom: undefined }),
  }
}

/** Layer 1, for what is not there yet. */
function foreseeing(state: HybridState, sample: Sample, settings: Settings): HybridState {
  if (!settings.forecast) return state
  const forecast = nextForecast(state.forecast, sample)
  const inUse = foreseenInUse(forecast, sample.epochMs)
  const { ceiling = Number.POSITIVE_INFINITY } = state
  return { ...state, forecast, foreseen: inUse > 0 ? Math.min(Math.ceil(staffed(inUse)), ceiling, sample.limitMax) : 0 }
}

/**
 * Opens what is foreseen, and what a surge needs, and sees to it that a pool at rest is woken in time for what is
 * foreseen. The engine opens for those who wait; but while a surge lasts, others come while a connect is under way.
 */
function ahead(state: HybridState, decision: Decision, sample: Sample): Decision {
  const { foreseen, forecast } = state
  const { arrivals, waiters, inUse, creating, epochMs } = sample
  const isSurge = waiters > 0 && state.rate.ms >= SURGE_MS_MIN
  const surging = isSurge ? Math.min(Math.ceil(believed(state, steadyDemand(state))), decision.limit) : 0
  const isResting = arrivals + waiters + inUse + creating === 0
  const next = { ...decision, liveMin: Math.max(surging, foreseen) }
  if (!isResting) return next
  const wakeInMs = foreseen > 0 ? FORESEEN_PAUSE_MS : foreseenInMs(forecast, epochMs)
  return wakeInMs < Number.POSITIVE_INFINITY ? { ...next, wakeInMs } : next
}

/** What comes within less than this, in ms, may be a burst: the releases of the next moment absorb it. */
const SURGE_MS_MIN = 50

/** How often a pool at rest looks whether what it waits for has come or is over, in ms. */
const FORESEEN_PAUSE_MS = 1_000

/** Layer 1. */
function demandOf(state: HybridState, sample: Sample): number {
  const steady = steadyDemand(state)
  const backlog = Math.min(
    (sample.waiters / BACKLOG_MS) * unloadedLeaseMs(state.leases),
    state.createsPerMs * BACKLOG_MS,
  )
  return Math.ceil(believed(state, steady + Math.min(backlog, BACKLOG_RATIO_MAX * steady)))
}

function steadyDemand({ rate, leases }: HybridState): number {
  return staffed(arrivalsPerMs(rate) * unloadedLeaseMs(leases))
}

/** Layer 3. */
function believed(state: HybridState, demand: number) {
  const { leases, inUseCalm, leaseMsCalm, completionsPerMsMax, ceiling = Number.POSITIVE_INFINITY } = state
  const leaseMs = unloadedLeaseMs(leases)
  // What took longer in calm than the few who were out then could make it, as a night's reports, is long by itself.
  const isLongInCalm = leaseMsCalm > Math.max(1, inUseCalm) * leaseMs
  const isLoaded = leases.recentMs > LOADED_RATIO * (isLongInCalm ? leaseMsCalm : leaseMs)
  const completed = (largestOf(completionsPerMsMax) ?? 0) * leaseMs
  return Math.min(isLoaded ? Math.min(demand, BELIEVED_RATIO * completed) : demand, ceiling)
}

/** Leases that take this much longer than unloaded ones speak of a loaded backend, not of chance. */
const LOADED_RATIO = 1.3
const BELIEVED_RATIO = 2

/**
 * Who waits already is to be served within this, in ms, by resources beyond those for who comes: half as many at most,
 * and no more than can be opened in that time. A backlog is served sooner by what is open than by a storm of connects.
 */
const BACKLOG_MS = 100
const BACKLOG_RATIO_MAX = 0.5

const RAISE_RATIO_MAX = 4

/** Layer 4, upwards. */
function wantedByDemand(state: HybridState, sample: Sample): number {
  const { limit, limitMax, creating } = sample
  const isGuessed = isGuess(state, sample)
  if (state.leases.seen < LEASES_MIN && (creating > 0 || isGuessed)) return limit
  const provable = guessedFrom(state)?.limit ?? (isGuessed ? limit : Number.POSITIVE_INFINITY)
  return Math.min(demandOf(state, sample), RAISE_RATIO_MAX * limit, GUESS_RATIO_MAX * provable, limitMax)
}

/** More by less than this is about the same: measuring goes on, or a slow rise would put off each trial. */
const CREEP_RATIO = 1.1

function grow(state: HybridState, wanted: number, sample: Sample): Step {
  const before = guessedFrom(state)
  const from = before ?? (isGuess(state, sample) ? expectedArm(state.leases, sample.limit) : undefined)
  const [next, decision] = move(state, wanted, 'demand', from)
  const isCreeping = state.trialFrom === before && wanted < CREEP_RATIO * sample.limit
  const arm = isCreeping ? { ...state.arm, limit: wanted } : next.arm
  return [{ ...next, arm, guessedFrom: from }, decision]
}

/** While such a trial lasts, and before it begins, demand is believed up to so many times the limit that it found. */
const GUESS_RATIO_MAX = 2
/** So many leases in calm tell how long one takes by itself. */
const CALM_LEASES_MIN = 20
/** Of longer leases, in ms, such a trial would see so few that a pool that is too small would be held down by it. */
const GUESS_LEASE_MS_MAX = 500

/**
 * No lease has been seen in calm, as where a process starts under load: demand goes by how long leases take beside that
 * load, and what it asks for makes them longer still, in each of several such processes. Where nobody may wait, there
 * is no trial to tell.
 */
function isGuess({ leases, tried }: HybridState, { waiters }: Sample): boolean {
  const isKnown = smallestOf(leases.shortest) !== undefined || leases.count >= CALM_LEASES_MIN || tried !== undefined
  return !isKnown && waiters > 0 && leases.seen > 0 && leases.recentMs <= GUESS_LEASE_MS_MAX
}

/** While a trial of a guess is under way, or of taking it back: what was expected of the limit before it. */
function guessedFrom({ trialFrom, guessedFrom }: HybridState): Arm | undefined {
  return trialFrom === undefined ? undefined : guessedFrom
}

function isTryingLess({ trialFrom, arm }: HybridState): boolean {
  return trialFrom !== undefined && trialFrom.limit > arm.limit
}

/**
 * Connects take long, and leases too: what is open is as much as the backend bears, or more, and the next connect would
 * be served beside it. Nothing is measured meanwhile, so that a pool would fill for minutes and serve less with each.
 */
function isCrowded({ fillingMs, leases }: HybridState, { leaseMsMean }: Sample): boolean {
  const leaseMs = Math.min(leases.recentMs, leaseMsMean) // where no lease ends, as in an outage, none has taken long
  return fillingMs >= FILLING_MS_MAX && leaseMs > SLOWDOWN_MIN * unloadedLeaseMs(leases)
}

/** What is open is what is judged: by the trial under way, or, since demand has asked for more, by one of less. */
function stopFilling(state: HybridState, sample: Sample): Step {
  const { trialFrom } = state
  const open = Math.max(sample.limitMin, sample.live - sample.creating)
  if (trialFrom === undefined) {
    return move({ ...state, ...backendLimited(open), lessFailed: false, lessAtMs: 0 }, open, 'crowded')
  }
  return open > trialFrom.limit ? move(state, open, 'crowded', trialFrom) : takeBack(state, trialFrom, sample, true)
}

function press(state: HybridState, sample: Sample, settings: Settings): Step {
  const isLimitInTheWay = sample.live >= sample.limit || sample.inUseMax >= sample.limit
  if (!isLimitInTheWay && !isTryingLess(state) && isCrowded(state, sample)) return stopFilling(state, sample)
  const measuring = state.isDisturbed ? state : { ...state, arm: measured(state.arm, sample) }
  if (state.trialFrom !== undefined) return judge(measuring, state.trialFrom, sample, settings)
  const { limitInitial = 0 } = state
  if (isLimitInTheWay && sample.limit < limitInitial) {
    return move(state, limitInitial, 'initial') // that it was lowered in calm should cost nobody a wait
  }
  // What the limit served longer ago, before its backend fell ill, is nothing to compare with.
  if (isLimitInTheWay) return considerTrial(anew({ ...measuring, arm: recent(measuring.arm, ARM_MS_ENOUGH) }), sample)
  return hold(measuring, sample, 'filling') // who waits while the limit leaves room waits for a create
}

/** An arm to compare with: this long, in ms, and this many completions, unless they are too few to wait for. */
const ARM_MS_MIN = 250
const ARM_COMPLETIONS_MIN = 20
const ARM_MS_ENOUGH = 2_000
/** A trial of less costs service while it lasts: the shorter, the more is known of what it is compared with. */
const LESS_COMPLETIONS_MIN = 4 * ARM_COMPLETIONS_MIN
/** A queue that is gone within this, in ms, by itself needs no more resources. */
const DRAIN_MS = 2_000
/** Pressure that has lasted for less, in ms, may be a burst. */
const BURST_MS = 1_000

function isBrief({ completions, ms }: Arm, completionsMin: number): boolean {
  return completions < completionsMin && ms < ARM_MS_ENOUGH
}

/**
 * Where the backend serves less than it did when trials were made, what it served then is nothing to go by, and less is
 * tried at once. That it serves more may be the doing of siblings who have tried less: more waits for its turn.
 */
function anew(state: HybridState): HybridState {
  const { tried, arm, leases } = state
  if (tried?.limit !== arm.limit || !servesLess(tried, arm)) return state
  return { ...state, lessFailed: false, lessAtMs: 0, arm: newArm(arm.limit, leases.recentMs), tried: undefined }
}

function considerTrial(state: HybridState, sample: Sample): Step {
  const { arm } = state
  const silenceMs = clamp(SILENT_LEASES * state.leases.recentMs, ARM_MS_MIN, ARM_MS_ENOUGH)
  if (state.silentMs >= silenceMs) return growBlindly(state, sample)
  if (arm.ms < ARM_MS_MIN || isBrief(arm, ARM_COMPLETIONS_MIN)) return hold(state, sample, 'measuring')
  if (arm.completions === 0) return hold(state, sample, 'no-lease-ends')
  const drainedPerMs = completionsPerMs(arm) - arrivalsPerMs(state.rate)
  if (drainedPerMs > 0 && sample.waiters < drainedPerMs * DRAIN_MS) return hold(state, sample, 'draining')
  const isExogenous = hasSlowedByItself(state, sample)
  if (state.pressedMs < BURST_MS && !isExogenous) return hold(state, sample, 'burst')
  const turn = turnOf(state, sample)
  if (turn === undefined) return hold(state, sample, 'awaiting-turn')
  const isMore = turn === 'more'
  const ratioMore = isExogenous && state.ceiling === undefined ? 2 : 1.5
  const ratioLess = isSwamped(state) ? 0.5 : 0.75
  const limit = isMore ? Math.ceil(sample.limit * ratioMore) : Math.floor(sample.limit * ratioLess)
  const bounded = clamp(limit, sample.limitMin, sample.limitMax)
  if (bounded === sample.limit) {
    return hold({ ...state, [isMore ? 'moreFailed' : 'lessFailed']: true }, sample, 'at-bound')
  }
  if (!isMore && isBrief(arm, LESS_COMPLETIONS_MIN)) return hold(state, sample, 'measuring')
  if (!isMore && isUnloaded(arm, state.leases)) return hold({ ...state, lessFailed: true }, sample, 'unloaded')
  return move(state, bounded, isMore ? 'probe-up' : 'probe-down', arm)
}

/** Leases this many times as long as unloaded: if they are long for being many, they are far too many. */
const SWAMPED_RATIO = 5

/**
 * Of a backend that is far past its best each of several processes sees so few leases end that a trial of a quarter
 * less shows nothing but chance. One of half shows more.
 */
function isSwamped({ leases }: HybridState): boolean {
  return leases.recentMs > SWAMPED_RATIO * unloadedLeaseMs(leases)
}

/** Either is tried at once until it has failed under this pressure, and then in turns. */
function turnOf(state: HybridState, sample: Sample): Turn | undefined {
  const { moreFailed, lessFailed, lessAtMs, turnOverMs, limitedBy } = state
  if (!isStep(sample)) return undefined
  const isLess = !lessFailed && (moreFailed || limitedBy === 'backend')
  const atOnce = isLess ? 'less' : 'more'
  const inTurn = sample.epochMs < turnOverMs ? undefined : turnAt(sample)
  const turn = moreFailed && lessFailed ? inTurn : atOnce
  return turn === 'less' && sample.atMs < lessAtMs ? undefined : turn
}

/** Leases take no longer than they do on a backend that has nothing else to do: it would do no more for fewer. */
function isUnloaded(arm: Arm, { shortest }: LeaseTimes): boolean {
  return leaseMsMean(arm) <= LOADED_RATIO * (smallestOf(shortest) ?? 0)
}

/** So many times what a lease takes: by then, one of all that are out should have ended. */
const SILENT_LEASES = 3

/**
 * No lease ends, so no trial can tell anything: they may just be long, as at a cold start with slow queries; or those
 * who hold them wait for more; or the backend hangs. More help the former two, and hardly hurt the latter, on which no
 * more can be opened. Twice as many each time that those before have not helped for as long as all of them together.
 */
function growBlindly(state: HybridState, sample: Sample): Step {
  if (state.silentMs < 2 * state.silentMsMoved) return hold(state, sample, 'measuring')
  const { ceiling = Number.POSITIVE_INFINITY } = state
  const limit = Math.min(2 * sample.limit, sample.limitMax, Math.max(ceiling, sample.limit))
  return limit === sample.limit ? hold(state, sample, 'no-lease-ends') : move(state, limit, 'reserve')
}

/** Near the peak of a backend, chance alone makes leases half as long again. */
const SLOWDOWN_MIN = 2

/** Leases have become longer by more than the growth of their number explains: a cause outside, which a trial tells. */
function hasSlowedByItself({ leases, inUseCalm, leaseMsCalm }: HybridState, sample: Sample): boolean {
  const slowdown = leases.recentMs / leaseMsCalm
  return slowdown > SLOWDOWN_MIN && slowdown * Math.max(1, inUseCalm) > sample.inUseMean
}

/**
 * A trial is judged at this many standard deviations, not before a lease's time within these bounds, in ms, since
 * leases that are alike end in heaps; by likelihood when it tells no more.
 */
const SIGMAS = 2.5
const ARM_MS_FIRST = 100
const ARM_MS_FIRST_MAX = 1_000
const ARM_MS_MAX = 5_000
/**
 * With so many times the completions of what it is compared with, an arm tells hardly more by lasting longer: what is
 * left of the doubt is the other's. After a fail-over to a small server a trial too high cost five seconds of service.
 */
const FUTILE_RATIO = 4
/** Surely beyond this elasticity, the backend was not the bottleneck at all: leases take as long by themselves. */
const UNLOADED_ELASTICITY = 0.5

const DOUBLED_RATIO = 1.9
/**
 * A trial of more that tells no more is kept only from here on: chance alone would keep every second one, and two in a
 * row hold a small server down for as long as it takes to try less again. One of less that has served less as likely as
 * that is taken back: waiting for certainty costs more than another trial.
 */
const LIKELY_SIGMAS = 1

/** Of leases longer than this, in ms, a trial sees so few that every third one of a pool that is too small fails. */
const LONG_LEASE_MS = 300

function judge(state: HybridState, from: Arm, sample: Sample, { elasticityMin }: Settings): Step {
  const { arm } = state
  const isUp = arm.limit > from.limit
  if (arm.ms < clamp(leaseMsMean(from), ARM_MS_FIRST, ARM_MS_FIRST_MAX)) return hold(state, sample, 'probing')
  const tellsMore = arm.completions < FUTILE_RATIO * Math.max(ARM_COMPLETIONS_MIN, from.completions)
  const expected = guessedFrom(state)
  if (isUp && expected !== undefined) return judgeGuess(state, from, sample, tellsMore)
  const sigmas = isUp ? compare(from, arm, elasticityMin) : compare(arm, from, elasticityMin)
  // Back to a guess only where it is certain: what it brought was likely too much.
  const isLightlyEnded = !isUp && expected === undefined
  const isDecisive = Math.abs(sigmas) >= SIGMAS || (isLightlyEnded && sigmas >= LIKELY_SIGMAS)
  const isTurnOver =
    sample.epochMs + 2 * sample.windowMs >= turnEndMs(sample) && arm.completions >= LESS_COMPLETIONS_MIN
  if (expected !== undefined && sigmas > 0 && isCrowdThere(state, expected)) return hold(state, sample, 'probing')
  if (!isDecisive && tellsMore && !isTurnOver && arm.ms < ARM_MS_MAX) return hold(state, sample, 'probing')
  // Twice as many were tried since leases were long by themselves: then completions would be twice as many, nearly.
  const isDoubled = arm.limit >= DOUBLED_RATIO * from.limit
  const isLargerWorthIt =
    !isDecisive && isDoubled
      ? compare(from, arm, UNLOADED_ELASTICITY) > 0
      : sigmas > (isLightlyEnded ? 0 : LIKELY_SIGMAS)
  if (isUp !== isLargerWorthIt) {
    const isDoubtful = isUp && !isDecisive && leaseMsMean(from) > LONG_LEASE_MS && hasSlowedByItself(state, sample)
    if (!isDoubtful || state.hasDoubted) return takeBack(state, from, sample, isUp)
    return move({ ...state, hasDoubted: true }, from.limit, 'probe-failed')
  }
  const next = { ...state, trialFrom: undefined, tried: arm }
  if (!isUp) {
    return hold({ ...next, ...backendLimited(arm.limit), moreFailed: true, lessFailed: false }, sample, 'probe-kept')
  }
  const shortest = { current: leaseMsMean(arm), ageMs: 0 }
  const leases = compare(from, arm, UNLOADED_ELASTICITY) >= SIGMAS ? { ...state.leases, shortest } : state.leases
  return hold({ ...next, leases, limitedBy: 'pool', ceiling: undefined }, sample, 'probe-kept')
}

/**
 * Of leases that take as long by themselves, more end as more are out. Where they likely do not, the guess was wrong,
 * and what it brought is taken back: by a trial of less, since its first leases told little.
 */
function judgeGuess(state: HybridState, from: Arm, sample: Sample, tellsMore: boolean): Step {
  const { arm } = state
  const sigmas = compare(from, arm, UNLOADED_ELASTICITY)
  const isLess = sigmas < -LIKELY_SIGMAS
  if (isLess && arm.limit > CREEP_RATIO * from.limit) {
    const [next, decision] = move(state, from.limit, 'probe-down', arm)
    return [{ ...next, guessedFrom: from }, decision]
  }
  const isOpen = !isLess && sigmas <= 0
  if (isOpen && tellsMore && arm.ms < ARM_MS_MAX) return hold(state, sample, 'probing')
  return hold({ ...state, trialFrom: undefined }, sample, 'probe-kept')
}

/** What is taken back leaves its crowd behind: until that is gone, for so many ms at most, less serves nothing. */
const CROWD_MS_MAX = 3_000

/** Does the backend serve less than before the guess, though no more are out? */
function isCrowdThere({ arm }: HybridState, expected: Arm): boolean {
  return arm.ms < CROWD_MS_MAX && compare(expected, arm, 0) < -SIGMAS
}

/** Leases that are not shorter than this share of what they were do not gain by being fewer. */
const SHORTER_RATIO = 0.9
/** Of the time of a pool whose backend has room, one part in so many more goes into trials of less. */
const TRIAL_PAUSE_RATIO = 32

/**
 * A trial of more that brought nothing shows the ceiling. One of less in which leases took as long shows a backend that
 * has room, and has only cost something: the next is put off the longer, the longer it was. Where leases take far
 * longer than unloaded that has to be certain, since chance fails every third trial of a process that sees few of them.
 */
function takeBack(state: HybridState, from: Arm, sample: Sample, isUp: boolean): Step {
  const next = { ...state, tried: from, turnOverMs: turnEndMs(sample) }
  if (isUp) return move({ ...next, ...backendLimited(from.limit), moreFailed: true }, from.limit, 'probe-failed')
  const { arm } = state
  const isSure = !isSwamped(state) || compare(arm, from, 0) >= SIGMAS
  const isInVain = isSure && leaseMsMean(arm) > SHORTER_RATIO * leaseMsMean(from)
  const lessAtMs = isInVain ? sample.atMs + TRIAL_PAUSE_RATIO * arm.ms : 0
  return move({ ...next, lessFailed: true, lessAtMs }, from.limit, 'probe-failed')
}

/** More than `ceiling` was tried in vain. What the pool began with is not given back unasked after that. */
function backendLimited(ceiling: number) {
  return { limitedBy: 'backend', ceiling, limitInitial: 0 } as const
}

/** A trial outlives a lull this long, in ms. */
const LULL_MS = 500

/**
 * Kept is what the mean of leases out calls for, with 1.7 times the headroom of demand: that mean knows what demand
 * does not (leases longer for being many, or leaked). Not their peak: a burst lends all that is open, needed or not.
 */
const KEPT_VARIANCE_RATIO = 3

function relax(seen: HybridState, sample: Sample, settings: Settings): Step {
  if (seen.trialFrom !== undefined && seen.calmMs >= LULL_MS) return endTrial(seen, seen.trialFrom, sample)
  if (seen.calmMs < settings.calmMs) return hold(seen, sample, 'calm')
  const untried = {
    trialFrom: undefined,
    tried: undefined,
    ceiling: undefined,
    limitedBy: undefined,
    ...UNTRIED,
  }
  const state = { ...seen, ...untried, calmMs: 0, pressedMs: 0 }
  const kept = Math.ceil(staffed(state.inUseCalm, KEPT_VARIANCE_RATIO * state.inUseCalm))
  const slowest = Math.floor(0.8 * sample.limit)
  const limit = Math.max(sample.limitMin, slowest, largestOf(state.demandMax) ?? 0, kept, state.foreseen)
  return limit < sample.limit ? move(state, limit, 'shrink') : hold(state, sample, 'calm')
}

/**
 * Nobody waits any more, so the trial cannot go on. More than was needed even now is taken back, lest each burst near
 * the peak of the backend leave the limit half as large again; what is in use is what has ended the pressure. Less is
 * taken back if it seems to have served less: else each burst would be the occasion for the next such trial.
 */
function endTrial(state: HybridState, from: Arm, sample: Sample): Step {
  const isLess = from.limit > sample.limit
  const hasServedLess = isLess && state.arm.ms > 0 && compare(state.arm, from, 0) > 0
  if (hasServedLess) return takeBack(state, from, sample, false)
  if (isLess || sample.inUseMax > from.limit) return hold({ ...state, trialFrom: undefined }, sample, 'calm')
  return move(state, from.limit, 'probe-unneeded')
}

function hold(state: HybridState, sample: Sample, reason: string): Step {
  return [state, { limit: sample.limit, reason, limitedBy: state.limitedBy }]
}

/** @param trialFrom of a trial: what it is to be compared with */
function move(state: HybridState, limit: number, reason: string, trialFrom?: Arm): Step {
  const arm = newArm(limit, state.leases.recentMs)
  const next = { ...state, silentMsMoved: state.silentMs, arm, trialFrom, guessedFrom: undefined }
  return [next, { limit, reason, limitedBy: state.limitedBy }]
}
