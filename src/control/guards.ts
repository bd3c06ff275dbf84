import { isThenable } from '../base/at-once.ts'
import { clamp } from '../base/clamp.ts'
import { ignore } from '../base/ignore.ts'
import { readOptions, show } from '../base/options.ts'
import type { Sample } from '../measure/sample.ts'
import type { Decision } from '../pool/contract.ts'
import type { Controller } from './controller.ts'

/** Options of {@link withBounds}: integers, 1 <= limitMin <= limitMax. */
export interface Bounds {
  readonly limitMin: number
  readonly limitMax: number
}

/**
 * Makes every limit an integer within limitMin..limitMax. The control loop applies it to every controller, with the
 * pool's own bounds.
 *
 * @throws TypeError RangeError for bounds that are none, or what is no controller
 */
export function withBounds<S>(inner: Controller<S>, bounds: Bounds): Controller<S> {
  requireController('withBounds', inner)
  const read = readOptions('withBounds', bounds, {}, ['limitMin', 'limitMax'])
  const limitMin = read.count('limitMin', { min: 1 })
  const limitMax = read.count('limitMax', { min: limitMin })
  return {
    name: inner.name,
    isManual: inner.isManual,
    initial: inner.initial,
    step(state, sample) {
      const [next, decision] = stepOf(inner, state, sample)
      return [next, { ...decision, limit: clamp(Math.round(decision.limit), limitMin, limitMax) }]
    },
  }
}

/** Options of {@link withStepMax}. */
export interface StepMaxOptions {
  /** Most resources by which one step may raise the limit. Integer >= 1, or Infinity. @defaultValue Infinity */
  readonly raiseMax?: number
  /** Most resources by which one step may lower it. Integer >= 1, or Infinity. @defaultValue Infinity */
  readonly lowerMax?: number
}

/**
 * Bounds how far one step moves the limit.
 *
 * @throws TypeError RangeError for wrong options, or what is no controller
 */
export function withStepMax<S>(inner: Controller<S>, options: StepMaxOptions): Controller<S> {
  requireController('withStepMax', inner)
  const unlimited = Number.POSITIVE_INFINITY
  const read = readOptions('withStepMax', options, { raiseMax: unlimited, lowerMax: unlimited })
  const raiseMax = read.count('raiseMax', { min: 1, max: unlimited })
  const lowerMax = read.count('lowerMax', { min: 1, max: unlimited })
  return {
    name: inner.name,
    isManual: inner.isManual,
    initial: inner.initial,
    step(state, sample) {
      const [next, decision] = stepOf(inner, state, sample)
      return [next, { ...decision, limit: clamp(decision.limit, sample.limit - lowerMax, sample.limit + raiseMax) }]
    },
  }
}

/** Options of {@link withCooldown}. */
export interface CooldownOptions {
  /** How long after any move the limit may be raised, in ms. @defaultValue 0, since waiting callers cannot wait */
  readonly raiseAfterMs?: number
  /** How long after any move it may be lowered, in ms. @defaultValue 10_000, so that it does not flap */
  readonly lowerAfterMs?: number
}

/** State of {@link withCooldown}: the inner one, and when the limit last moved. */
export interface CooldownState<S> {
  readonly inner: S
  readonly movedAtMs?: number
}

/**
 * Holds the limit still for a while after each move.
 *
 * @throws TypeError RangeError for wrong options, or what is no controller
 */
export function withCooldown<S>(inner: Controller<S>, options: CooldownOptions = {}): Controller<CooldownState<S>> {
  requireController('withCooldown', inner)
  const read = readOptions('withCooldown', options, { raiseAfterMs: 0, lowerAfterMs: 10_000 })
  const raiseAfterMs = read.durationMs('raiseAfterMs')
  const lowerAfterMs = read.durationMs('lowerAfterMs')
  return {
    name: inner.name,
    isManual: inner.isManual,
    initial: { inner: inner.initial },
    step(state, sample) {
      const [next, decision] = stepOf(inner, state.inner, sample)
      if (decision.limit === sample.limit) return [{ ...state, inner: next }, decision]
      const afterMs = decision.limit > sample.limit ? raiseAfterMs : lowerAfterMs
      const isCool = state.movedAtMs === undefined || sample.atMs - state.movedAtMs >= afterMs
      if (isCool) return [{ inner: next, movedAtMs: sample.atMs }, decision]
      return [
        { ...state, inner: next },
        { ...decision, limit: sample.limit, reason: 'cooldown' },
      ]
    },
  }
}

/**
 * Decides, but does not act: the limit stays, and each decision says in `shadowLimit` what it would have been. To try
 * a controller on live traffic before trusting it.
 *
 * @throws TypeError for what is no controller
 */
export function shadow<S>(inner: Controller<S>): Controller<S> {
  requireController('shadow', inner)
  return {
    name: `shadow-${inner.name}`,
    isManual: true,
    initial: inner.initial,
    step(state, sample) {
      const [next, decision] = stepOf(inner, state, sample)
      const { liveMin: _, ...rest } = decision
      return [next, { ...rest, limit: sample.limit, shadowLimit: decision.limit }]
    },
  }
}

