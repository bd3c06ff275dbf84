import { describe, expect, test } from 'vitest'
import { burnRate, isBurning, NO_BURN, stepBurn } from '../../../src/watch/burn.ts'
import { isFlapping, isStorm, NO_CHURN, stepChurn } from '../../../src/watch/churn.ts'
import { isStalling, NO_STALL, stepStall } from '../../../src/watch/stall.ts'
import { sampleOf } from '../../support/sample-of.ts'

describe('event loop', () => {
  const seeing = (delaysMs: readonly number[]) =>
    delaysMs.reduce(
      (stall, loopDelayMs, i) => stepStall(stall, sampleOf({ atMs: 250 * (i + 1), loopDelayMs })),
      NO_STALL,
    )

  test.each([
    ['a collection of garbage is no stall', [120, 0, 0], false],
    ['half a second is', [500], true],
    ['so are many tenths of a second', [150, 150, 150], true],
    ['a busy neighbour is none', new Array(40).fill(70), false],
    ['it is over within seconds', [500, ...new Array(12).fill(0)], false],
  ])('%s', (_, delaysMs, stalls) => {
    expect(isStalling(seeing(delaysMs))).toBe(stalls)
  })

  test.each([
    ['while it stood still and nobody was in the pool, nobody has felt it', { cpuMs: 5 }, false],
    ['that it computed is felt by whoever comes next', { cpuMs: 4_000 }, true],
    ['who held a lease has felt it', { cpuMs: 5, inUse: 1 }, true],
    ['so has who waited', { cpuMs: 5, waiters: 1 }, true],
    ['where nothing is known of the CPU, a stall is one', {}, true],
  ])('%s', (_, seen, stalls) => {
    expect(isStalling(stepStall(NO_STALL, sampleOf({ loopDelayMs: 5_000, ...seen })))).toBe(stalls)
  })
})

describe('creation and limit', () => {
  const seeing = (seen: readonly { live?: number; created?: number; limit?: number }[]) =>
    seen.reduce((churn, one) => stepChurn(churn, sampleOf(one)), NO_CHURN)

  test('a pool that fills up is no storm', () => {
    expect(isStorm(seeing([{ live: 0 }, { live: 40, created: 40 }, { live: 100, created: 60 }]))).toBe(false)
  })

  test('resources that are opened again and again are one', () => {
    expect(isStorm(seeing(Array.from({ length: 40 }, () => ({ live: 10, created: 1 }))))).toBe(true)
  })

  test('a limit that goes up and down flaps, one that climbs does not', () => {
    const waves = Array.from({ length: 16 }, (_, i) => ({ limit: i % 2 === 0 ? 10 : 20 }))
    const climb = Array.from({ length: 16 }, (_, i) => ({ limit: 10 + 5 * i }))
    const wavers = Array.from({ length: 16 }, (_, i) => ({ limit: 100 + (i % 2) }))
    expect([waves, climb, wavers].map((seen) => isFlapping(seeing(seen)))).toEqual([true, false, false])
  })
})

describe('wait SLO', () => {
  const seeing = (windows: number, slowGrants: number) => {
    let burn = NO_BURN
    for (let i = 0; i < windows; i++) burn = stepBurn(burn, sampleOf({ grants: 100, slowGrants }))
    return burn
  }

  test('one in a hundred is allowed, one in five burns', () => {
    expect(isBurning(seeing(240, 1), false)).toBe(false)
    expect(burnRate(seeing(240, 1).fast)).toBeCloseTo(1)
    expect(isBurning(seeing(8, 20), false)).toBe(true)
  })

  test('a burst that is over has burned too little of the budget', () => {
    let burn = seeing(240, 0)
    burn = stepBurn(burn, sampleOf({ grants: 100, slowGrants: 100 }))
    expect(isBurning(burn, false)).toBe(false)
  })
})
