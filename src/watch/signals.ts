import { clamp } from '../base/clamp.ts'
import type { Sample } from '../measure/sample.ts'
import { type Burn, failedOf, NO_BURN, NO_SHARE, type Share, stepBurn, stepShare } from './burn.ts'
import { type Churn, NO_CHURN, stepChurn } from './churn.ts'
import { EMPTY_QUEUE, type QueueSeen, stepQueue } from './forecast.ts'
import { type MarginalThroughput, NO_THROUGHPUT, stepMarginalThroughput } from './marginal-throughput.ts'
import { habitOf, type Norm, stepNorm, timesNorm, UNKNOWN_NORM } from './norm.ts'
import { NO_STALL, type Stall, stepStall } from './stall.ts'
import { INITIAL_TREND, stepTrend, type Trend } from './trend.ts'

/** What the watch remembers of the windows it has seen: O(1), plain data. */
export interface Signals {
  /** How many have been seen. */
  readonly windows: number
  readonly trend: Trend
  /** The same, slower to move: it sees what takes minutes. */
  readonly drift: Trend
  /** Smoothed. `leaseMs` is 0 before the first lease has ended. */
  readonly arrivalsPerMs: number
  readonly leaseMs: number
  /** What is usual. */
  readonly arrivalsNorm: Norm
  readonly leaseNorm: Norm
  /** For how long no lease has ended although some were out, in ms. */
  readonly silentMs: number
  readonly queue: QueueSeen
  readonly throughput: MarginalThroughput
  /** What long leases usually take (p95), in ms; 0: none has ended. */
  readonly leaseLongMs: number
  readonly stall: Stall
  readonly churn: Churn
  readonly burn: Burn
  /** Leases that ended in the last seconds, and those of windows in which most of them took longer than usual. */
  readonly slowed: Share
  /** What leases have taken beyond twice the usual since they last did, summed up: in usual leases. */
  readonly overrun: number
}

export const NO_SIGNALS: Signals = {
  windows: 0,
  trend: INITIAL_TREND,
  drift: INITIAL_TREND,
  arrivalsPerMs: 0,
  leaseMs: 0,
  arrivalsNorm: UNKNOWN_NORM,
  leaseNorm: UNKNOWN_NORM,
  silentMs: 0,
  queue: EMPTY_QUEUE,
  throughput: NO_THROUGHPUT,
  leaseLongMs: 0,
  stall: NO_STALL,
  churn: NO_CHURN,
  burn: NO_BURN,
  slowed: NO_SHARE,
  overrun: 0,
}

/** What is smoothed is so over this long, in ms: short, since a surge should have its name with its first warning. */
const SMOOTHING_TAU_MS = 250
/** But over so many events at least, lest a quiet pool's next caller be a surge; and for no longer than this, in ms. */
const SMOOTHING_EVENTS = 10
const SMOOTHING_TAU_MS_MAX = 60_000

/** A rise of minutes is lost in the noise of a slope that is learned in seconds. */
const DRIFT_TAU_MS = 15_000

/** Leases out of this many times the usual age are of another kind; by chance alone, a few may be of twice that. */
const OTHER_TIMES_NORM = 5

/**
 * Takes in one window.
 *
 * @param newMsMean mean age of the leases that are out and new, in ms: where it is more than leases usually take, what
 *   has begun is of another kind, and a few of them no trend
 */