/** @throws TypeError for what has not the shape of a controller */
export function requireController(owner: string, given: unknown): asserts given is Controller {
  const { name, step, isManual = true } = (given ?? {}) as Partial<Record<keyof Controller, unknown>>
  const wrong = [
    typeof name !== 'string' && 'name',
    'initial' in Object(given) || 'initial',
    typeof step !== 'function' && 'step',
    typeof isManual !== 'boolean' && 'isManual',
  ].filter((part) => typeof part === 'string')
  if (wrong.length === 0) return
  const hint = typeof given === 'function' ? ': call it' : `; missing or wrong: ${wrong.join(', ')}`
  throw new TypeError(`${owner}: controller must be { name, initial, step, isManual? }, got ${show(given)}${hint}`)
}

/**
 * One step of a controller that somebody else has written. Its answer is checked here, by whatever is wrapped around
 * it: further out, what bounds, holds or keeps a limit would hide that there was none.
 *
 * @throws TypeError for what is no answer
 */
export function stepOf<S>(controller: Controller<S>, state: S, sample: Sample): readonly [S, Decision] {
  const answer = controller.step(state, sample)
  const decision: unknown = Array.isArray(answer) ? answer[1] : answer
  if (decision === answer || Object(decision) !== decision || isThenable(decision)) {
    Promise.resolve(decision).catch(ignore) // of an async step: what it rejects with must not end the process
    const got = decision === answer ? show(answer) : `[state, ${show(decision)}]`
    throw new TypeError(`controller ${controller.name}: step must answer [state, decision], got ${got}`)
  }
  requireDecision(controller.name, answer[1])
  return answer
}

function requireDecision(name: string, decision: Decision): void {
  if (typeof decision.limit !== 'number' || Number.isNaN(decision.limit)) {
    throw new TypeError(`controller ${name}: limit must be a number, got ${show(decision.limit)}`)
  }
  for (const key of ['liveMin', 'wakeInMs'] as const) {
    const given: unknown = decision[key]
    if (given === undefined || (typeof given === 'number' && given >= 0)) continue
    throw new TypeError(`controller ${name}: ${key} must be a number >= 0, got ${show(given)}`)
  }
  if (typeof decision.reason !== 'string') {
    throw new TypeError(`controller ${name}: reason must be a string, got ${show(decision.reason)}`)
  }
}

/** A ceiling on the limit, put up because the backend has refused a connection for having too many. */
export interface RefusalCut {
  readonly ceiling: number
  /** Until then the ceiling stays; then it creeps up. On the pool's clock, in ms. */
  readonly heldUntilMs: number
  readonly holdMs: number
}

/** State of {@link withRefusalCut}. */
export interface RefusalCutState<S> {
  readonly inner: S
  readonly cut?: RefusalCut | undefined
}

/** Long enough for whoever has taken our connections to be noticed, short beside the half hour of an outage. */
const HOLD_MS_FIRST = 5_000
/** A backend that is full for good is asked once a minute. */
const HOLD_MS_MAX = 60_000
/** The ceiling's growth per second once the hold is over: a ratio, and a number of resources where that is more. */
const CREEP_RATIO = 0.1
const CREEP_MIN = 1

/**
 * Cuts the limit below what is open as soon as the backend refuses a connection for having too many: each try more
 * would cost the backend a fork and our callers their deadline. The ceiling is held, then creeps up; refused again,
 * it is held twice as long. Leaves a controller that `isManual` alone.
 */
export function withRefusalCut<S>(inner: Controller<S>): Controller<RefusalCutState<S>> {
  return {
    name: inner.name,
    isManual: inner.isManual,
    initial: { inner: inner.initial },
    step(state, sample) {
      const [next, decision] = inner.step(state.inner, sample)
      const cut = inner.isManual ? undefined : nextCut(state.cut, sample)
      if (cut === undefined) return [{ inner: next }, decision]
      const limit = Math.max(1, Math.floor(cut.ceiling))
      const isBelow = decision.limit <= limit
      return [{ inner: next, cut }, isBelow ? decision : { ...decision, limit, reason: 'backend-refusing' }]
    },
  }
}

function nextCut(cut: RefusalCut | undefined, sample: Sample): RefusalCut | undefined {
  const open = sample.live - sample.creating
  const isHeld = cut !== undefined && sample.atMs < cut.heldUntilMs
  if (sample.createFailedRefusing > 0) {
    // While it is held, refusals are those of creates begun before the cut: they say nothing new. Only if resources
    // were lost since, and could not be had again, is the ceiling still too high.
    if (isHeld) return { ...cut, ceiling: Math.min(cut.ceiling, open) }
    const holdMs = cut === undefined ? HOLD_MS_FIRST : Math.min(2 * cut.holdMs, HOLD_MS_MAX)
    return { ceiling: open - 1, heldUntilMs: sample.atMs + holdMs, holdMs }
  }
  if (cut === undefined || isHeld) return cut
  const ceiling = cut.ceiling + Math.max(CREEP_MIN, CREEP_RATIO * cut.ceiling) * (sample.windowMs / 1000)
  return ceiling < sample.limitMax ? { ...cut, ceiling } : undefined
}
