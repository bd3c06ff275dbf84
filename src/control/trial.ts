import { clamp } from '../base/clamp.ts'
import { smallestOf } from '../measure/extreme.ts'
import type { Sample } from '../measure/sample.ts'
import { type Arm, compare, completionsPerMs, leaseMsMean, measured, newArm, recent, servesLess } from './arm.ts'
import { arrivalsPerMs, type LeaseTimes, LOADED_RATIO, unloadedLeaseMs } from './demand.ts'
import { FILLING_MS_MAX, type HybridState, hold, move, type Step, type Trial } from './hybrid-state.ts'
import { isStep, type Turn, turnAt, turnEndMs } from './turn.ts'

/**
 * Layer 2 of hybrid(): callers wait, and demand does not explain it. What is open is measured, and then more or less is
 * tried; or what is tried already is judged.
 */
export function press(state: HybridState, sample: Sample, elasticityMin: number): Step {
  const isLimitInTheWay = sample.live >= sample.limit || sample.inUseMax >= sample.limit
  if (!isLimitInTheWay && !isTryingLess(state) && isCrowded(state, sample)) return stopFilling(state, sample)
  const measuring = state.isDisturbed ? state : { ...state, arm: measured(state.arm, sample) }
  if (state.trial !== undefined) return judge(measuring, state.trial, sample, elasticityMin)
  const { limitInitial = 0 } = state
  if (isLimitInTheWay && sample.limit < limitInitial) {
    return move(state, limitInitial, 'initial') // that it was lowered in calm should cost nobody a wait
  }
  // What the limit served longer ago, before its backend fell ill, is nothing to compare with.
  if (isLimitInTheWay) return considerTrial(anew({ ...measuring, arm: recent(measuring.arm, ARM_MS_ENOUGH) }), sample)
  return hold(measuring, sample, 'filling') // who waits while the limit leaves room waits for a create
}

