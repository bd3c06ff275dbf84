import fc from 'fast-check'
import { expect, test } from 'vitest'
import { Deadlines } from '../../../src/pool/deadlines.ts'
import { Waiter, WaiterQueue } from '../../../src/pool/waiter-queue.ts'
import { VirtualClock } from '../../../src/sim/virtual-clock.ts'

/** A queue whose waiters have deadlines, and what became of them. */
function newQueue({ usualTimeoutMs = 100, refused = (_: string): void => {} } = {}) {
  const clock = new VirtualClock()
  const queue = new WaiterQueue<string>()
  const expired: [tag: string, atMs: number][] = []
  const deadlines = new Deadlines<string>(clock, usualTimeoutMs, (waiter, nowMs) => {
    expired.push([waiter.tag as string, nowMs])
    waiter.refuse(new Error('late'))
  })
  const join = (tag: string, timeoutMs = usualTimeoutMs): Waiter<string> => {
    const waiter = new Waiter<string>(clock.nowMs(), 0, tag, { granted: () => {}, refused: () => refused(tag) })
    waiter.join(queue, clock.nowMs())
    deadlines.add(waiter, timeoutMs)
    return waiter
  }
  return { clock, queue, expired, join }
}

test('each waiter expires at its own deadline, to the fraction of a millisecond', async () => {
  const { clock, join, expired } = newQueue()
  join('first')
  await clock.advance(0.25)
  join('second')
  await clock.advance(40)
  join('short', 1.5)
  await clock.advance(1_000)
  expect(expired).toEqual([
    ['short', 41.75],
    ['first', 100],
    ['second', 100.25],
  ])
})

test('waiters with the same timeout share a timer, however many they are', async () => {
  const { clock, join } = newQueue()
  for (let i = 0; i < 50; i++) join('usual')
  expect(clock.timerCount).toBe(1)
  for (let i = 0; i < 50; i++) join('own', 30)
  expect(clock.timerCount).toBe(2)
  await clock.advance(30)
  expect(clock.timerCount).toBe(1)
})

test('with the last waiter goes the timer', () => {
  const { clock, join } = newQueue()
  const waiters = [join('a'), join('b'), join('c', 30)]
  for (const waiter of waiters) waiter.grant({} as never)
  expect(clock.timerCount).toBe(0)
})

test('without a timeout there is no deadline, whether it is the usual one or a waiter’s own', async () => {
  const { clock, join, expired } = newQueue({ usualTimeoutMs: Number.POSITIVE_INFINITY })
  join('usual')
  expect(clock.timerCount).toBe(0)
  join('bounded', 10)
  await clock.advance(1e9)
  expect(expired).toEqual([['bounded', 10]])
})

test('a deadline beyond what a timer can hold comes when it is due', async () => {
  const { clock, join, expired } = newQueue()
  join('patient', 2 ** 33)
  await clock.advance(2 ** 33 - 1)
  expect(expired).toEqual([])
  await clock.advance(1)
  expect(expired).toEqual([['patient', 2 ** 33]])
})

test('a callback that throws takes no deadline from the others', async () => {
  const { clock, join, expired } = newQueue({
    refused: (tag) => {
      if (tag === 'bad') throw new Error('bad callback')
    },
  })
  join('bad')
  join('good')
  await expect(clock.advance(100)).rejects.toThrow('bad callback')
  await clock.advance(0)
  expect(expired.map(([tag]) => tag)).toEqual(['bad', 'good'])
})

test('who joins as another expires, and at once wants the same again, has a deadline, too', async () => {
  const again: string[] = []
  const { clock, join, expired } = newQueue({
    refused: (tag) => {
      if (tag === 'first') again.push(join('second').tag as string)
    },
  })
  join('first')
  await clock.advance(100)
  expect(again).toEqual(['second'])
  await clock.advance(100)
  expect(expired).toEqual([
    ['first', 100],
    ['second', 200],
  ])
})

test('whoever comes and goes with whatever patience: each expires when it is due, and no timer is left', async () => {
  const anyCaller = fc.record({
    afterMs: fc.double({ min: 0, max: 20, noNaN: true }),
    timeoutMs: fc.oneof(fc.constant(100), fc.constantFrom(5, 30), fc.double({ min: 0.1, max: 300, noNaN: true })),
    leavesBefore: fc.boolean(),
  })
  await fc.assert(
    fc.asyncProperty(fc.array(anyCaller, { maxLength: 30 }), async (callers) => {
      const { clock, queue, join, expired } = newQueue()
      const due = new Map<string, number>()
      let latest: Waiter<string> | undefined
      for (const [i, { afterMs, timeoutMs, leavesBefore }] of callers.entries()) {
        await clock.advance(afterMs)
        if (leavesBefore && latest?.isQueued) {
          due.delete(latest.tag as string)
          latest.grant({} as never)
        }
        latest = join(`${i}`, timeoutMs)
        due.set(`${i}`, clock.nowMs() + timeoutMs)
      }
      await clock.advance(1_000)
      expect(expired.length).toBe(due.size)
      for (const [tag, atMs] of expired) expect(Math.abs(atMs - (due.get(tag) as number))).toBeLessThan(1e-5)
      expect([queue.length, clock.timerCount]).toEqual([0, 0])
    }),
  )
})
