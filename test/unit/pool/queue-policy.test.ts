import fc from 'fast-check'
import { expect, test } from 'vitest'
import { adaptiveLifo, codel, fifo, type QueueDecider, readQueuePolicy } from '../../../src/pool/queue-policy.ts'

const ONE_SECOND = { acquireTimeoutMs: 1_000 }

/** One thing that happens to a queue: somebody is about to be served, or nobody waits any more. */
interface Moment {
  readonly atMs: number
  /** Undefined: nobody waits any more. */
  readonly waitMs: number | undefined
  readonly waiters: number
  readonly newestWaitMs: number
}

function answersOf(
  decider: Pick<QueueDecider, 'admit' | 'emptied'>,
  moments: readonly Moment[],
): (string | undefined)[] {
  return moments.map(({ atMs, waitMs, waiters, newestWaitMs }) => {
    if (waitMs !== undefined) return decider.admit(waitMs, atMs, waiters, newestWaitMs)
    decider.emptied()
    return undefined
  })
}

/**
 * The law itself, without state: the past is read anew for each answer. Time is cut into intervals, each begun by the
 * first waiter to come at or after the end of the one before; overload holds during an interval if every wait of the
 * previous one, and the first to be seen after it excepted, was above the target, and nobody has emptied the queue
 * since that interval began; unless the queue has fallen by a quarter from its first to the first after it, and nobody
 * was shed in it. Then those are shed who have waited twice the target, if somebody waits who has not.
 */
function referenceCodel(targetMs: number, intervalMs: number, moments: readonly Moment[]): (string | undefined)[] {
  const intervalOf: number[] = []
  let beganAtMs = Number.NEGATIVE_INFINITY
  let interval = 0
  for (const { atMs, waitMs } of moments) {
    if (waitMs !== undefined && atMs >= beganAtMs + intervalMs) {
      beganAtMs = atMs
      interval += 1
    }
    intervalOf.push(interval)
  }
  const firstOf = (wanted: number) =>
    moments.find((m, j) => m.waitMs !== undefined && intervalOf[j] === wanted)?.waiters
  const stands = (current: number, i: number): boolean => {
    const wasEmptied = moments.slice(0, i).some((m, j) => m.waitMs === undefined && (intervalOf[j] ?? 0) >= current - 1)
    const before = moments.filter((m, j) => m.waitMs !== undefined && intervalOf[j] === current - 1)
    if (wasEmptied || before.length === 0 || before.some((m) => (m.waitMs ?? 0) <= targetMs)) return false
    const hasFallen = (firstOf(current) ?? 0) < 0.75 * (firstOf(current - 1) ?? 0)
    return !hasFallen || stands(current - 1, i)
  }
  return moments.map(({ waitMs, newestWaitMs }, i) => {
    if (waitMs === undefined) return undefined
    const isForSomebody = waitMs > 2 * targetMs && newestWaitMs <= 2 * targetMs
    return stands(intervalOf[i] ?? 0, i) && isForSomebody ? 'shed' : 'grant'
  })
}

const anyMoments: fc.Arbitrary<readonly Moment[]> = fc
  .array(
    fc.record({
      gapMs: fc.oneof(fc.integer({ min: 0, max: 20 }), fc.integer({ min: 0, max: 300 })),
      waitMs: fc.option(fc.integer({ min: 0, max: 60 }), { nil: undefined, freq: 20 }),
      waiters: fc.integer({ min: 1, max: 20 }),
      newestShare: fc.oneof(fc.constant(0), fc.double({ min: 0, max: 1, noNaN: true })),
    }),
    { maxLength: 60 },
  )
  .map((steps) => {
    let atMs = 0
    return steps.map(({ gapMs, waitMs, waiters, newestShare }) => {
      atMs += gapMs
      return { atMs, waitMs, waiters, newestWaitMs: newestShare * (waitMs ?? 0) }
    })
  })

test('codel answers as the law says, whatever has come before', () => {
  fc.assert(
    fc.property(anyMoments, (moments) => {
      const decider = codel({ targetMs: 10, intervalMs: 100 }).start(ONE_SECOND)
      expect(answersOf(decider, moments)).toEqual(referenceCodel(10, 100, moments))
    }),
    { numRuns: 2_000 },
  )
})

