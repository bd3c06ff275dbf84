import { seededRandom } from '../../src/base/random.ts'
import { type CreatePoolOptions, createPool } from '../../src/create-pool.ts'
import type { Backend, Connection } from '../../src/sim/backend.ts'
import { VirtualClock } from '../../src/sim/virtual-clock.ts'
import { poisson } from '../../src/sim/workload.ts'

/** Processes that share a backend, a pool in each, and know nothing of one another. */
export interface SeveralProcesses {
  readonly processes: number
  readonly backend: Backend
  /** Requests per second of all of them together; each comes to one of them by chance. */
  readonly ratePerSecond: (atMs: number) => number
  readonly durationMs: number
  readonly seed: number
  readonly pool: Pick<CreatePoolOptions<Connection>, 'controller' | 'limitInitial' | 'limitMin' | 'limitMax'>
  /** How far their wall clocks are apart at most, in ms. @defaultValue 0 */
  readonly skewMs?: number
}

/** A request is served in time if it is answered so soon after it arrived, in ms. */
const IN_TIME_MS = 500

/** The share of the requests that are served in time, from `fromMs` on. */
export async function servedInTime(all: SeveralProcesses, fromMs: number): Promise<number> {
  const { processes, ratePerSecond, durationMs, seed, pool: options, skewMs = 0 } = all
  const clock = new VirtualClock()
  const demand = seededRandom(seed)
  const backend = all.backend.start(clock, seededRandom(~seed))
  const pools = Array.from({ length: processes }, (_, at) =>
    createPool<Connection>({
      acquireTimeoutMs: 1_000,
      limitMin: 1,
      watch: false,
      ...options,
      create: ({ signal }) => backend.connect(signal),
      destroy: (connection) => backend.disconnect(connection),
      clock: withWallClock(clock, (skewMs * at) / processes),
      random: seededRandom(seed + at),
    }),
  )
  const tally = { arrived: 0, inTime: 0 }
  const request = async (atMs: number): Promise<void> => {
    const counts = atMs >= fromMs ? 1 : 0
    tally.arrived += counts
    const job = backend.drawJob(demand)
    const lease = await pools[Math.floor(demand.next() * processes)]?.acquire()
    if (lease === undefined) return
    const error = await new Promise<Error | undefined>((resolve) => backend.serve(lease.resource, job, resolve))
    lease.release()
    if (error === undefined && clock.nowMs() - atMs <= IN_TIME_MS) tally.inTime += counts
  }
  const arrivals = poisson(ratePerSecond).start(demand, durationMs)
  const arrive = (): void => {
    const nowMs = clock.nowMs()
    if (nowMs > 0) request(nowMs).catch(() => {}) // refused: not in time
    const nextAtMs = arrivals.nextAtMs()
    if (nextAtMs < Number.POSITIVE_INFINITY) clock.startTimer(nextAtMs - nowMs, arrive)
  }
  arrive()
  await clock.advance(durationMs + IN_TIME_MS)
  const ends = pools.map((pool) => pool.drain({ timeoutMs: 1 }))
  await clock.advance(1_000)
  await Promise.allSettled(ends)
  return tally.inTime / tally.arrived
}

function withWallClock(clock: VirtualClock, aheadMs: number) {
  return {
    nowMs: () => clock.nowMs(),
    startTimer: (delayMs: number, fire: () => void) => clock.startTimer(delayMs, fire),
    epochMs: () => clock.epochMs() + aheadMs,
  }
}
