import { setTimeout as sleep } from 'node:timers/promises'
import type pg from 'pg'

/** What has become of the requests of a load. */
export interface LoadTally {
  readonly served: number
  readonly failed: number
  /** Requests without an answer yet. */
  readonly open: number
  /** When the last one was served, on the process's clock, in ms. */
  readonly servedAtMs: number
  /** How often each failure was seen, by code, else by message. */
  readonly failures: Readonly<Record<string, number>>
}

/**
 * Keeps `callers` busy with a pool, half of them by query, half by connect, until stopped. After a failure a caller
 * rests for a moment, as a service under a retry budget would.
 */
export function startLoad(pool: pg.Pool, callers: number, sql: string) {
  const tally = { served: 0, failed: 0, open: 0, servedAtMs: 0, failures: {} as Record<string, number> }
  let isOver = false

  const byQuery = () => pool.query(sql)
  const byConnect = async () => {
    const client = await pool.connect()
    try {
      await client.query(sql)
    } catch (error) {
      client.release(error as Error)
      throw error
    }
    client.release()
  }
  const caller = async (work: () => Promise<unknown>) => {
    while (!isOver) {
      tally.open += 1
      try {
        await work()
        tally.served += 1
        tally.servedAtMs = performance.now()
      } catch (error) {
        const { code, message } = error as { code?: string; message: string }
        const key = code ?? message
        tally.failures[key] = (tally.failures[key] ?? 0) + 1
        tally.failed += 1
        await sleep(5)
      } finally {
        tally.open -= 1
      }
    }
  }
  const all = Promise.all(Array.from({ length: callers }, (_, i) => caller(i % 2 === 0 ? byQuery : byConnect)))
  return {
    tally: tally as LoadTally,
    /** Resolves when every request has been answered. */
    stop: async (): Promise<void> => {
      isOver = true
      await all
    },
  }
}
