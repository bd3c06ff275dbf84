import fc from 'fast-check'
import { expect, test, vi } from 'vitest'
import { InvariantViolation } from '../../../src/base/assert.ts'
import { Deadlines } from '../../../src/pool/deadlines.ts'
import type { PoolLease } from '../../../src/pool/lease.ts'
import { Waiter, WaiterQueue } from '../../../src/pool/waiter-queue.ts'
import { VirtualClock } from '../../../src/sim/virtual-clock.ts'

const LEASE = {} as PoolLease<string>

function joined(queue: WaiterQueue<string>, priority = 0, sinceMs = 0) {
  const granted = vi.fn()
  const refused = vi.fn()
  const waiter = new Waiter<string>(sinceMs, priority, undefined, { granted, refused })
  waiter.join(queue, sinceMs)
  return { waiter, granted, refused }
}

test('an empty queue has nobody next, and nobody who waits', () => {
  const queue = new WaiterQueue<string>()
  expect(queue.length).toBe(0)
  expect(queue.next('oldest')).toBeUndefined()
  expect(queue.next('newest')).toBeUndefined()
  expect(queue.waitingSinceMs).toBeUndefined()
  expect(queue.oldestSinceMs).toBeUndefined()
})

test('the highest priority is next, and who came first or last within it', () => {
  const queue = new WaiterQueue<string>()
  joined(queue, -100)
  const first = joined(queue, 100)
  joined(queue, 100)
  const last = joined(queue, 100)
  joined(queue, 0)
  expect(queue.next('oldest')).toBe(first.waiter)
  expect(queue.next('newest')).toBe(last.waiter)
})

test('the queue stands since it was last empty, whoever comes and goes meanwhile', () => {
  const queue = new WaiterQueue<string>()
  const first = joined(queue, 0, 10)
  const second = joined(queue, 0, 20)
  first.waiter.grant(LEASE)
  expect(queue.waitingSinceMs).toBe(10)
  expect(queue.oldestSinceMs).toBe(20)
  second.waiter.grant(LEASE)
  expect(queue.waitingSinceMs).toBeUndefined()
  joined(queue, 0, 30)
  expect(queue.waitingSinceMs).toBe(30)
})

test('who is granted or refused has left the queue by the time he hears of it', () => {
  const queue = new WaiterQueue<string>()
  const lengths: number[] = []
  const note = (): void => void lengths.push(queue.length)
  for (const end of ['grant', 'refuse'] as const) {
    const waiter = new Waiter<string>(0, 0, undefined, { granted: note, refused: note })
    waiter.join(queue, 0)
    if (end === 'grant') waiter.grant(LEASE)
    else waiter.refuse(new Error('late'))
  }
  expect(lengths).toEqual([0, 0])
})

test('a waiter hears one answer: the lease, or the error', () => {
  const queue = new WaiterQueue<string>()
  const { waiter, granted, refused } = joined(queue)
  waiter.grant(LEASE)
  expect(granted.mock.calls).toEqual([[LEASE]])
  expect(refused).not.toHaveBeenCalled()
  const other = joined(queue)
  const error = new Error('late')
  other.waiter.refuse(error)
  expect(other.refused.mock.calls).toEqual([[error]])
  expect(other.granted).not.toHaveBeenCalled()
})

test('I6: settling a waiter twice, or one that never joined, is a bug of ours', () => {
  const queue = new WaiterQueue<string>()
  const { waiter, granted } = joined(queue)
  waiter.grant(LEASE)
  expect(() => waiter.grant(LEASE)).toThrow(InvariantViolation)
  expect(() => waiter.refuse(new Error('late'))).toThrow('I6')
  expect(granted).toHaveBeenCalledOnce()
  const alone = new Waiter<string>(0, 0, undefined, { granted, refused: granted })
  expect(() => alone.grant(LEASE)).toThrow(InvariantViolation)
})

