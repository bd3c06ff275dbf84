import type pg from 'pg'
import { type AdoptedPool, type Clock, seededRandom, type Timer } from '../index.ts'
import { poisson } from '../sim/index.ts'
import { type OpenLoopEnd, offerLoad } from './open-loop.ts'
import { newRunRecord, type Phase, type RunRecord } from './run-record.ts'

/** What the load asks of the database: 20 ms of waiting, as for a lock or a disk; it costs the database nothing. */
export const LOAD_QUERY = 'select pg_sleep(0.02)'

/** How long the static pool, and hence the adopted one, lets a caller wait for a connection, in ms. */
export const ACQUIRE_TIMEOUT_MS = 1_000

/** One run: the same load for whichever pool. */
export interface DemoRunOptions {
  readonly driver: typeof pg
  readonly url: string
  readonly clock: Clock
  readonly phases: readonly Phase[]
  readonly seed: number
  /** `max` of the pg.Pool. */
  readonly poolMax: number
  /** Adopts the pool before the load begins; absent: the pool stays as it is. */
  readonly adopt?: (pool: pg.Pool) => AdoptedPool
  /** Called every FRAME_MS with what has been seen so far. */
  onFrame?(record: RunRecord, elapsedMs: number): void
}

/** What a run leaves behind. */
export interface DemoRunEnd {
  readonly record: RunRecord
  readonly end: OpenLoopEnd
}

const FRAME_MS = 100
const GAUGE_MS = 50
const OBSERVE_MS = 100
const SETTLE_MS = 3_000 // a caller waits one second for a connection at most, then for 20 ms of query

/**
 * Offers the load to one pg.Pool over the server, watches pool and server meanwhile, and closes the pool.
 *
 * @throws what the driver throws when the server cannot be reached
 */
export async function runDemo(options: DemoRunOptions): Promise<DemoRunEnd> {
  const { driver, clock, phases } = options
  const observer = await observeServer(options)
  const pool = new driver.Pool({
    connectionString: options.url,
    application_name: observer.poolName,
    max: options.poolMax,
    connectionTimeoutMillis: ACQUIRE_TIMEOUT_MS,
  })
  pool.on('error', () => {}) // an idle client died; without a listener that would end the process
  const adopted = options.adopt?.(pool)
  const record = newRunRecord()
  const durationMs = phases.reduce((sum, phase) => sum + phase.durationMs, 0)

  const startedAtMs = clock.nowMs()
  const elapsedMs = (): number => clock.nowMs() - startedAtMs
  if (adopted) recordWhatItSays(adopted, record, elapsedMs)
  const watches = [
    every(clock, GAUGE_MS, () => record.gauges.push({ atMs: elapsedMs(), ...gaugeOf(pool, adopted) })),
    every(clock, FRAME_MS, () => options.onFrame?.(record, elapsedMs())),
    every(clock, OBSERVE_MS, async () => record.observations.push({ atMs: elapsedMs(), ...(await observer.look()) })),
  ]
  const end = await offerLoad({
    clock,
    arrivals: poisson((atMs) => rateAt(phases, atMs)).start(seededRandom(options.seed), durationMs),
    durationMs,
    settleMs: SETTLE_MS,
    work: () => pool.query(LOAD_QUERY),
    onArrival: (atMs) => record.arrivalsAtMs.push(atMs),
    onAnswer: (answer) => record.answers.push(answer),
  })
  for (const stop of watches) await stop()
  await pool.end()
  await observer.close()
  return { record, end }
}

/** The rate of the phase that `atMs` falls into, per second; 0 after the last. */
function rateAt(phases: readonly Phase[], atMs: number): number {
  let endsAtMs = 0
  for (const phase of phases) {
    endsAtMs += phase.durationMs
    if (atMs < endsAtMs) return phase.ratePerSecond
  }
  return 0
}

function gaugeOf(pool: pg.Pool, adopted: AdoptedPool | undefined) {
  if (adopted === undefined) {
    return { limit: pool.options.max, inUse: pool.totalCount - pool.idleCount, waiting: pool.waitingCount }
  }
  const { limit, inUse, waiters } = adopted.counts()
  return { limit, inUse, waiting: waiters }
}

function recordWhatItSays(adopted: AdoptedPool, record: RunRecord, elapsedMs: () => number): void {
  adopted.on('warning', ({ kind, severity, message }) => {
    record.said.push({ atMs: elapsedMs(), event: 'warning', kind, severity, message })
  })
  adopted.on('exhausted', ({ cause, forMs, counts }) => {
    const since = `Callers have waited without a break for ${Math.round(forMs)} ms (${cause})`
    const message = `${since}; ${counts.waiters} wait now.`
    record.said.push({ atMs: elapsedMs(), event: 'exhausted', kind: 'exhausted', severity: 'critical', message })
  })
  adopted.on('recovered', ({ exhaustedMs }) => {
    const message = `The shortage is over; it lasted ${Math.round(exhaustedMs)} ms.`
    record.said.push({ atMs: elapsedMs(), event: 'recovered', kind: 'recovered', severity: 'info', message })
  })
  adopted.on('limitChanged', ({ from, to, reason }) => {
    record.limitMoves.push({ atMs: elapsedMs(), from, to, reason })
  })
}

/** Calls `act` over and over, `periodMs` after it has ended, until it fails. Stopping waits for a call under way. */
function every(clock: Clock, periodMs: number, act: () => unknown): () => Promise<void> {
  let isStopped = false
  let underWay: Promise<void> = Promise.resolve()
  const turn = async (): Promise<void> => {
    try {
      await act()
    } catch {
      return // the server is gone: the load itself tells that story
    }
    if (!isStopped) rest()
  }
  let timer: Timer | undefined
  const rest = (): void => {
    timer = clock.startTimer(periodMs, () => {
      underWay = turn()
    })
  }
  rest()
  return () => {
    isStopped = true
    timer?.cancel()
    return underWay
  }
}

interface ServerObserver {
  /** The application_name by which the server counts the connections of the pool. */
  readonly poolName: string
  look(): Promise<{ readonly connections: number; readonly queryMs: number }>
  close(): Promise<void>
}

let observerCount = 0

/** A connection past the pool: counts the pool's connections where they cost something, and tells how the server is. */
async function observeServer({ driver, url, clock }: DemoRunOptions): Promise<ServerObserver> {
  observerCount += 1
  const poolName = `adaptive-pool demo ${process.pid}/${observerCount}` // each run counts its own connections only
  const client = new driver.Client({ connectionString: url, application_name: `${poolName} observer` })
  client.on('error', () => {}) // the queries under way fail, too
  await client.connect()
  return {
    poolName,
    async look() {
      const counted = await client.query<{ connections: number }>(
        'select count(*)::int as connections from pg_stat_activity where application_name = $1',
        [poolName],
      )
      const askedAtMs = clock.nowMs()
      await client.query(LOAD_QUERY)
      return { connections: counted.rows[0]?.connections ?? 0, queryMs: clock.nowMs() - askedAtMs }
    },
    close: () => client.end(),
  }
}
