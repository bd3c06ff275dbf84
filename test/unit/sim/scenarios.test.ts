import { expect, test } from 'vitest'
import { scenarios } from '../../../src/sim/scenarios.ts'
import { simulate } from '../../../src/sim/simulate.ts'

test.each(Object.entries(scenarios))('%s bears its name, says what it stands for, and runs', async (key, scenario) => {
  expect(scenario.name).toBe(key)
  expect(scenario.says).toMatch(/^[A-Z].{20,120}\.$/)
  expect(scenario.options.recoverFromMs).toBeLessThan(scenario.options.durationMs)
  const { summary } = await simulate({ ...scenario.options, durationMs: 1_000, pool: {} })
  expect(summary.offered).toBe(
    summary.completed + summary.timedOut + summary.shed + summary.failed + summary.unfinished,
  )
})
