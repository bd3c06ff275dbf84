import { describe, expect, test } from 'vitest'
import type { Controller } from '../../../src/control/controller.ts'
import { fixed } from '../../../src/control/fixed.ts'
import {
  type Bounds,
  type CooldownOptions,
  type StepMaxOptions,
  shadow,
  withBounds,
  withCooldown,
  withRefusalCut,
  withStepMax,
} from '../../../src/control/guards.ts'
import type { Sample } from '../../../src/measure/sample.ts'
import { sampleOf } from '../../support/sample-of.ts'

/** Always says the same. */
function always(limit: number): Controller<null> {
  return { name: 'always', initial: null, step: (state) => [state, { limit, reason: 'so' }] }
}

/** Limits said to a row of windows, each in force in the next. */
function limitsOf<S>(controller: Controller<S>, windows: readonly Partial<Sample>[]): number[] {
  let state = controller.initial
  let limit = 10
  return windows.map((seen) => {
    const [next, decision] = controller.step(state, sampleOf({ limit, ...seen }))
    state = next
    limit = decision.limit
    return limit
  })
}

describe('withBounds', () => {
  test.each([
    [5.4, 5],
    [1, 4],
    [99, 8],
    [Number.NEGATIVE_INFINITY, 4],
  ])('makes %d of 4..8 a %d', (wanted, limit) => {
    const bounded = withBounds(always(wanted), { limitMin: 4, limitMax: 8 })
    expect(bounded.step(null, sampleOf({ limit: 6 }))[1]).toEqual({ limit, reason: 'so' })
  })

  test.each<[string, Bounds]>([
    ['limitMin must be an integer >= 1', { limitMin: 0, limitMax: 8 }],
    ['limitMax must be an integer >= 4', { limitMin: 4, limitMax: 3 }],
    ['limitMax must be an integer', { limitMin: 4, limitMax: Number.NaN }],
  ])('refuses bounds that are none: %s', (message, bounds) => {
    expect(() => withBounds(always(1), bounds)).toThrow(message)
  })
})

// Slipped through: only what is wrapped around a controller was tested with nonsense. shadow({}) failed in each window.
describe.each<[string, (inner: Controller) => unknown]>([
  ['withBounds', (inner) => withBounds(inner, { limitMin: 4, limitMax: 8 })],
  ['withStepMax', (inner) => withStepMax(inner, {})],
  ['withCooldown', (inner) => withCooldown(inner)],
  ['shadow', (inner) => shadow(inner)],
])('%s', (name, wrap) => {
  test.each<[string, unknown]>([
    ['undefined; missing or wrong: name, initial, step', undefined],
    ['an object; missing or wrong: name, initial, step', {}],
    ['a function fixed: call it', fixed],
    ['an object; missing or wrong: initial', { name: 'no-initial', step: () => {} }],
    ['an object; missing or wrong: step, isManual', { name: 'x', initial: 0, step: 5, isManual: 1 }],
  ])('refuses to wrap %s', (shown, inner) => {
    const message = `${name}: controller must be { name, initial, step, isManual? }, got ${shown}`
    expect(() => wrap(inner as Controller)).toThrow(new TypeError(message))
  })
})

describe('withStepMax', () => {
  test('bounds how far one step raises the limit, and how far it lowers it', () => {
    const steps = { raiseMax: 3, lowerMax: 2 }
    expect(limitsOf(withStepMax(always(100), steps), [{}, {}])).toEqual([13, 16])
    expect(limitsOf(withStepMax(always(1), steps), [{}, {}])).toEqual([8, 6])
  })

  test('what is left out is not bounded', () => {
    expect(limitsOf(withStepMax(always(100), {}), [{}])).toEqual([100])
  })

  test('refuses a step that is none', () => {
    expect(() => withStepMax(always(1), { raiseMax: 0 })).toThrow('raiseMax must be an integer >= 1')
    expect(() => withStepMax(always(1), { upMax: 3 } as StepMaxOptions)).toThrow('unknown option upMax')
  })
})

describe('withCooldown', () => {
  const swinging: Controller<null> = {
    name: 'swinging',
    initial: null,
    step: (state, { limit }) => [state, { limit: limit > 10 ? 10 : 20, reason: 'swing' }],
  }
  const eachSecond = [0, 1_000, 2_000, 3_000, 4_000].map((atMs) => ({ atMs }))

  test('a limit that has moved is lowered only after a while', () => {
    expect(limitsOf(withCooldown(swinging, { lowerAfterMs: 2_500 }), eachSecond)).toEqual([20, 20, 20, 10, 20])
  })

  test('it may be raised at once, unless told otherwise', () => {
    const slow = withCooldown(swinging, { raiseAfterMs: 2_000, lowerAfterMs: 0 })
    expect(limitsOf(slow, eachSecond)).toEqual([20, 10, 10, 20, 10])
  })

  // Slipped through, since every step that was tried moved the limit.
  test('a step that leaves the limit where it is puts off nothing', () => {
    const limits = [10, 10, 10, 5]
    const calm: Controller<number> = {
      name: 'calm',
      initial: 0,
      step: (steps) => [steps + 1, { limit: limits[steps] ?? 5, reason: 'so' }],
    }
    expect(limitsOf(withCooldown(calm), eachSecond)).toEqual([10, 10, 10, 5, 5])
  })

  test('says that it held the limit', () => {
    const held = withCooldown(swinging)
    const [state] = held.step(held.initial, sampleOf({ atMs: 0 }))
    expect(held.step(state, sampleOf({ atMs: 250, limit: 20 }))[1]).toEqual({ limit: 20, reason: 'cooldown' })
  })

  test('refuses a time that is none', () => {
    expect(() => withCooldown(swinging, { lowerAfterMs: -1 })).toThrow('lowerAfterMs must be a number of milliseconds')
    expect(() => withCooldown(swinging, { lowerMs: 1 } as CooldownOptions)).toThrow('unknown option lowerMs')
  })
})

