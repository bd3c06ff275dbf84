import { expect, test } from 'vitest'
import { aimd } from '../../../src/control/aimd.ts'
import { hybrid } from '../../../src/control/hybrid.ts'
import type { WatchEvents } from '../../../src/watch/warning.ts'
import { newTestPool, watch } from '../../support/new-test-pool.ts'

// Slipped through, since no test of the watch had a pool that was paused.
test('a paused pool is idle by hand, however many wait: to size it is not the way out', async () => {
  const { pool, clock } = newTestPool({ limitMax: 4, controller: hybrid(), watch: {} })
  const warnings: WatchEvents['warning'][] = []
  pool.on('warning', (warning) => warnings.push(warning))
  const ask = async () => {
    const lease = watch(pool.acquire({ timeoutMs: 500 }))
    await clock.advance(20)
    lease.value?.release()
  }
  for (let i = 0; i < 200; i++) await ask()
  expect(pool.diagnose().verdict).toBe('healthy')
  pool.pause()
  for (let i = 0; i < 100; i++) await ask()
  const paused = pool.diagnose()
  expect(paused).toMatchObject({ verdict: 'idle', otherVerdicts: [], advice: [expect.stringContaining('resume()')] })
  expect(paused.evidence[0]).toEqual({ what: 'paused by hand', value: 'until resume()' })
  expect(paused.evidence).toContainEqual({ what: 'callers waiting', value: 24 })
  expect(warnings.map(({ kind, cause }) => [kind, cause])).toEqual([['wait-slo-burn', 'idle']])
  expect(warnings[0]?.advice).toEqual(paused.advice)
  pool.resume()
  await clock.advance(1_000)
  expect(pool.diagnose().verdict).not.toBe('idle')
})

test('that creating fails is told of a paused pool, too', async () => {
  const { pool, factory, clock } = newTestPool({ watch: {} })
  pool.pause()
  watch(pool.acquire())
  factory.behaviour.create = 'fail'
  watch(pool.warmUp(1))
  await clock.advance(2_000)
  expect(pool.diagnose()).toMatchObject({ verdict: 'creation-failing', otherVerdicts: ['idle'] })
  expect(pool.diagnose().advice.at(-1)).toMatch(/resume\(\)/)
})

test('a leak that was there before the pause is told beside it', async () => {
  const { pool, clock } = newTestPool({ limitMax: 4, watch: { leaseAgeMs: 5_000 } })
  watch(pool.acquire())
  watch(pool.acquire())
  await clock.advance(10)
  pool.pause()
  watch(pool.acquire())
  await clock.advance(10_000)
  expect(pool.diagnose()).toMatchObject({ verdict: 'idle', otherVerdicts: ['leak'] })
})

test('who waits for resume() is not short of resources: neither exhausted, nor at the ceiling', async () => {
  const { pool, clock } = newTestPool({ limitMax: 4, limitInitial: 4, controller: aimd(), watch: {} })
  const told: string[] = []
  pool.on('warning', ({ kind }) => told.push(kind))
  pool.on('exhausted', () => told.push('exhausted'))
  pool.pause()
  watch(pool.acquire())
  await clock.advance(10_000)
  expect(told).toEqual([])
  pool.resume()
  await clock.advance(10)
  expect(pool.counts()).toMatchObject({ waiters: 0, inUse: 1 })
})

test('who stands in line when a pool is paused has recovered with the pause', async () => {
  const { pool, clock } = newTestPool({ limitMax: 1, watch: {} })
  const told: string[] = []
  pool.on('exhausted', () => told.push('exhausted'))
  pool.on('recovered', () => told.push('recovered'))
  watch(pool.acquire())
  watch(pool.acquire())
  await clock.advance(3_000)
  pool.pause()
  await clock.advance(3_000)
  expect(told).toEqual(['exhausted', 'recovered'])
})
