import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { Timer } from '../../../src/base/clock.ts'
import { settled, VirtualClock } from '../../../src/sim/virtual-clock.ts'

test('a timer fires at its own time, and time ends where it was told to', async () => {
  const clock = new VirtualClock()
  const firedAtMs: number[] = []
  clock.startTimer(30, () => firedAtMs.push(clock.nowMs()))
  clock.startTimer(10, () => firedAtMs.push(clock.nowMs()))
  await clock.advance(29)
  expect(firedAtMs).toEqual([10])
  expect(clock.nowMs()).toBe(29)
  await clock.advance(1)
  expect(firedAtMs).toEqual([10, 30])
})

test('timers of one moment fire in the order in which they were started, also those started while they fire', async () => {
  const clock = new VirtualClock()
  const fired: string[] = []
  clock.startTimer(5, () => {
    fired.push('a')
    clock.startTimer(0, () => fired.push('c'))
  })
  clock.startTimer(5, () => fired.push('b'))
  await clock.advance(5)
  expect(fired).toEqual(['a', 'b', 'c'])
})

test('cancelling is harmless twice, after the timer has fired, and while it fires', async () => {
  const clock = new VirtualClock()
  let fired = 0
  const timer: Timer = clock.startTimer(1, () => {
    fired += 1
    timer.cancel()
  })
  const cancelled = clock.startTimer(1, () => {
    fired += 1
  })
  cancelled.cancel()
  cancelled.cancel()
  expect(clock.timerCount).toBe(1)
  await clock.advance(1)
  timer.cancel()
  expect(fired).toBe(1)
  expect(clock.timerCount).toBe(0)
  expect(clock.nextTimerAtMs).toBeUndefined()
})

// Slipped through, since our own tests count right: NaN fired every timer, a text was appended to the time.
test.each<[unknown, string]>([
  [Number.NaN, 'got NaN'],
  ['100', "got '100'"],
  [undefined, 'got undefined'],
  [-5, '>= 0, got -5'],
  [Number.POSITIVE_INFINITY, 'got Infinity'],
])('time does not pass by %s', (ms, message) => {
  const clock = new VirtualClock()
  expect(() => clock.advance(ms as number)).toThrow(message)
  expect(() => clock.leap(ms as number)).toThrow(message)
  if (ms !== -5) expect(() => clock.advanceTo(ms as number)).toThrow(message)
  if (ms !== -5 && ms !== undefined) expect(() => new VirtualClock(ms as number)).toThrow(message)
  expect(clock.nowMs()).toBe(0)
})

test('a timer may cancel another that is due at the same moment', async () => {
  const clock = new VirtualClock()
  let fired = 0
  const timers: Timer[] = []
  const fire = (): void => {
    fired += 1
    for (const timer of timers) timer.cancel()
  }
  timers.push(clock.startTimer(1, fire), clock.startTimer(1, fire))
  await clock.advance(2)
  expect(fired).toBe(1)
})

test('after a leap what is overdue fires late, at the time it has become', async () => {
  const clock = new VirtualClock(100)
  const firedAtMs: number[] = []
  clock.startTimer(10, () => firedAtMs.push(clock.nowMs()))
  clock.startTimer(60, () => firedAtMs.push(clock.nowMs()))
  clock.leap(50)
  expect(firedAtMs).toEqual([])
  await clock.advance(0)
  expect(firedAtMs).toEqual([150])
  await clock.advance(10)
  expect(firedAtMs).toEqual([150, 160])
})

test('promises settle before the next timer fires, however long their chain', async () => {
  const clock = new VirtualClock()
  const order: string[] = []
  clock.startTimer(1, () => {
    let chain = Promise.resolve()
    for (let i = 0; i < 50; i++) chain = chain.then(() => {})
    void chain.then(() => order.push('chain'))
  })
  clock.startTimer(1, () => order.push('timer'))
  await clock.advance(1)
  expect(order).toEqual(['chain', 'timer'])
})

test('promises settle before the first timer fires and after the last', async () => {
  const clock = new VirtualClock()
  const order: string[] = []
  const say = (word: string): Promise<number> => Promise.resolve().then(() => order.push(word))
  clock.startTimer(1, () => void say('fired'))
  void say('before')
  await clock.advance(1)
  expect(order).toEqual(['before', 'fired'])
})

test('settled() waits for chains of promises, and for no timer', async () => {
  const clock = new VirtualClock()
  let steps = 0
  clock.startTimer(0, () => expect.unreachable())
  const walk = async (): Promise<void> => {
    for (; steps < 100; steps++) await undefined
  }
  void walk()
  await settled()
  expect(steps).toBe(100)
})

