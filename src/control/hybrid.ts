import { readOptions, show } from '../base/options.ts'
import { smoothed } from '../measure/average.ts'
import { largestOf, rolledMax, smallestOf } from '../measure/extreme.ts'
import { wholeSample } from '../measure/no-sample.ts'
import type { Sample } from '../measure/sample.ts'
import { foreseenInMs, foreseenInUse, isForecastState, NO_FORECAST, nextForecast } from '../measure/season.ts'
import type { Decision } from '../pool/contract.ts'
import { type Arm, expectedArm, newArm } from './arm.ts'
import type { Controller } from './controller.ts'
import {
  arrivalsPerMs,
  isCold,
  LEASES_MIN,
  type LeaseTimes,
  LOADED_RATIO,
  nextArrivalRate,
  nextLeaseTimes,
  staffed,
  unloadedLeaseMs,
} from './demand.ts'
import { FILLING_MS_MAX, type HybridState, hold, INITIAL, move, type Step, UNTRIED } from './hybrid-state.ts'
import { CREEP_RATIO, endTrial, isTryingLess, press } from './trial.ts'

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

type Settings = Required<Omit<HybridOptions, 'learnt'>>

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
 *    is tried again in turns, at the same time in all processes that share the backend; more not where hardly any lease
 *    ends. Where none does there is nothing to compare, and the limit is doubled until that helps, each time after
 *    twice as long.
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
    step(before, given) {
      const sample = wholeSample(given)
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
            ? press(seen, sample, settings.elasticityMin)
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
const FILL_TAU_MS = 250
const IN_USE_TAU_MS = 2_000

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
    ...(isMoved && { ...UNTRIED, arm: newArm(limit, leases.recentMs), trial: undefined }),
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

/** Of a loaded backend, demand is believed up to so many times what it has been seen to complete. */
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
  const provable = beforeGuess(state)?.limit ?? (isGuessed ? limit : Number.POSITIVE_INFINITY)
  return Math.min(demandOf(state, sample), RAISE_RATIO_MAX * limit, GUESS_RATIO_MAX * provable, limitMax)
}

function grow(state: HybridState, wanted: number, sample: Sample): Step {
  const { trial } = state
  const from = beforeGuess(state) ?? (isGuess(state, sample) ? expectedArm(state.leases, sample.limit) : undefined)
  const [next, decision] = move(state, wanted, 'demand', from && { of: 'guess', from })
  const isCreeping = (trial === undefined || trial.of === 'guess') && wanted < CREEP_RATIO * sample.limit
  return [isCreeping ? { ...next, arm: { ...state.arm, limit: wanted } } : next, decision]
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
function beforeGuess({ trial }: HybridState): Arm | undefined {
  return trial?.of === 'guess' ? trial.from : trial?.beforeGuess
}

/** A trial outlives a lull this long, in ms. */
const LULL_MS = 500

/**
 * Kept is what the mean of leases out calls for, with 1.7 times the headroom of demand: that mean knows what demand
 * does not (leases longer for being many, or leaked). Not their peak: a burst lends all that is open, needed or not.
 */
const KEPT_VARIANCE_RATIO = 3

function relax(seen: HybridState, sample: Sample, settings: Settings): Step {
  if (seen.trial !== undefined && seen.calmMs >= LULL_MS) return endTrial(seen, seen.trial, sample)
  if (seen.calmMs < settings.calmMs) return hold(seen, sample, 'calm')
  const untried = {
    trial: undefined,
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
