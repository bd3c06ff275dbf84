import { expect, test } from 'vitest'
import { newTestPool, watch } from '../../support/new-test-pool.ts'

// Found by the model test: the age was looked at when a resource was taken to be validated, and validation took time.
test('a resource that outlives its lifetime while it is validated is not lent', async () => {
  const { pool, factory, clock } = newTestPool({
    validates: true,
    validateAfterIdleMs: 0,
    lifetimeMs: 100,
    lifetimeJitter: 0,
  })
  const lease = await pool.acquire()
  await clock.advance(90)
  lease.release()
  factory.behaviour.validate = 'slow'
  const waiting = watch(pool.acquire())
  await clock.advance(30)
  expect(waiting.value?.resource.id).toBe(2)
  expect(pool.counts()).toMatchObject({ inUse: 1, idle: 0 })
})
