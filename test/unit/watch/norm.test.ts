import { expect, test } from 'vitest'
import { type Norm, stepNorm, timesNorm, UNKNOWN_NORM } from '../../../src/watch/norm.ts'

function learn(norm: Norm, value: number, windows: number, isPressed = false): Norm {
  let next = norm
  for (let i = 0; i < windows; i++) next = stepNorm(next, value, 250, isPressed)
  return next
}

test('what little has been seen is averaged', () => {
  const norm = stepNorm(stepNorm(UNKNOWN_NORM, 10, 250, false), 20, 250, false)
  expect(norm.value).toBeCloseTo(15)
})

test('a surge of seconds hardly moves what was learned in calm', () => {
  const norm = learn(learn(UNKNOWN_NORM, 10, 8), 70, 16, true)
  expect(timesNorm(norm, 70)).toBeGreaterThan(5)
})

test('what lasts for minutes becomes the norm, pressure or not', () => {
  const norm = learn(learn(UNKNOWN_NORM, 10, 240), 70, 4 * 60 * 15, true)
  expect(timesNorm(norm, 70)).toBeLessThan(1.1)
})

test('a pool that has known nothing but pressure takes it for its norm', () => {
  expect(learn(UNKNOWN_NORM, 70, 20, true).value).toBeCloseTo(70)
})

test('a night of rest is not forgotten, nor does it erase the days', () => {
  const norm = stepNorm(learn(UNKNOWN_NORM, 10, 600), 0, 8 * 3_600_000, false)
  expect(norm.value).toBeGreaterThan(9)
})

test('without a norm, everything is usual', () => {
  expect(timesNorm(UNKNOWN_NORM, 1_000)).toBe(1)
})