export function isTryingLess({ trial }: HybridState): boolean {
  return trial?.of === 'less'
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
  const { trial } = state
  const open = Math.max(sample.limitMin, sample.live - sample.creating)
  if (trial === undefined) {
    return move({ ...state, ...backendLimited(open), lessFailed: false, lessAtMs: 0 }, open, 'crowded')
  }
  const { from } = trial
  return open > from.limit ? move(state, open, 'crowded', { of: 'more', from }) : takeBackMore(state, from, sample)
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
  return move(state, bounded, isMore ? 'probe-up' : 'probe-down', { of: turn, from: arm })
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

/** Leases this many times as long as they have ever been, and longer than so many ms. */
const COLLAPSED_RATIO = 30
const COLLAPSED_LEASE_MS = 1_000

/**
 * Hardly anything comes back, as from a database whose statements wait for each other's locks: more make that worse,
 * and each process sees so few leases end that chance judges its trials. By Little's law, since those that end tell
 * nothing of those that do not.
 */
function hasCollapsed({ completions, inUseMs }: Arm, { leastMs }: LeaseTimes): boolean {
  return inUseMs > Math.max(COLLAPSED_LEASE_MS, COLLAPSED_RATIO * leastMs) * (completions + 0.5)
}

/** Either is tried at once until it has failed under this pressure, and then in turns. */
function turnOf(state: HybridState, sample: Sample): Turn | undefined {
  const { arm, leases, moreFailed, lessFailed, lessAtMs, turnOverMs, limitedBy } = state
  if (!isStep(sample)) return undefined
  const isLess = !lessFailed && (moreFailed || limitedBy === 'backend')
  const atOnce = isLess ? 'less' : 'more'
  const inTurn = sample.epochMs < turnOverMs ? undefined : turnAt(sample)
  const turn = moreFailed && lessFailed ? inTurn : atOnce
  const isInVain = turn === 'less' ? sample.atMs < lessAtMs : moreFailed && hasCollapsed(arm, leases)
  return isInVain ? undefined : turn
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

function judge(state: HybridState, trial: Trial, sample: Sample, elasticityMin: number): Step {
  const { of, from, beforeGuess } = trial
  if (state.arm.ms < clamp(leaseMsMean(from), ARM_MS_FIRST, ARM_MS_FIRST_MAX)) return hold(state, sample, 'probing')
  if (of === 'guess') return judgeGuess(state, from, sample)
  if (of === 'more') return judgeMore(state, from, sample, elasticityMin)
  return judgeLess(state, from, sample, elasticityMin, beforeGuess)
}

/**
 * With so many times the completions of what it is compared with, an arm tells hardly more by lasting longer: what is
 * left of the doubt is the other's. After a fail-over to a small server a trial too high cost five seconds of service.
 */
const FUTILE_RATIO = 4

/** Will the trial tell more if it lasts longer? */
function tellsMore({ arm }: HybridState, from: Arm): boolean {
  return arm.completions < FUTILE_RATIO * Math.max(ARM_COMPLETIONS_MIN, from.completions) && arm.ms < ARM_MS_MAX
}

/** Has it seen enough, and will the turn in which all processes try the same end before the next look? */
function isTurnOver({ arm }: HybridState, sample: Sample): boolean {
  return arm.completions >= LESS_COMPLETIONS_MIN && sample.epochMs + 2 * sample.windowMs >= turnEndMs(sample)
}

/** Surely beyond this elasticity, the backend was not the bottleneck at all: leases take as long by themselves. */
const UNLOADED_ELASTICITY = 0.5
/** Twice as many were tried since leases were long by themselves: then completions would be twice as many, nearly. */
const DOUBLED_RATIO = 1.9
/**
 * A trial of more that tells no more is kept only from here on: chance alone would keep every second one, and two in a
 * row hold a small server down for as long as it takes to try less again. One of less that has served less as likely as
 * that is taken back: waiting for certainty costs more than another trial.
 */
const LIKELY_SIGMAS = 1
/**
 * More that has failed before is given up when it is likelier than not to have failed again: as long as it lasts, it
 * crowds a backend that was found to be full, for all who share it. What pays does so at once.
 */
const AGAIN_SIGMAS = 0.5
/** Of leases longer than this, in ms, a trial sees so few that every third one of a pool that is too small fails. */
const LONG_LEASE_MS = 300

function judgeMore(state: HybridState, from: Arm, sample: Sample, elasticityMin: number): Step {
  const { arm } = state
  const sigmas = compare(from, arm, elasticityMin)
  const isDecisive = Math.abs(sigmas) >= SIGMAS || (state.moreFailed && sigmas <= -AGAIN_SIGMAS)
  if (!isDecisive && tellsMore(state, from) && !isTurnOver(state, sample)) return hold(state, sample, 'probing')
  const sigmasUnloaded = compare(from, arm, UNLOADED_ELASTICITY)
  const isDoubled = arm.limit >= DOUBLED_RATIO * from.limit
  const isWorthIt = !isDecisive && isDoubled ? sigmasUnloaded > 0 : sigmas > LIKELY_SIGMAS
  if (isWorthIt) {
    const shortest = { current: leaseMsMean(arm), ageMs: 0 }
    const leases = sigmasUnloaded >= SIGMAS ? { ...state.leases, shortest } : state.leases
    return keep({ ...state, leases, tried: arm, limitedBy: 'pool', ceiling: undefined }, sample)
  }
  const isDoubtful = !isDecisive && leaseMsMean(from) > LONG_LEASE_MS && hasSlowedByItself(state, sample)
  if (!isDoubtful || state.hasDoubted) return takeBackMore(state, from, sample)
  return move({ ...state, hasDoubted: true }, from.limit, 'probe-failed')
}

/** @param beforeGuess of a guess, what the limit before it was expected to serve */
function judgeLess(state: HybridState, from: Arm, sample: Sample, elasticityMin: number, beforeGuess?: Arm): Step {
  const { arm } = state
  const sigmas = compare(arm, from, elasticityMin)
  if (beforeGuess !== undefined && sigmas > 0 && isCrowdThere(arm, beforeGuess)) return hold(state, sample, 'probing')
  // Back to a guess, or to where hardly anything came back, only where it is certain: it was likely too much.
  const isTooMuch = beforeGuess !== undefined || hasCollapsed(from, state.leases)
  const isDecisive = Math.abs(sigmas) >= SIGMAS || (!isTooMuch && sigmas >= LIKELY_SIGMAS)
  if (!isDecisive && tellsMore(state, from) && !isTurnOver(state, sample)) return hold(state, sample, 'probing')
  if (sigmas > (isTooMuch ? LIKELY_SIGMAS : 0)) return takeBackLess(state, from, sample)
  const next = { ...state, ...backendLimited(arm.limit), tried: arm, moreFailed: true, lessFailed: false }
  return keep(next, sample)
}

/** More by less than this is about the same: measuring goes on, or a slow rise would put off each trial. */
export const CREEP_RATIO = 1.1

/**
 * Of leases that take as long by themselves, more end as more are out. Where they likely do not, the guess was wrong,
 * and what it brought is taken back: by a trial of less, since its first leases told little.
 */
function judgeGuess(state: HybridState, from: Arm, sample: Sample): Step {
  const { arm } = state
  const sigmas = compare(from, arm, UNLOADED_ELASTICITY)
  const isWrong = sigmas < -LIKELY_SIGMAS
  if (isWrong && arm.limit > CREEP_RATIO * from.limit) {
    return move(state, from.limit, 'probe-down', { of: 'less', from: arm, beforeGuess: from })
  }
  const isOpen = !isWrong && sigmas <= 0
  return isOpen && tellsMore(state, from) ? hold(state, sample, 'probing') : keep(state, sample)
}

/** What is taken back leaves its crowd behind: until that is gone, for so many ms at most, less serves nothing. */
const CROWD_MS_MAX = 3_000

/** Does the backend serve less than before the guess, though no more are out? */
function isCrowdThere(arm: Arm, beforeGuess: Arm): boolean {
  return arm.ms < CROWD_MS_MAX && compare(beforeGuess, arm, 0) < -SIGMAS
}

/** The limit is no trial any more. */
function keep(state: HybridState, sample: Sample, reason = 'probe-kept'): Step {
  return hold({ ...state, trial: undefined }, sample, reason)
}

function takeBack(state: HybridState, from: Arm, sample: Sample): Step {
  return move({ ...state, tried: from, turnOverMs: turnEndMs(sample) }, from.limit, 'probe-failed')
}

/** A trial of more that brought nothing shows the ceiling. */
function takeBackMore(state: HybridState, from: Arm, sample: Sample): Step {
  return takeBack({ ...state, ...backendLimited(from.limit), moreFailed: true }, from, sample)
}

/** Leases that are not shorter than this share of what they were do not gain by being fewer. */
const SHORTER_RATIO = 0.9
/** Of the time of a pool whose backend has room, one part in so many more goes into trials of less. */
const TRIAL_PAUSE_RATIO = 32

/**
 * One of less in which leases took as long shows a backend that has room, and has only cost something: the next is put
 * off the longer, the longer it was. Where leases take far longer than unloaded that has to be certain, since chance
 * fails every third trial of a process that sees few of them.
 */
function takeBackLess(state: HybridState, from: Arm, sample: Sample): Step {
  const { arm } = state
  const isSure = !isSwamped(state) || compare(arm, from, 0) >= SIGMAS
  const isInVain = isSure && leaseMsMean(arm) > SHORTER_RATIO * leaseMsMean(from)
  const lessAtMs = isInVain ? sample.atMs + TRIAL_PAUSE_RATIO * arm.ms : 0
  return takeBack({ ...state, lessFailed: true, lessAtMs }, from, sample)
}

/** More than `ceiling` was tried in vain. What the pool began with is not given back unasked after that. */
function backendLimited(ceiling: number) {
  return { limitedBy: 'backend', ceiling, limitInitial: 0 } as const
}

/**
 * Nobody waits any more, so the trial cannot go on. More than was needed even now is taken back, lest each burst near
 * the peak of the backend leave the limit half as large again; what is in use is what has ended the pressure. Less is
 * taken back if it seems to have served less: else each burst would be the occasion for the next such trial.
 */
export function endTrial(state: HybridState, { of, from }: Trial, sample: Sample): Step {
  const { arm } = state
  if (of === 'less' && arm.ms > 0 && compare(arm, from, 0) > 0) return takeBackLess(state, from, sample)
  if (of === 'less' || sample.inUseMax > from.limit) return keep(state, sample, 'calm')
  return move(state, from.limit, 'probe-unneeded')
}