/** A queue served at a steady pace: `length` are there at once, then one comes every `arrivalMs`. */
function serveQueue(decider: QueueDecider, { length = 0, arrivalMs = Infinity, serviceMs = 1, untilMs = 10_000 }) {
  const arrivals = new Array<number>(length).fill(0)
  for (let atMs = arrivalMs; atMs < untilMs; atMs += arrivalMs) arrivals.push(atMs)
  let atMs = 0
  let granted = 0
  const shedWaits: number[] = []
  for (const [i, arrivedAtMs] of arrivals.entries()) {
    if (arrivedAtMs > atMs) {
      decider.emptied()
      atMs = arrivedAtMs
    }
    if (atMs > untilMs) return { granted, shedWaits, left: arrivals.length - i }
    const waitMs = atMs - arrivedAtMs
    const arrived = arrivals.filter((ms) => ms <= atMs)
    if (decider.admit(waitMs, atMs, arrived.length - i, atMs - (arrived.at(-1) ?? 0)) === 'grant') {
      granted += 1
      atMs += serviceMs
    } else shedWaits.push(waitMs)
  }
  return { granted, shedWaits, left: 0 }
}

test('codel lets a burst through that drains within its interval, however long the queue was', () => {
  const decider = codel({ targetMs: 50, intervalMs: 500 }).start(ONE_SECOND)
  expect(serveQueue(decider, { length: 499, serviceMs: 1 })).toEqual({ granted: 499, shedWaits: [], left: 0 })
})

test('codel sheds from a queue that stands, only who has waited twice the target, and keeps the backend busy', () => {
  const decider = codel({ targetMs: 50, intervalMs: 500 }).start(ONE_SECOND)
  const { granted, shedWaits, left } = serveQueue(decider, { arrivalMs: 5, serviceMs: 10 })
  expect(Math.min(...shedWaits)).toBeGreaterThan(100)
  expect(granted).toBeGreaterThan(990) // of the 1000 that fit into ten seconds
  expect(left).toBeLessThan(200) // fifo would leave 1000 waiting, the oldest for five seconds
})

test('codel judges each pool by its own past', () => {
  const policy = codel({ targetMs: 10, intervalMs: 100 })
  const busy = policy.start(ONE_SECOND)
  busy.admit(50, 0, 5, 0)
  busy.admit(50, 150, 5, 0)
  expect(busy.admit(50, 160, 5, 0)).toBe('shed')
  expect(policy.start(ONE_SECOND).admit(50, 160, 5, 0)).toBe('grant')
})

test.each([
  { acquireTimeoutMs: 1_000, targetMs: 50, intervalMs: 500 },
  { acquireTimeoutMs: 30_000, targetMs: 1_500, intervalMs: 15_000 },
])('by default codel takes its target and interval from a timeout of $acquireTimeoutMs ms', (row) => {
  fc.assert(
    fc.property(anyMoments, (moments) => {
      const scaled = moments.map(({ atMs, waitMs, waiters, newestWaitMs }) => ({
        atMs: (atMs * row.intervalMs) / 100,
        waitMs: waitMs === undefined ? undefined : (waitMs * row.targetMs) / 10,
        waiters,
        newestWaitMs: (newestWaitMs * row.targetMs) / 10,
      }))
      const given = codel({ targetMs: row.targetMs, intervalMs: row.intervalMs }).start(ONE_SECOND)
      expect(answersOf(codel().start(row), scaled)).toEqual(answersOf(given, scaled))
    }),
  )
})

test('without an acquire timeout nobody is ever late, and codel sheds nobody', () => {
  const decider = codel().start({ acquireTimeoutMs: Number.POSITIVE_INFINITY })
  expect(serveQueue(decider, { arrivalMs: 5, serviceMs: 10 }).shedWaits).toEqual([])
})

test('codel and fifo serve in order of arrival, however long a queue stands', () => {
  for (const decider of [codel().start(ONE_SECOND), fifo().start(ONE_SECOND)]) {
    expect(decider.order(0)).toBe('oldest')
    expect(decider.order(1e9)).toBe('oldest')
  }
})

test('fifo has no options, and says so to whoever means another policy', () => {
  const asOthersAre = fifo as (options: unknown) => unknown
  expect(() => asOthersAre({ targetMs: 5 })).toThrow(new TypeError('fifo: takes no arguments, got an object'))
})

test('fifo sheds nobody', () => {
  const decider = fifo().start(ONE_SECOND)
  expect(serveQueue(decider, { arrivalMs: 5, serviceMs: 10 }).shedWaits).toEqual([])
})

