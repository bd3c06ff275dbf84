import type { Clock } from '../../src/base/clock.ts'

/** Resolves when so many ms have passed on that clock. */
export function sleep(clock: Clock, ms: number): Promise<void> {
  return new Promise((resolve) => void clock.startTimer(ms, resolve))
}
