import { describe, expect, test } from 'vitest'
import type { RunFigures } from '../../../src/cli/run-figures.ts'
import {
  decideOutcome,
  decideVerdict,
  formatMs,
  formatSeconds,
  formatShare,
  isDatabaseHealthy,
  type VerdictEvidence,
} from '../../../src/cli/verdict.ts'

const CALM: RunFigures = {
  offered: 10_000,
  served: 10_000,
  failed: 0,
  failedShare: 0,
  failures: [],
  latencyMsP50: 21,
  latencyMsP95: 23,
  latencyMsP99: 26,
  recoveryMs: 0,
  connectionsMax: 10,
  limitMax: 10,
  waitingMax: 3,
  directQueryMsCalm: 21,
  directQueryMsSpike: 21,
  generatorLateMsMax: 8,
}

function failing(failed: number, more: Partial<RunFigures> = {}): RunFigures {
  const { offered } = CALM
  return { ...CALM, served: offered - failed, failed, failedShare: failed / offered, firstFailureAtMs: 4_400, ...more }
}

const OUTAGE = failing(5_500, { latencyMsP99: 1_020, waitingMax: 1_500 })
const GROWN: RunFigures = { ...CALM, latencyMsP99: 80, connectionsMax: 46, limitMax: 48 }

function verdictOf(staticRun: RunFigures, adopted: RunFigures, more: Partial<VerdictEvidence> = {}) {
  const [watchedRun, adoptedRun] = [{ figures: staticRun }, { figures: adopted }]
  return decideVerdict({ staticRun, watchedRun, adoptedRun, poolMax: 10, spikeAtMs: 3_000, ...more })
}

describe('decideOutcome', () => {
  test.each([
    ['failures, and none', OUTAGE, GROWN, 'adopted-better'],
    ['many failures, and few', OUTAGE, failing(600, { latencyMsP99: 400 }), 'adopted-better'],
    ['failures, and slowness', failing(5_500, { latencyMsP99: 300 }), { ...GROWN, latencyMsP99: 900 }, 'mixed'],
    ['no failures, and some', CALM, failing(200), 'static-better'],
    ['slow, and fast', { ...CALM, latencyMsP99: 250 }, GROWN, 'adopted-better'],
    ['fast, and slow', CALM, { ...CALM, latencyMsP99: 80 }, 'static-better'],
    ['the same', CALM, CALM, 'alike'],
    ['a few ms apart', CALM, { ...CALM, latencyMsP99: 30 }, 'alike'],
    ['failures within the tolerance', failing(20), failing(40), 'alike'],
    ['the same outage twice', OUTAGE, OUTAGE, 'alike'],
  ])('static and adopted: %s', (_, staticRun, adoptedRun, outcome) => {
    expect(decideOutcome(staticRun, adoptedRun)).toBe(outcome)
  })
})

describe('the headline is true to the figures', () => {
  const slow = { directQueryMsSpike: 200 }
  test.each([
    ['an outage ridden out', OUTAGE, GROWN, /exhausted the static pool while the database was healthy\. .*rode it out/],
    ['a slow database', { ...OUTAGE, ...slow }, GROWN, /exhausted the static pool and slowed the database down/],
    ['the adopted pool failed much less', OUTAGE, failing(600), /failed too, but far less often/],
    ['the adopted pool failed somewhat less', OUTAGE, failing(4_000), /failed too, but less often/],
    [
      'it only was faster',
      { ...CALM, latencyMsP99: 250 },
      GROWN,
      /static pool survived .* adopted pool answered faster/,
    ],
    ['it failed less, but was slower', failing(5_500), { ...CALM, latencyMsP99: 900 }, /less often, but was slower/],
    ['it failed more', CALM, failing(200), /adopted pool failed more often than the static one/],
    ['it was slower', CALM, GROWN, /Neither pool failed, and the static one answered faster/],
    ['both failed alike', OUTAGE, OUTAGE, /Both pools failed alike: adoption did not help/],
    ['no trouble at all', CALM, CALM, /exhausted neither pool: there was nothing to win/],
    // Slipped through: a few failures decide nothing, and no headline was read beside the sentence that counts them.
    [
      'it only was faster, and a few failed',
      failing(40, { latencyMsP99: 250 }),
      GROWN,
      /survived this spike, but for 40 of 10,000 requests \(0\.4 %\); the adopted pool answered faster/,
    ],
    ['it was slower, and a few failed', CALM, failing(40, { latencyMsP99: 80 }), /^Hardly a request failed in either/],
  ])('%s', (_, staticRun, adoptedRun, headline) => {
    expect(verdictOf(staticRun, adoptedRun).headline).toMatch(headline)
  })
})