test('adaptive lifo turns round while a queue has stood for longer than its interval, and sheds nobody', () => {
  const decider = adaptiveLifo({ intervalMs: 200 }).start(ONE_SECOND)
  expect([0, 200, 201, 5_000].map((waitingMs) => decider.order(waitingMs))).toEqual([
    'oldest',
    'oldest',
    'newest',
    'newest',
  ])
  expect(decider.admit(1e6, 1e6, 1, 1e6)).toBe('grant')
})

test('adaptive lifo waits for half the acquire timeout by default', () => {
  const decider = adaptiveLifo().start(ONE_SECOND)
  expect([decider.order(500), decider.order(501)]).toEqual(['oldest', 'newest'])
})

test("the option queue is 'fifo' or a policy, and nothing else", () => {
  const policy = codel()
  expect(readQueuePolicy('test', 'fifo').name).toBe('fifo')
  expect(readQueuePolicy('test', policy)).toBe(policy)
  for (const given of ['codel', 'lifo', codel, {}, { name: 'mine' }, { start: () => policy }, null, 5, []]) {
    expect(() => readQueuePolicy('test', given)).toThrow(TypeError)
    expect(() => readQueuePolicy('test', given)).toThrow("test: queue must be 'fifo', codel(…), adaptiveLifo(…) or a ")
  }
})

// Slipped through: it took codel's options, and never looked at the target.
test('an option that means nothing to adaptive lifo is unknown to it', () => {
  expect(() => adaptiveLifo({ targetMs: 5 } as object)).toThrow('adaptiveLifo: unknown option targetMs, got 5')
})

test('codel does not judge a queue in front of a pool that grows: not until an interval after the latest growth', () => {
  const decider = codel({ targetMs: 50, intervalMs: 500 }).start(ONE_SECOND)
  const answers: string[] = []
  for (let atMs = 0; atMs <= 2_000; atMs += 100) {
    if (atMs === 900) decider.grown?.(atMs)
    answers.push(decider.admit(200, atMs, 20, 0))
  }
  const shedAtMs = answers.flatMap((answer, i) => (answer === 'shed' ? [i * 100] : []))
  expect(shedAtMs).toEqual([500, 600, 700, 800, 1_400, 1_500, 1_600, 1_700, 1_800, 1_900, 2_000])
})

test('codel that nobody was admitted by since the growth has nothing to judge', () => {
  const decider = codel({ targetMs: 50, intervalMs: 500 }).start(ONE_SECOND)
  decider.grown?.(0)
  expect(decider.admit(200, 600, 20, 0)).toBe('grant')
})

test('codel lets a queue drain, though waits rise, and sheds once it becomes no shorter', () => {
  const decider = codel({ targetMs: 50, intervalMs: 500 }).start(ONE_SECOND)
  const falling = [90, 80, 70, 60, 50, 40, 30].map((waiters, i) => decider.admit(150 + 20 * i, 100 * i, waiters, 0))
  expect(falling).toEqual(falling.map(() => 'grant'))
  const level = Array.from({ length: 12 }, (_, i) => decider.admit(290, 700 + 100 * i, 30, 0))
  expect(level.at(-1)).toBe('shed')
})

test('codel refuses nobody for the sake of others who have waited as long', () => {
  const decider = codel({ targetMs: 50, intervalMs: 500 }).start(ONE_SECOND)
  const crowd = Array.from({ length: 20 }, (_, i) => decider.admit(100 * i, 100 * i, 1_000 - i, 100 * i))
  expect(crowd).toEqual(crowd.map(() => 'grant'))
  expect(decider.admit(2_000, 2_000, 980, 100)).toBe('shed')
})

test('codel calls late what is late by the patience of who waits, where that is longer than the pool’s', () => {
  const decider = codel().start(ONE_SECOND)
  const answers = (timeoutMs?: number) =>
    [0, 250, 500, 600].map((atMs) => decider.admit(150, atMs, 20, 0, timeoutMs)).at(-1)
  expect(answers()).toBe('shed')
  expect(answers(1_000)).toBe('shed')
  expect(answers(100)).toBe('shed') // he has less, and leaves by himself
  expect(answers(1_400)).toBe('shed')
  expect(answers(1_600)).toBe('grant')
  expect(answers(Number.POSITIVE_INFINITY)).toBe('grant')
})

test('codel with a target of its own sheds in a pool whose acquires have no timeout', () => {
  const decider = codel({ targetMs: 10, intervalMs: 100 }).start({ acquireTimeoutMs: Number.POSITIVE_INFINITY })
  const answers = [0, 100, 150].map((atMs) => decider.admit(50, atMs, 20, 0, Number.POSITIVE_INFINITY))
  expect(answers.at(-1)).toBe('shed')
})
