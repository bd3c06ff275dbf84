import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { InvariantViolation } from '../../../src/base/assert.ts'
import { systemClock, TIMER_DELAY_MS_MAX } from '../../../src/base/clock.ts'

beforeEach(() => {
  vi.useFakeTimers()
})

afterEach(() => {
  vi.useRealTimers()
})

test('a timer fires once, when its delay has passed', () => {
  const fire = vi.fn()
  systemClock.startTimer(20, fire)
  vi.advanceTimersByTime(19)
  expect(fire).not.toHaveBeenCalled()
  vi.advanceTimersByTime(100)
  expect(fire).toHaveBeenCalledOnce()
})

test('a cancelled timer does not fire, and cancelling it again is harmless', () => {
  const fire = vi.fn()
  const timer = systemClock.startTimer(20, fire)
  timer.cancel()
  timer.cancel()
  vi.advanceTimersByTime(100)
  expect(fire).not.toHaveBeenCalled()
})

test('the longest delay that node can keep is accepted, and a longer one refused, since it would fire at once', () => {
  const fire = vi.fn()
  systemClock.startTimer(TIMER_DELAY_MS_MAX, fire).cancel()
  expect(() => systemClock.startTimer(TIMER_DELAY_MS_MAX + 1, fire)).toThrow(InvariantViolation)
  expect(() => systemClock.startTimer(Number.POSITIVE_INFINITY, fire)).toThrow(InvariantViolation)
})

test('a background timer does not keep the process alive, any other does', () => {
  const started: NodeJS.Timeout[] = []
  const setTimeoutOfVitest = globalThis.setTimeout
  vi.spyOn(globalThis, 'setTimeout').mockImplementation(((fire: () => void, delayMs: number) => {
    const handle = setTimeoutOfVitest(fire, delayMs)
    started.push(handle)
    return handle
  }) as typeof setTimeout)
  systemClock.startTimer(20, () => {})
  systemClock.startTimer(20, () => {}, true)
  expect(started.map((handle) => handle.hasRef())).toEqual([true, false])
  vi.restoreAllMocks()
})

test('time goes forward, in milliseconds', () => {
  const beforeMs = systemClock.nowMs()
  vi.advanceTimersByTime(30)
  expect(systemClock.nowMs() - beforeMs).toBe(30)
})