export function stepSignals(
  signals: Signals,
  sample: Sample,
  waitingSinceMs: number | undefined,
  newMsMean = 0,
): Signals {
  const { windowMs, arrivals, completions, leaseMsMean, inUse } = sample
  const isPressed = isUnderPressure(sample)
  const arrivalsPerMs = arrivals / windowMs
  const rateGain = signals.windows === 0 ? 1 : 1 - Math.exp(-windowMs / rateTauMs(signals))
  const leaseGain = Math.min(1 - Math.exp(-windowMs / SMOOTHING_TAU_MS), completions / SMOOTHING_EVENTS)
  const leaseMs = signals.leaseMs + (signals.leaseMs === 0 ? 1 : leaseGain) * (leaseMsMean - signals.leaseMs)
  const isSlow = isPressed || isSlowed(signals) // neither is a time in which habits are learned
  const leaseNorm = completions > 0 ? stepNorm(signals.leaseNorm, leaseMsMean, windowMs, isSlow) : signals.leaseNorm
  const slow = sample.leaseMsP50 > signals.leaseNorm.value ? completions : 0
  const trendMs = newMsMean > OTHER_TIMES_NORM * leaseNorm.value ? newMsMean : leaseNorm.value
  return {
    windows: signals.windows + 1,
    trend: stepTrend(signals.trend, sample, trendMs),
    drift: stepTrend(signals.drift, sample, trendMs, DRIFT_TAU_MS),
    arrivalsPerMs: signals.arrivalsPerMs + rateGain * (arrivalsPerMs - signals.arrivalsPerMs),
    leaseMs: completions === 0 ? signals.leaseMs : leaseMs,
    arrivalsNorm: stepNorm(signals.arrivalsNorm, arrivalsPerMs, windowMs, isPressed),
    leaseNorm,
    silentMs: completions === 0 && inUse > 0 ? signals.silentMs + windowMs : 0,
    queue: stepQueue(signals.queue, sample, waitingSinceMs),
    throughput: stepMarginalThroughput(signals.throughput, sample),
    leaseLongMs: stepLong(signals, sample, isPressed),
    stall: stepStall(signals.stall, sample),
    churn: stepChurn(signals.churn, sample),
    burn: stepBurn(signals.burn, sample),
    slowed: stepShare(signals.slowed, completions, slow, windowMs / SLOWED_FADE_MS),
    overrun: stepOverrun(signals, sample),
  }
}

const SLOWED_FADE_MS = 4_000
/** Fewer leases, or less of them, may be chance, or a job beside others. */
const SLOWED_MIN = 20
const SLOWED_SHARE = 0.6
/** And by so much: times the usual, and ms. Callers of whom none waits do not care for less. */
const SLOWED_TIMES_NORM = 3
const SLOWED_MS = 5

/** Most of the last seconds' leases took far longer than usual. */
export function isSlowed({ slowed: { all, bad }, leaseNorm, leaseMs }: Signals): boolean {
  const isMost = all >= SLOWED_MIN && bad >= SLOWED_SHARE * all
  return isMost && timesNorm(leaseNorm, leaseMs) >= SLOWED_TIMES_NORM && leaseMs - leaseNorm.value >= SLOWED_MS
}

/** Times of the norm from which leases are slow. */
const SLOW_TIMES_NORM = 2
/** One lease tells of so many usual ones at most: a single report is nobody else's slowness. */
const OVERRUN_PER_LEASE_MAX = 5
/** Chance adds up to so many once in some hundred thousand leases; those three times as long do with the 25th. */
const OVERRUN_MIN = 25
/** All that is out would have ended so many times: by chance, once in three million. */
const SILENCE_MIN = 15

/**
 * A mean of few leases wavers, and a small pool has thousands of such means in an hour: they must add up.
 *
 * @source Page 1954, "Continuous Inspection Schemes", Biometrika 41
 */
function stepOverrun({ overrun, leaseNorm }: Signals, { completions, leaseMsMean }: Sample): number {
  const beyond = Math.min(timesNorm(leaseNorm, leaseMsMean) - SLOW_TIMES_NORM, OVERRUN_PER_LEASE_MAX)
  return completions > 0 ? clamp(overrun + completions * beyond, 0, 2 * OVERRUN_MIN) : overrun
}

/** Leases take twice their usual time, beyond chance. */
export function isSlow(signals: Signals, inUse: number): boolean {
  const { leaseNorm, leaseMs, overrun } = signals
  const isProven = overrun >= OVERRUN_MIN || silenceMs(signals, inUse) > leaseMs
  return isProven && timesNorm(leaseNorm, seenLeaseMs(signals, inUse)) >= SLOW_TIMES_NORM
}

/** How long leases take, by what can be seen: while nothing ends, nothing is measured, and the silence counts. */
export function seenLeaseMs(signals: Signals, inUse: number): number {
  return Math.max(signals.leaseMs, silenceMs(signals, inUse))
}