describe('shadow', () => {
  test('says what the limit would have been, and leaves it', () => {
    const [, decision] = shadow(always(30)).step(null, sampleOf({ limit: 10 }))
    expect(decision).toEqual({ limit: 10, reason: 'so', shadowLimit: 30 })
  })

  test('is not even cut by refusals: the pool is still sized by hand', () => {
    const guarded = withRefusalCut(shadow(always(30)))
    expect(limitsOf(guarded, [{ live: 8, createFailedRefusing: 1 }])).toEqual([10])
  })
})

describe('withRefusalCut', () => {
  const REFUSED = { live: 9, creating: 1, createFailedRefusing: 1 }

  /** One window a second, from second 0 on. */
  function seconds(count: number, seen: Readonly<Record<number, Partial<Sample>>>): Partial<Sample>[] {
    const from = (second: number): Partial<Sample> => seen[second] ?? {}
    return Array.from({ length: count }, (_, second) => ({ atMs: second * 1_000, windowMs: 1_000, ...from(second) }))
  }

  test('cuts the limit to one below what is open, and says why', () => {
    const guarded = withRefusalCut(always(20))
    const [, decision] = guarded.step(guarded.initial, sampleOf({ limit: 20, ...REFUSED }))
    expect(decision).toEqual({ limit: 7, reason: 'backend-refusing' })
  })

  test('leaves a limit alone that is below anyway', () => {
    const guarded = withRefusalCut(always(5))
    expect(guarded.step(guarded.initial, sampleOf(REFUSED))[1]).toEqual({ limit: 5, reason: 'so' })
  })

  test('holds the cut for five seconds, then lets the limit creep up by a tenth a second, at least by one', () => {
    expect(limitsOf(withRefusalCut(always(20)), seconds(9, { 0: REFUSED }))).toEqual([7, 7, 7, 7, 7, 8, 9, 10, 11])
  })

  test('is over when the ceiling has reached limitMax', () => {
    const guarded = withRefusalCut(always(20))
    const windows = seconds(40, { 0: { ...REFUSED, limitMax: 12 } }).map((seen) => ({ limitMax: 12, ...seen }))
    expect(limitsOf(guarded, windows).at(-1)).toBe(20)
  })

  test('refused again while it creeps, it is held twice as long', () => {
    const again = { 0: REFUSED, 6: { live: 8, createFailedRefusing: 1 } }
    expect(limitsOf(withRefusalCut(always(20)), seconds(18, again)).slice(5)).toEqual([
      8, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 8, 9,
    ])
  })

  test('refused whenever it creeps, it is held for a minute at most; once it was over, for five seconds again', () => {
    const guarded = withRefusalCut(always(100))
    let state = guarded.initial
    let nowMs = 0
    const limitNow = (seen: Partial<Sample> = {}): number => {
      nowMs += 1_000
      const [next, { limit }] = guarded.step(state, sampleOf({ atMs: nowMs, windowMs: 1_000, ...seen }))
      state = next
      return limit
    }
    /** For how many seconds one refusal cuts the limit to 7. */
    const heldFor = (): number => {
      let seconds = 0
      for (let limit = limitNow({ live: 8, createFailedRefusing: 1 }); limit === 7; limit = limitNow()) seconds += 1
      return seconds
    }
    expect([1, 2, 3, 4, 5, 6].map(heldFor)).toEqual([5, 10, 20, 40, 60, 60])
    while (limitNow() < 100);
    expect(heldFor()).toBe(5)
  })

  test('creates begun before the cut may still be refused: that cuts no deeper', () => {
    const stragglers = { 0: REFUSED, 1: { live: 8, createFailedRefusing: 3 } }
    expect(limitsOf(withRefusalCut(always(20)), seconds(3, stragglers))).toEqual([7, 7, 7])
  })

  test('unless resources were lost meanwhile, and could not be had again', () => {
    const lost = { 0: REFUSED, 1: { live: 4, createFailedRefusing: 1 } }
    expect(limitsOf(withRefusalCut(always(20)), seconds(3, lost))).toEqual([7, 4, 4])
  })

  test('never cuts below 1', () => {
    expect(limitsOf(withRefusalCut(always(20)), seconds(2, { 0: { live: 0, createFailedRefusing: 1 } }))).toEqual([
      1, 1,
    ])
  })

  test('leaves a pool alone that was sized by hand', () => {
    expect(limitsOf(withRefusalCut(fixed()), [REFUSED])).toEqual([10])
  })
})

test('every wrapper keeps the name of what it wraps, so that decisions are labelled by it; shadow says that it is one', () => {
  const inner = always(1)
  const wrapped = [withBounds(inner, { limitMin: 1, limitMax: 2 }), withStepMax(inner, {}), withCooldown(inner)]
  expect(wrapped.map(({ name }) => name)).toEqual(['always', 'always', 'always'])
  expect(shadow(inner).name).toBe('shadow-always')
})

test('wrappers work on controllers that are instances of a class', () => {
  class Always implements Controller<null> {
    readonly initial = null
    get name(): string {
      return 'mine'
    }
    step(state: null): readonly [null, { limit: number; reason: string }] {
      return [state, { limit: 99, reason: this.name }]
    }
  }
  const bounded = withBounds(new Always(), { limitMin: 1, limitMax: 20 })
  expect(bounded.name).toBe('mine')
  expect(bounded.step(null, sampleOf({}))[1]).toEqual({ limit: 20, reason: 'mine' })
})
