import { expect, test } from 'vitest'
import { parseDemoOptions } from '../../../src/cli/demo-options.ts'

test('without arguments: the outage of the README', () => {
  expect(parseDemoOptions([])).toEqual({
    phases: [
      { name: 'calm before', durationMs: 3_000, ratePerSecond: 200 },
      { name: 'spike', durationMs: 6_000, ratePerSecond: 1_500 },
      { name: 'calm after', durationMs: 3_000, ratePerSecond: 200 },
    ],
    limitMax: 100,
    seed: 1,
    isJson: false,
  })
})

test('every option is read', () => {
  const args =
    '--url postgresql://host/db --rate 50,400.5 --seconds 1,2,0.5 --limit-max 20 --seed 7 --out a.html --json'
  expect(parseDemoOptions(args.split(' '))).toEqual({
    url: 'postgresql://host/db',
    phases: [
      { name: 'calm before', durationMs: 1_000, ratePerSecond: 50 },
      { name: 'spike', durationMs: 2_000, ratePerSecond: 400.5 },
      { name: 'calm after', durationMs: 500, ratePerSecond: 50 },
    ],
    limitMax: 20,
    seed: 7,
    out: 'a.html',
    isJson: true,
  })
})
