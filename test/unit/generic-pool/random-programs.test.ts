import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { Pool } from '../../../src/generic-pool/index.ts'
import {
  asCaught,
  type FakeConnection,
  type FakeConnections,
  fakeConnections,
  gauges,
  sideBySide,
} from '../../support/side-by-side.ts'

const ms = fc.constantFrom(1, 7, 20, 55)

const options = fc.record({
  max: fc.integer({ min: 1, max: 4 }),
  min: fc.integer({ min: 0, max: 3 }),
  fifo: fc.boolean(),
  priorityRange: fc.integer({ min: 1, max: 3 }),
  testOnBorrow: fc.boolean(),
  maxWaitingClients: fc.option(fc.integer({ min: 0, max: 4 }), { nil: undefined }),
  acquireTimeoutMillis: fc.option(fc.constantFrom(30, 90), { nil: undefined }),
  evictionRunIntervalMillis: fc.constantFrom(0, 25),
  numTestsPerEvictionRun: fc.constant(9), // which ones a short run begins with, ours decides better
  softIdleTimeoutMillis: fc.constantFrom(-1, 40),
  idleTimeoutMillis: fc.constantFrom(70, 10_000),
  autostart: fc.boolean(),
})

const command = fc.oneof(
  {
    weight: 5,
    arbitrary: fc.record({ do: fc.constant('acquire' as const), priority: fc.integer({ min: 0, max: 3 }) }),
  },
  { weight: 4, arbitrary: fc.record({ do: fc.constant('release' as const), which: fc.nat(5) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('destroy' as const), which: fc.nat(5) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('break' as const), which: fc.nat(9) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('use' as const), fails: fc.boolean() }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('advance' as const), ms }) },
  { weight: 1, arbitrary: fc.constant({ do: 'start' as const }) },
)

type Options = typeof options extends fc.Arbitrary<infer O> ? O : never
type Command = typeof command extends fc.Arbitrary<infer C> ? C : never

/** Runs a program, and notes after each command what a caller could have seen. */
async function run(
  pool: Pool<FakeConnection>,
  factory: FakeConnections,
  program: readonly Command[],
  advance: (ms: number) => Promise<void>,
) {
  const { all } = factory
  const held: FakeConnection[] = []
  const heard: unknown[] = []
  const diary: unknown[] = []
  let callers = 0
  const take = (which: number) => held.splice(which % Math.max(held.length, 1), 1)[0]
  const answered = (what: string, promise: Promise<unknown>) =>
    promise.then(
      () => heard.push(what),
      (error: unknown) => heard.push([what, asCaught(error)]),
    )
  for (const step of program) {
    if (step.do === 'acquire') {
      const caller = ++callers
      const served = pool.acquire(step.priority).then((connection) => {
        heard.push(`${caller} got ${connection.id}`)
        held.push(connection)
      })
      served.catch((error: unknown) => heard.push([`${caller} did not`, asCaught(error)]))
    } else if (step.do === 'use') {
      const caller = ++callers
      const work = async ({ id }: FakeConnection) => {
        heard.push(`${caller} used ${id}`)
        if (step.fails) throw new Error('of the work')
      }
      void answered(`${caller} is done`, pool.use(work, 0))
    } else if (step.do === 'break') {
      const connection = all[step.which]
      if (connection?.isMade) connection.isOpen = false // one that is born dead: see fixes.test.ts
    } else if (step.do === 'start') pool.start()
    else if (step.do === 'advance') await advance(step.ms)
    else {
      const connection = take(step.which)
      if (connection !== undefined) void answered(step.do, pool[step.do](connection))
    }
    await advance(0)
    diary.push([step.do, gauges(pool), inOrder(heard.splice(0)), held.map((one) => pool.isBorrowedResource(one))])
  }
  const drained = answered('drained', pool.drain())
  while (held.length > 0 || pool.pending > 0) {
    const connection = held.shift()
    if (connection !== undefined) await pool.release(connection)
    else await advance(10)
    await advance(0)
  }
  await drained
  await advance(20) // creates that are still under way, which clear() awaits
  await pool.clear()
  // Within one eviction or clear() the order is each library's own; so is how often one is validated to no avail.
  const calls = factory.calls.filter((call) => !call.startsWith('validate')).sort()
  return {
    diary,
    heard: inOrder(heard),
    calls,
    size: pool.size,
    borrowed: pool.borrowed,
    open: all.filter(({ isOpen }) => isOpen).length,
  }
}

/** Who was granted what, in order; and what else was heard at the same moment, in whatever order. */
function inOrder(heard: readonly unknown[]): unknown {
  const isGrant = (word: unknown) => typeof word === 'string' && /got|used/.test(word)
  return [
    heard.filter(isGrant),
    heard
      .filter((word) => !isGrant(word))
      .map((word) => JSON.stringify(word))
      .sort(),
  ]
}

// Failed with a seed in a hundred: of broken ones, other replacements than theirs are lent first, if they are made at once.
test('whatever a program does, it sees the same as with generic-pool', async () => {
  await fc.assert(
    fc.asyncProperty(
      options,
      fc.constantFrom(0, 12),
      fc.array(command, { minLength: 5, maxLength: 30 }),
      async (given: Options, createMs, program) => {
        const { maxWaitingClients, acquireTimeoutMillis, ...others } = given
        const seen = await sideBySide(async (library, { advance }) => {
          const factory = fakeConnections({ createMs })
          const pool = library.createPool(factory, {
            ...others,
            // Of two made at one moment, either may be lent first; and of those past their soft timeout `min` stay, which
            // of a LIFO's are the ones that idle longest, and of ours never (docs/generic-pool.md).
            fifo: others.fifo || createMs > 0 || others.min > (others.softIdleTimeoutMillis > 0 ? 0 : 1),
            ...(maxWaitingClients === undefined ? {} : { maxWaitingClients }),
            ...(acquireTimeoutMillis === undefined ? {} : { acquireTimeoutMillis }),
          })
          // Broken ones are replaced as they are tried: of one made, and one used and given back, at one moment, either
          // may be lent first.
          const isAtOnce = createMs === 0 && others.testOnBorrow
          return run(pool, factory, isAtOnce ? program.filter((step) => step.do !== 'use') : program, advance)
        })
        expect(seen.ours).toEqual(seen.theirs)
      },
    ),
    { numRuns: 80 },
  )
})
