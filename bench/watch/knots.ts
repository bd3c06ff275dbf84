import { createPool } from '../../src/index.ts'
import { VirtualClock } from '../../src/sim/virtual-clock.ts'
import type { Warning } from '../../src/watch/warning.ts'

/** Callers that hold a lease and ask for another, under virtual time but with real promises and contexts. */
export interface KnotVariant {
  readonly name: string
  readonly limit: number
  readonly callers: number
  /** Between the first lease and the second request, in ms. */
  readonly pauseMs: number
}

export const KNOTS: readonly KnotVariant[] = [
  { name: 'four at once on four', limit: 4, callers: 4, pauseMs: 0 },
  { name: 'ten at once on ten, after some work', limit: 10, callers: 10, pauseMs: 5 },
  { name: 'thirty on ten', limit: 10, callers: 30, pauseMs: 20 },
  { name: 'one on one', limit: 1, callers: 1, pauseMs: 0 },
]

export async function runKnot({
  limit,
  callers,
  pauseMs,
}: KnotVariant): Promise<{ told: readonly Warning[]; afterMs?: number }> {
  const clock = new VirtualClock()
  const pool = createPool({
    create: () => ({}),
    destroy: () => {},
    limitMin: 1,
    limitMax: limit,
    limitInitial: limit,
    warmUp: limit,
    acquireTimeoutMs: 2_000,
    clock,
    watch: { callSitesPerSecond: 1_000 },
  })
  const told: { warning: Warning; atMs: number }[] = []
  pool.on('warning', (warning) => told.push({ warning, atMs: clock.nowMs() }))
  await clock.advance(1)
  const handler = async () => {
    const first = await pool.acquire()
    try {
      if (pauseMs > 0) await new Promise<void>((resolve) => clock.startTimer(pauseMs, resolve))
      const second = await pool.acquire()
      second.release()
    } finally {
      first.release()
    }
  }
  const all = Array.from({ length: callers }, () => handler().catch(() => {}))
  await clock.advance(1_000)
  const [first] = told
  const seen = told.map(({ warning }) => warning)
  await clock.advance(60_000)
  await Promise.all(all)
  return first === undefined ? { told: seen } : { told: seen, afterMs: first.atMs - 1 - pauseMs }
}