test('who leaves takes his deadline and his listener with him', () => {
  const clock = new VirtualClock()
  const queue = new WaiterQueue<string>()
  const { signal } = new AbortController()
  const added = vi.spyOn(signal, 'addEventListener')
  const removed = vi.spyOn(signal, 'removeEventListener')
  const { waiter } = joined(queue)
  new Deadlines<string>(clock, 100, () => {}).add(waiter, 100)
  expect(clock.timerCount).toBe(1)
  waiter.heed(signal, () => {})
  waiter.grant(LEASE)
  expect(clock.timerCount).toBe(0)
  expect(added).toHaveBeenCalledOnce()
  expect(removed.mock.calls[0]?.slice(0, 2)).toEqual(added.mock.calls[0]?.slice(0, 2))
})

// ------------------------------------------------------------------------------------------- against a naive model

type Command =
  | { readonly kind: 'join'; readonly priority: number }
  | { readonly kind: 'serve'; readonly order: 'oldest' | 'newest' }
  | { readonly kind: 'leave'; readonly which: number }

const anyCommands: fc.Arbitrary<readonly Command[]> = fc.array(
  fc.oneof(
    fc.record({
      kind: fc.constant('join' as const),
      priority: fc.oneof(fc.integer({ min: -3, max: 3 }), fc.integer({ min: -1_000, max: 1_000 })),
    }),
    fc.record({ kind: fc.constant('serve' as const), order: fc.constantFrom('oldest' as const, 'newest' as const) }),
    fc.record({ kind: fc.constant('leave' as const), which: fc.nat(20) }),
  ),
  { maxLength: 100 },
)

interface Modelled {
  readonly waiter: Waiter<string>
  readonly priority: number
  readonly sinceMs: number
}

/** The same queue as a plain list in order of arrival, searched anew each time. */
function nextInModel(model: readonly Modelled[], order: 'oldest' | 'newest'): Modelled | undefined {
  const highest = Math.max(...model.map(({ priority }) => priority))
  const level = model.filter(({ priority }) => priority === highest)
  return order === 'oldest' ? level[0] : level.at(-1)
}

test('the queue does what a plain list does, whoever joins, is served and goes away from the middle', () => {
  fc.assert(
    fc.property(anyCommands, (commands) => {
      const queue = new WaiterQueue<string>()
      let model: Modelled[] = []
      let standsSinceMs: number | undefined
      commands.forEach((command, nowMs) => {
        if (command.kind === 'join') {
          if (model.length === 0) standsSinceMs = nowMs
          const { waiter } = joined(queue, command.priority, nowMs)
          model.push({ waiter, priority: command.priority, sinceMs: nowMs })
        } else {
          const gone =
            command.kind === 'serve' ? nextInModel(model, command.order) : model[command.which % (model.length || 1)]
          if (command.kind === 'serve') expect(queue.next(command.order)).toBe(gone?.waiter)
          gone?.waiter.refuse(new Error('gone'))
          model = model.filter((modelled) => modelled !== gone)
        }
        if (model.length === 0) standsSinceMs = undefined
        expect(queue.length).toBe(model.length)
        expect(queue.waitingSinceMs).toBe(standsSinceMs)
        expect(queue.oldestSinceMs).toBe(model[0]?.sinceMs)
        for (const order of ['oldest', 'newest'] as const) {
          expect(queue.next(order)).toBe(nextInModel(model, order)?.waiter)
        }
      })
    }),
    { numRuns: 500 },
  )
})

test('leaving touches only the neighbours, however long the queue is', () => {
  const queue = new WaiterQueue<string>()
  const waiters = Array.from({ length: 10_000 }, () => joined(queue).waiter)
  const touched = new Set<Waiter<string>>()
  const middle = waiters[5_000] as Waiter<string>
  for (const waiter of waiters) {
    for (const side of ['older', 'newer'] as const) {
      let neighbour = waiter[side]
      Object.defineProperty(waiter, side, {
        get: () => {
          touched.add(waiter)
          return neighbour
        },
        set: (value: Waiter<string> | undefined) => {
          touched.add(waiter)
          neighbour = value
        },
      })
    }
  }
  middle.refuse(new Error('gone'))
  expect(touched.size).toBe(3)
  expect(queue.length).toBe(9_999)
})
