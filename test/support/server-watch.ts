import { setTimeout as sleep } from 'node:timers/promises'
import type { AdoptedPool } from '../../src/adopted-pool.ts'
import type { Account } from './accounts.ts'
import { until } from './until.ts'

/** Between two counts: the server is there for the load, not for being counted. */
const PAUSE_MS = 10

/**
 * Counts a pool's connections at the server, again and again, beside what the engine allows: the limit, or what is
 * still there above it because it is leased or being closed. Of the allowance, the most there was since the last count:
 * a server closes the socket first, and takes the connection off its list a moment later.
 */
export function watchServer(account: Account, control: AdoptedPool) {
  const overruns: { readonly counted: number; readonly allowed: number }[] = []
  let isWatching = true
  let taken = 0
  let allowed = 0
  const allow = (): void => {
    const { limit, size } = control.counts()
    allowed = Math.max(allowed, limit, size)
  }
  for (const event of ['limitChanged', 'created', 'destroyed', 'released'] as const) control.on(event, allow)
  const watching = (async () => {
    allow()
    while (isWatching) {
      const counted = await account.connections()
      allow()
      if (counted > allowed) overruns.push({ counted, allowed })
      allowed = 0
      allow()
      taken += 1
      await sleep(PAUSE_MS)
    }
  })()
  return {
    samples(more: number): Promise<void> {
      const enough = taken + more
      return until(() => taken >= enough)
    },
    async stop() {
      isWatching = false
      await watching
      return overruns
    },
  }
}
