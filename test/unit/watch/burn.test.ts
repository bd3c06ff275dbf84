import { expect, test } from 'vitest'
import { newTestWatch } from '../../support/new-test-watch.ts'

// Found with a seed of chance: once told, only acquires that went well could end it, and nobody asked any more.
test('wait-slo-burn is over once nobody asks any more', () => {
  const given = newTestWatch()
  for (let i = 0; i < 40; i++) given.see({ arrivals: 10, completions: 5, grants: 5, timedOut: 5 })
  expect(given.kinds()).toContain('wait-slo-burn')
  for (let i = 0; i < 240 && !given.watch.isQuiet; i++) given.see({})
  expect(given.watch.isQuiet).toBe(true)
})
