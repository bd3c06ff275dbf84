import { expect, test } from 'vitest'
import { settleWithin } from '../../../src/base/deadline.ts'
import { VirtualClock } from '../../../src/sim/virtual-clock.ts'

const late = (): Error => new Error('too late')

/** A promise that is settled from outside. */
function work<R>() {
  let resolve!: (result: R) => void
  let reject!: (error: unknown) => void
  const promise = new Promise<R>((onResolve, onReject) => {
    resolve = onResolve
    reject = onReject
  })
  return { promise, resolve, reject }
}

test('work that ends in time has its own outcome, and leaves no timer', async () => {
  const clock = new VirtualClock()
  const ok = work<number>()
  const bad = work<number>()
  const outcomes = Promise.allSettled([
    settleWithin(clock, 100, ok.promise, late),
    settleWithin(clock, 100, bad.promise, late),
  ])
  await clock.advance(99)
  ok.resolve(7)
  bad.reject(new Error('broken'))
  expect(await outcomes).toEqual([
    { status: 'fulfilled', value: 7 },
    { status: 'rejected', reason: new Error('broken') },
  ])
  expect(clock.timerCount).toBe(0)
})

test('work that takes longer is answered for with the late error, at the deadline', async () => {
  const clock = new VirtualClock()
  const outcome = settleWithin(clock, 100, work().promise, late)
  let rejectedAtMs: number | undefined
  outcome.catch(() => {
    rejectedAtMs = clock.nowMs()
  })
  await clock.advance(500)
  await expect(outcome).rejects.toThrow('too late')
  expect(rejectedAtMs).toBe(100)
})

test('what comes after the deadline is dropped, and a late rejection is no unhandled one', async () => {
  const clock = new VirtualClock()
  const slow = work()
  const outcome = settleWithin(clock, 100, slow.promise, late)
  outcome.catch(() => {})
  await clock.advance(100)
  slow.reject(new Error('nobody asked'))
  await clock.advance(100)
  await expect(outcome).rejects.toThrow('too late')
})

test('without a limit there is no timer', async () => {
  const clock = new VirtualClock()
  const slow = work<number>()
  const outcome = settleWithin(clock, Number.POSITIVE_INFINITY, slow.promise, late)
  expect(clock.timerCount).toBe(0)
  slow.resolve(7)
  expect(await outcome).toBe(7)
})

test('given up, it is answered for at once, and leaves no timer', async () => {
  const clock = new VirtualClock()
  const slow = work()
  let giveUp: (error: Error) => void = () => {}
  const outcome = settleWithin(clock, 100, slow.promise, late, (end) => {
    giveUp = end
  })
  giveUp(new Error('no patience'))
  expect(clock.timerCount).toBe(0)
  slow.resolve('nobody asked')
  await expect(outcome).rejects.toThrow('no patience')
})

// Slipped through: nobody had tried a timeout of a month, which startTimer refuses as a bug of ours.
test('a limit beyond what a timer can hold is no error', async () => {
  const clock = new VirtualClock()
  const slow = work<number>()
  const outcome = settleWithin(clock, 2 ** 40, slow.promise, late)
  slow.resolve(7)
  expect(await outcome).toBe(7)
})