/** For how long no lease has ended, in ms, where chance does not keep the few that are out for so long. */
function silenceMs({ silentMs, leaseNorm }: Signals, inUse: number): number {
  return silentMs * inUse >= SILENCE_MIN * leaseNorm.value ? silentMs : 0
}

/** Habits last, in ms. */
const LONG_FADE_MS = 600_000

/** Under pressure it takes minutes, unless there has been nothing else: leases may be long for what is looked for. */
const LONG_PRESSED_TAU_MS = 300_000

function stepLong({ leaseLongMs, leaseNorm }: Signals, { windowMs, leaseMsP95 }: Sample, isPressed: boolean): number {
  const faded = leaseLongMs * Math.exp(-windowMs / LONG_FADE_MS)
  const tauMs = isPressed ? LONG_PRESSED_TAU_MS * habitOf(leaseNorm) : 0
  return faded + Math.min(1, windowMs / tauMs) * Math.max(0, leaseMsP95 - faded)
}

function rateTauMs({ arrivalsNorm }: Signals): number {
  if (arrivalsNorm.value === 0) return SMOOTHING_TAU_MS
  return Math.min(SMOOTHING_TAU_MS_MAX, Math.max(SMOOTHING_TAU_MS, SMOOTHING_EVENTS / arrivalsNorm.value))
}

/** Arrivals beyond this are no longer this pool's habit, if they are also beyond what chance brings. */
const SURGE_TIMES_NORM = 1.5
const SURGE_DEVIATIONS = 2

/** Far more arrivals than usual. */
export function isSurge(signals: Signals): boolean {
  const { arrivalsNorm, arrivalsPerMs } = signals
  const spanMs = 2 * rateTauMs(signals) // an exponential mean is as steady as a plain one over twice its tau
  const excess = (arrivalsPerMs - arrivalsNorm.value) * spanMs
  const chance = Math.sqrt(arrivalsNorm.value * spanMs)
  return timesNorm(arrivalsNorm, arrivalsPerMs) >= SURGE_TIMES_NORM && excess > SURGE_DEVIATIONS * chance
}

/** A wait of this many ms is felt by nobody; beyond it, and with a tenth of the limit waiting, the pool is pressed. */
const PRESSED_WAIT_MS = 20
const PRESSED_WAITERS_SHARE = 0.1

/** Callers feel the pool. What was shed or timed out is demand, too. */
export function isUnderPressure(sample: Sample): boolean {
  const { waiters, limit, waitMsP95 } = sample
  return waiters > PRESSED_WAITERS_SHARE * limit || waitMsP95 > PRESSED_WAIT_MS || failedOf(sample) > 0
}

/**
 * Leases that end per ms when everything is out: as seen, or by Little's law where the window was too short to see.
 * Where none ends, leases take at least as long as that.
 */
export function servedPerMs({ leaseMs, silentMs }: Signals, { completions, windowMs, inUse }: Sample): number {
  return Math.max(completions / windowMs, inUse / (Math.max(leaseMs, silentMs) || 1))
}

/**
 * Resources that callers want at a time: arrivals × the usual lease time. The usual one, since the present one grows
 * with a backend that is overloaded, and would ask for more the worse it gets.
 *
 * @source Little 1961, "A Proof for the Queuing Formula: L = λW", Operations Research 9(3)
 */
export function resourcesWanted({ arrivalsPerMs, leaseNorm, leaseMs }: Signals): number {
  return arrivalsPerMs * (leaseNorm.learnedMs > 0 ? leaseNorm.value : leaseMs)
}

/** Deviations of Poisson demand kept as headroom: one caller in forty waits. @source Halfin and Whitt 1981 */
const HEADROOM_DEVIATIONS = 2

/** The limit at which the callers of the moment would hardly wait. */
export function limitNeeded(signals: Signals): number {
  const wanted = resourcesWanted(signals)
  return Math.ceil(wanted + HEADROOM_DEVIATIONS * Math.sqrt(wanted))
}
