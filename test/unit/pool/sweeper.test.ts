import { expect, test } from 'vitest'
import { Sweeper } from '../../../src/pool/sweeper.ts'
import { VirtualClock } from '../../../src/sim/virtual-clock.ts'

function newSweeper() {
  const clock = new VirtualClock(100)
  const sweptAtMs: number[] = []
  const sweeper = new Sweeper(clock, () => sweptAtMs.push(clock.nowMs()))
  return { clock, sweeper, sweptAtMs }
}

test('it sweeps once, at the earliest time it was asked for', async () => {
  const { clock, sweeper, sweptAtMs } = newSweeper()
  for (const atMs of [300, 200, 250]) sweeper.by(atMs)
  expect(clock.timerCount).toBe(1)
  await clock.advance(1_000)
  expect(sweptAtMs).toEqual([200])
})

test('after a sweep it can be asked again', async () => {
  const { clock, sweeper, sweptAtMs } = newSweeper()
  sweeper.by(200)
  await clock.advance(150)
  sweeper.by(300)
  await clock.advance(100)
  expect(sweptAtMs).toEqual([200, 300])
})

test('what is overdue is swept at once', async () => {
  const { clock, sweeper, sweptAtMs } = newSweeper()
  sweeper.by(50)
  await clock.advance(0)
  expect(sweptAtMs).toEqual([100])
})

test('never needs no timer, and the far future one that node can keep', () => {
  const { clock, sweeper } = newSweeper()
  sweeper.by(Number.POSITIVE_INFINITY)
  expect(clock.timerCount).toBe(0)
  sweeper.by(2 ** 40)
  expect(clock.timerCount).toBe(1)
})

test('once stopped it sweeps no more, until it is asked anew', async () => {
  const { clock, sweeper, sweptAtMs } = newSweeper()
  sweeper.by(200)
  sweeper.stop()
  expect(clock.timerCount).toBe(0)
  await clock.advance(200)
  expect(sweptAtMs).toEqual([])
  sweeper.by(400)
  await clock.advance(200)
  expect(sweptAtMs).toEqual([400])
})
