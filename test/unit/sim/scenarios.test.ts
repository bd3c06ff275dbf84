import { expect, test } from 'vitest'
import { scenarios } from '../../../src/sim/scenarios.ts'
import { simulate } from '../../../src/sim/simulate.ts'

test.each(Object.entries(scenarios))('%s bears its name, says what it stands for, and runs', async (key, scenario) => {
  const { options, trigger, name, says } = scenario
  expect(name).toBe(key)
  expect(says).toMatch(/^[A-Z].{20,120}\.$/)
  expect([trigger.fromMs, trigger.toMs]).toContain(options.recoverFromMs)
  expect(trigger.toMs).toBeLessThanOrEqual(options.durationMs)
  expect(options.recoverFromMs).toBeLessThan(options.durationMs)
  const { summary } = await simulate({ ...options, durationMs: 1_000 })
  expect(summary.offered).toBe(
    summary.completed + summary.timedOut + summary.shed + summary.failed + summary.unfinished,
  )
})

test('there are enough of them', () => {
  expect(Object.keys(scenarios).length).toBeGreaterThanOrEqual(24)
})