test('an error in a timer rejects advance() and leaves time where it happened', async () => {
  const clock = new VirtualClock()
  clock.startTimer(5, () => {
    throw new Error('boom')
  })
  await expect(clock.advance(10)).rejects.toThrow('boom')
  expect(clock.nowMs()).toBe(5)
})

test('thousands of timers in a row leave the event loop its turn', async () => {
  const clock = new VirtualClock()
  let turns = 0
  let isOver = false
  const turn = (): void => {
    turns += 1
    if (!isOver) setImmediate(turn)
  }
  setImmediate(turn)
  for (let i = 0; i < 10_000; i++) clock.startTimer(i, () => {})
  await clock.advance(10_000)
  isOver = true
  expect(turns).toBeGreaterThanOrEqual(4)
})

test('a delay that would misfire on the system clock is refused', () => {
  expect(() => new VirtualClock().startTimer(2 ** 31, () => {})).toThrow('timer of 2147483648 ms')
})

interface ModelTimer {
  readonly atMs: number
  readonly id: number
  isOver: boolean
}

/** What a timer does when it fires: start another, cancel one, or neither. */
const anyAct = fc.record({ startDelayMs: fc.option(fc.integer({ min: -1, max: 4 })), cancelId: fc.option(fc.nat(40)) })
const anyStep = fc.oneof(
  fc.record({ startDelayMs: fc.integer({ min: -1, max: 9 }) }),
  fc.record({ cancelId: fc.nat(40) }),
  fc.record({ advanceMs: fc.integer({ min: 0, max: 12 }) }),
  fc.record({ leapMs: fc.integer({ min: 0, max: 12 }) }),
)

test('fires what a plain list of timers would, in its order and at its times', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(anyStep, { maxLength: 40 }), fc.array(anyAct, { maxLength: 15 }), async (steps, acts) => {
      const real = realTimers(acts)
      const model = modelTimers(acts)
      for (const step of steps) {
        for (const side of [real, model]) {
          if ('startDelayMs' in step) side.start(step.startDelayMs)
          else if ('cancelId' in step) side.cancel(step.cancelId)
          else if ('leapMs' in step) side.leap(step.leapMs)
          else await side.advance(step.advanceMs)
        }
        expect(real.seen()).toEqual(model.seen())
      }
    }),
  )
})

type Act = { readonly startDelayMs: number | null; readonly cancelId: number | null }

function realTimers(acts: readonly Act[]) {
  const clock = new VirtualClock()
  const timers: Timer[] = []
  const log: string[] = []
  const side = {
    start(delayMs: number) {
      const id = timers.length
      timers.push(clock.startTimer(delayMs, () => fire(id)))
    },
    cancel: (id: number) => timers[id]?.cancel(),
    leap: (byMs: number) => clock.leap(byMs),
    advance: (byMs: number) => clock.advance(byMs),
    seen: () => ({ log, nowMs: clock.nowMs(), count: clock.timerCount, nextAtMs: clock.nextTimerAtMs }),
  }
  const fire = (id: number): void => {
    log.push(`${id} at ${clock.nowMs()}`)
    act(acts[id], side)
  }
  return side
}

function modelTimers(acts: readonly Act[]) {
  const timers: ModelTimer[] = []
  const log: string[] = []
  let nowMs = 0
  const next = (): ModelTimer | undefined =>
    timers.filter((timer) => !timer.isOver).sort((a, b) => a.atMs - b.atMs || a.id - b.id)[0]
  const side = {
    start: (delayMs: number) =>
      void timers.push({ atMs: nowMs + Math.max(0, delayMs), id: timers.length, isOver: false }),
    cancel(id: number) {
      const timer = timers[id]
      if (timer !== undefined) timer.isOver = true
    },
    leap(byMs: number) {
      nowMs += byMs
    },
    async advance(byMs: number) {
      const untilMs = nowMs + byMs
      for (let timer = next(); timer !== undefined && timer.atMs <= untilMs; timer = next()) {
        timer.isOver = true
        nowMs = Math.max(nowMs, timer.atMs)
        log.push(`${timer.id} at ${nowMs}`)
        act(acts[timer.id], side)
      }
      nowMs = Math.max(nowMs, untilMs)
    },
    seen: () => ({ log, nowMs, count: timers.filter((timer) => !timer.isOver).length, nextAtMs: next()?.atMs }),
  }
  return side
}

function act(what: Act | undefined, side: { start(delayMs: number): void; cancel(id: number): void }): void {
  if (what === undefined) return
  if (what.startDelayMs !== null) side.start(what.startDelayMs)
  if (what.cancelId !== null) side.cancel(what.cancelId)
}
