import { type Extreme, NO_EXTREME } from '../measure/extreme.ts'
import type { Sample } from '../measure/sample.ts'
import { type ForecastState, NO_FORECAST } from '../measure/season.ts'
import type { Decision } from '../pool/contract.ts'
import { type Arm, newArm } from './arm.ts'
import { type ArrivalRate, type LeaseTimes, NO_ARRIVALS, NO_LEASES } from './demand.ts'

/** The limit in force is on trial. */
export interface Trial {
  /** Of more or fewer resources than before; or of what demand asked for while that was a guess. */
  readonly of: 'more' | 'less' | 'guess'
  /** What it is to be compared with: what the limit before it served, or, of a guess, was expected to. */
  readonly from: Arm
  /** A guess is being taken back: what the limit before that was expected to serve. */
  readonly beforeGuess?: Arm | undefined
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
  /** What is being measured at the limit in force. */
  readonly arm: Arm
  /** What that limit is tried for; undefined: it is no trial. */
  readonly trial?: Trial | undefined
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
export const UNTRIED = { moreFailed: false, lessFailed: false, hasDoubted: false, lessAtMs: 0, turnOverMs: 0 } as const

export const INITIAL: HybridState = {
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

export type Step = readonly [HybridState, Decision]

/** So long, in ms, what is slow beside creates may be slow because of them: a connect costs as much as many queries. */
export const FILLING_MS_MAX = 1_000

export function hold(state: HybridState, sample: Sample, reason: string): Step {
  return [state, { limit: sample.limit, reason, limitedBy: state.limitedBy }]
}

/** @param trial what the limit is tried for; undefined: it is no trial */
export function move(state: HybridState, limit: number, reason: string, trial?: Trial): Step {
  const arm = newArm(limit, state.leases.recentMs)
  return [
    { ...state, silentMsMoved: state.silentMs, arm, trial },
    { limit, reason, limitedBy: state.limitedBy },
  ]
}
