import { expect, test } from 'vitest'
import { holdersOf } from '../../../src/watch/holders.ts'

test('leases are grouped by tag, most of them first, with the age of the oldest', () => {
  const leases = [
    { tag: '/cart', sinceMs: 900 },
    { tag: '/report', sinceMs: 100 },
    { tag: '/cart', sinceMs: 400 },
  ]
  expect(holdersOf(leases, 1_000)).toEqual([
    { holder: '/cart', count: 2, oldestMs: 600 },
    { holder: '/report', count: 1, oldestMs: 900 },
  ])
})

test('of holders with as many leases, the one with the oldest comes first', () => {
  const leases = [
    { tag: 'young', sinceMs: 900 },
    { tag: 'old', sinceMs: 100 },
  ]
  expect(holdersOf(leases, 1_000).map(({ holder }) => holder)).toEqual(['old', 'young'])
})

test('leases without a tag are one holder', () => {
  const leases = [
    { tag: undefined, sinceMs: 0 },
    { tag: undefined, sinceMs: 10 },
  ]
  expect(holdersOf(leases, 20)).toEqual([{ holder: 'untagged', count: 2, oldestMs: 20 }])
})

test('nobody holds anything when nothing is out', () => {
  expect(holdersOf([], 5)).toEqual([])
})
