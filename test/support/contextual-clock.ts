import { AsyncResource } from 'node:async_hooks'
import type { Clock, Timer } from '../../src/base/clock.ts'

/** A clock whose timers fire in the async context in which they were started, as node's do; virtual ones do not. */
export function contextualClock(clock: Clock): Clock {
  return {
    nowMs: () => clock.nowMs(),
    startTimer(delayMs: number, fire: () => void, background?: boolean): Timer {
      const context = new AsyncResource('Timer', { requireManualDestroy: true })
      return clock.startTimer(delayMs, () => context.runInAsyncScope(fire), background)
    },
  }
}
