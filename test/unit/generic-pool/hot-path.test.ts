import { expect, test } from 'vitest'
import { systemClock } from '../../../src/base/clock.ts'
import { fixed } from '../../../src/control/fixed.ts'
import { createPool } from '../../../src/generic-pool/index.ts'
import { fakeConnections } from '../../support/side-by-side.ts'

// What an acquire and a release must not do is no less a behaviour than what they do: each such thing costs everybody.

test('an acquire reads the clock once, whether or not it has to wait, and so does a release', async () => {
  let readings = 0
  const nowMs = () => {
    readings += 1
    return systemClock.nowMs()
  }
  const pool = createPool(fakeConnections(), {
    max: 1,
    adaptive: { clock: { ...systemClock, nowMs }, controller: fixed() },
  })
  const readingsOf = <R>(act: () => R): R => {
    readings = 0
    return act()
  }
  const first = await pool.acquire()
  const second = readingsOf(() => pool.acquire())
  expect(readings, 'an acquire that waits').toBe(1)
  readingsOf(() => void pool.release(first))
  expect(readings, 'a release to somebody who waits').toBe(1)
  const resource = await second
  readingsOf(() => void pool.release(resource))
  expect(readings, 'a release for which nobody waits').toBe(1)
  const third = readingsOf(() => pool.acquire())
  expect(readings, 'an acquire of what is idle').toBe(1)
  await pool.release(await third)
})

test('what comes back while somebody waits is his at once, and does not rest in between', async () => {
  const pool = createPool(fakeConnections(), { max: 1 })
  const first = await pool.acquire()
  const second = pool.acquire()
  const idleWhenReleased: number[] = []
  pool.control.on('released', () => idleWhenReleased.push(pool.available))
  void pool.release(first)
  await pool.release(await second)
  expect(idleWhenReleased).toEqual([0, 1])
})
