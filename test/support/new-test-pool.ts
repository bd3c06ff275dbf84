import { fixed } from '../../src/control/fixed.ts'
import { type AdaptivePool, type CreatePoolOptions, createPool } from '../../src/create-pool.ts'
import type { PoolHandleEvents } from '../../src/handle.ts'
import type { PoolCounts } from '../../src/pool/contract.ts'
import { VirtualClock } from '../../src/sim/virtual-clock.ts'
import { FakeFactory, type FakeResource } from './fake-factory.ts'

export interface TestPoolOptions extends Partial<CreatePoolOptions<FakeResource>> {
  /** Resources are validated, by the fake factory. @defaultValue false */
  readonly validates?: boolean
}

export interface TestPool {
  readonly pool: AdaptivePool<FakeResource>
  readonly factory: FakeFactory
  readonly clock: VirtualClock
}

/**
 * A pool of fake resources under virtual time: in order of arrival, without chance, and with a limit that stays where
 * it begins. Whatever a test is about, it says in its options.
 */
export function newTestPool({ validates = false, ...options }: TestPoolOptions = {}): TestPool {
  const clock = new VirtualClock()
  const factory = new FakeFactory(clock)
  const { create, destroy, validate } = factory.functions
  const pool = createPool<FakeResource>({
    name: 'test',
    create,
    destroy,
    ...(validates ? { validate } : {}),
    limitMin: 1,
    queue: 'fifo',
    controller: fixed(),
    watch: false,
    random: { next: () => 0 },
    clock,
    ...options,
  })
  return { pool, factory, clock }
}

/** How a promise stands: its outcome is filled in once it has one. */
export interface Watched<R> {
  value?: R
  error?: unknown
}

/** Follows a promise without waiting for it. */
export function watch<R>(promise: Promise<R>): Watched<R> {
  const watched: Watched<R> = {}
  promise.then(
    (value) => {
      watched.value = value
    },
    (error: unknown) => {
      watched.error = error
    },
  )
  return watched
}

export interface RecordedEvent {
  readonly name: keyof PoolHandleEvents
  readonly payload: object
  /** What pool.counts() said as the listener ran. */
  readonly counts: PoolCounts
}

/** Every event of these names, in order, with the counts at that moment; without the pool's name, which all have. */
export function recordEvents(
  pool: Pick<AdaptivePool<FakeResource>, 'on' | 'counts'>,
  ...names: readonly (keyof PoolHandleEvents)[]
): RecordedEvent[] {
  const events: RecordedEvent[] = []
  for (const name of names) {
    pool.on(name, ({ pool: _, ...payload }) => events.push({ name, payload, counts: pool.counts() }))
  }
  return events
}
