// What must and must not compile, on the public surface. Never run: `tsc --noEmit` is the test.

import { expectTypeOf } from 'vitest'
import {
  adaptiveLifo,
  type Clock,
  type Controller,
  codel,
  createPool,
  type Decision,
  fifo,
  fixed,
  hybrid,
  type QueuePolicy,
  type Random,
  type Sample,
  seededRandom,
  shadow,
  withBounds,
  withCooldown,
  withStepMax,
} from '../../src/index.ts'

const factory = { create: () => ({}), destroy: () => {} }

// ---------------------------------------------------------------------------------------------- controllers

interface Memory {
  readonly calmWindows: number
}

const patient: Controller<Memory> = {
  name: 'patient',
  initial: { calmWindows: 0 },
  step({ calmWindows }, sample) {
    expectTypeOf(sample).toEqualTypeOf<Sample>()
    if (sample.waiters > 0) return [{ calmWindows: 0 }, { limit: sample.limit + 1, reason: 'waiters' }]
    return [{ calmWindows: calmWindows + 1 }, { limit: sample.limit, reason: 'calm' }]
  },
}

export function aControllerOfOnesOwnFitsEverywhere(): void {
  createPool({ ...factory, controller: patient })
  createPool({
    ...factory,
    controller: withCooldown(withStepMax(withBounds(patient, { limitMin: 1, limitMax: 5 }), {})),
  })
  createPool({ ...factory, controller: shadow(patient) })
  createPool({ ...factory, controller: fixed() })
  createPool({ ...factory, controller: hybrid() })
  createPool({
    ...factory,
    controller: { name: 'inline', initial: null, step: (state, { limit }) => [state, { limit, reason: 'stay' }] },
  })
}

export function wrongControllersDoNotCompile(): void {
  // @ts-expect-error the call is missing
  createPool({ ...factory, controller: hybrid })
  // @ts-expect-error a name is no controller
  createPool({ ...factory, controller: 'hybrid' })
  // @ts-expect-error no reason
  const mute: Controller<null> = { name: 'mute', initial: null, step: (state, s) => [state, { limit: s.limit }] }
  // @ts-expect-error no state
  const stateless: Controller<null> = { name: 'x', initial: null, step: (_, s) => ({ limit: s.limit, reason: 'x' }) }
  // @ts-expect-error another state than the initial one
  const torn: Controller<Memory> = { name: 'torn', initial: 5, step: patient.step }
  const decision: Decision = { limit: 5, reason: 'mine' }
  // @ts-expect-error decisions are read-only
  decision.limit = 6
  void [mute, stateless, torn]
}

// ---------------------------------------------------------------------------------------------- queue policies

const hasty: QueuePolicy = {
  name: 'hasty',
  start: ({ acquireTimeoutMs }) => ({
    order: (waitingMs) => (waitingMs > acquireTimeoutMs / 2 ? 'newest' : 'oldest'),
    admit: (waitMs) => (waitMs > acquireTimeoutMs / 3 ? 'shed' : 'grant'),
    emptied() {},
  }),
}

export function policiesAreChecked(): void {
  createPool({ ...factory, queue: hasty })
  createPool({ ...factory, queue: fifo() })
  createPool({ ...factory, queue: codel({ targetMs: 50, intervalMs: 500 }) })
  createPool({ ...factory, queue: adaptiveLifo({ intervalMs: 500 }) })
  // @ts-expect-error the call is missing
  createPool({ ...factory, queue: codel })
  // @ts-expect-error it looks at no target
  adaptiveLifo({ targetMs: 50 })
  // @ts-expect-error misspelt
  codel({ target: 50 })
  // @ts-expect-error neither oldest nor newest
  const odd: QueuePolicy = { name: 'odd', start: () => ({ order: () => 'random', admit: () => 'grant', emptied() {} }) }
  void odd
}

// ---------------------------------------------------------------------------------------------- time and chance

export function timeAndChanceCanBeBrought(): void {
  const clock: Clock = { nowMs: () => 0, startTimer: () => ({ cancel() {} }) }
  const random: Random = seededRandom(5)
  createPool({ ...factory, clock, random })
  // @ts-expect-error a function is no Random
  createPool({ ...factory, random: Math.random })
  // @ts-expect-error a Date is no Clock
  createPool({ ...factory, clock: Date })
}