describe('the sentences', () => {
  test('carry the figures of the outage', () => {
    const watchedRun = { figures: OUTAGE, firstWarning: { kind: 'exhaustion-forecast', atMs: 3_120 } }
    expect(verdictOf(OUTAGE, GROWN, { watchedRun }).sentences).toEqual([
      'The static pool (max 10) failed 5,500 of 10,000 requests (55.0 %), the first 1.4 s into the spike; ' +
        'those it served had p99 1,020 ms.',
      'The same query on a connection past that pool took 21 ms in the spike, 21 ms before it (medians): ' +
        'the database was not the reason.',
      'The same pool, watched only, warned (exhaustion-forecast) 0.12 s into the spike, ' +
        '1.3 s before its first failure.',
      'The adopted pool raised its limit from 10 to 48 at most and served all of 10,000 requests, p99 80 ms.',
      'It gave no warning, and had no need to.',
    ])
  })

  test('a warning that came too late is said to have', () => {
    const firstWarning = { kind: 'exhausted', atMs: 5_400 }
    const adoptedRun = { figures: failing(600, { firstFailureAtMs: 4_900 }), firstWarning }
    const { sentences } = verdictOf(OUTAGE, CALM, { adoptedRun })
    expect(sentences[4]).toBe('It warned (exhausted) 2.4 s into the spike, 0.50 s after its first failure.')
  })

  test('a warning without any failure has no lead', () => {
    const adoptedRun = { figures: GROWN, firstWarning: { kind: 'limit-ceiling', atMs: 2_800 } }
    const { sentences } = verdictOf(OUTAGE, CALM, { adoptedRun })
    expect(sentences[4]).toBe('It warned (limit-ceiling) 0.20 s before the spike.')
  })

  test('no warning, a limit that did not grow, and no failures are said as such', () => {
    const { sentences } = verdictOf(CALM, CALM)
    expect(sentences[0]).toBe('The static pool (max 10) served all of 10,000 requests, p99 26 ms.')
    expect(sentences[1]).toContain('the database was healthy.')
    expect(sentences[2]).toBe('The same pool, watched only, gave no warning.')
    expect(sentences[3]).toMatch(/did not raise its limit above 10 and served all/)
    expect(verdictOf(OUTAGE, failing(600)).sentences[4]).toBe('It gave no warning.')
  })

  test('a server that could not carry what the adopted pool let through is a caveat', () => {
    const { sentences } = verdictOf(OUTAGE, { ...failing(600), directQueryMsSpike: 63 })
    expect(sentences[5]).toMatch(
      /the query past it took 63 ms instead of 21 ms: the server, or this machine, was at its/,
    )
  })

  test('a load generator that was late itself is a caveat', () => {
    expect(verdictOf(OUTAGE, GROWN).sentences).toHaveLength(5)
    expect(verdictOf(OUTAGE, { ...GROWN, generatorLateMsMax: 340 }).sentences[5]).toMatch(/late by up to 340 ms/)
  })
})

test.each([
  [21, 21, true],
  [21, 31, true],
  [21, 33, false],
  [1, 5, true], // a query so short that half as much again is noise
  [1, 7, false],
])('a direct query of %d ms before and %d ms in the spike: healthy %s', (calm, spike, isHealthy) => {
  expect(isDatabaseHealthy({ ...CALM, directQueryMsCalm: calm, directQueryMsSpike: spike })).toBe(isHealthy)
})

test('figures are written so that nothing reads as none but nothing', () => {
  expect([0, 0.0001, 0.0005, 0.519].map(formatShare)).toEqual(['0 %', '< 0.1 %', '0.1 %', '51.9 %'])
  expect([0.42, 9.96, 21.4, 1_020.2].map(formatMs)).toEqual(['0.4 ms', '10.0 ms', '21 ms', '1,020 ms'])
  expect([120, 1_350].map(formatSeconds)).toEqual(['0.12 s', '1.4 s'])
})
