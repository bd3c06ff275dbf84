import { expect, test } from 'vitest'
import { newTestPool, watch } from '../../support/new-test-pool.ts'

test('a pause that begins anew after a success ends at its own time, not at that of the pause before', async () => {
  let chance = 0
  const { pool, factory, clock } = newTestPool({
    limitMax: 2,
    createBackoff: { initialMs: 100, jitter: 1 },
    random: { next: () => chance },
  })
  factory.behaviour.create = 'hang'
  const first = watch(pool.acquire())
  factory.behaviour.create = 'fail'
  const second = watch(pool.acquire()) // fails: the next try is due at 100 ms
  await clock.advance(10)
  chance = 0.5
  factory.letGo() // all is well again, and the create that follows fails: the next try is due at 60 ms
  await clock.advance(49)
  expect(first.value).toBeDefined()
  factory.behaviour.create = 'ok'
  expect(second).toEqual({})
  await clock.advance(1)
  expect(second.value).toBeDefined()
})

test('with the last waiter goes the timer of the next try: it would keep the process alive', async () => {
  const { pool, factory, clock } = newTestPool({ createBackoff: { initialMs: 1_000, maxMs: 1_000 } })
  await pool.warmUp(0)
  factory.behaviour.create = 'fail'
  watch(pool.acquire({ timeoutMs: 10 }))
  await clock.advance(9)
  const timers = clock.timerCount // the waiter's, the next try's, the control loop's
  await clock.advance(1)
  expect(timers - clock.timerCount).toBe(2)
})

test('nor does that timer outlast the last waiter who is served by a release', async () => {
  const { pool, factory, clock } = newTestPool({ limitMax: 2, createBackoff: { initialMs: 1_000, maxMs: 1_000 } })
  const lease = await pool.acquire()
  factory.behaviour.create = 'fail'
  const waiter = watch(pool.acquire({ timeoutMs: 500 }))
  await clock.advance(9)
  expect(waiter).toEqual({})
  const timers = clock.timerCount // the waiter's, the next try's, the control loop's
  lease.release()
  await clock.advance(0)
  expect(waiter.value).toBeDefined()
  expect(timers - clock.timerCount).toBe(2)
})
