import fc from 'fast-check'
import { expect, test } from 'vitest'
import { type Move, nextMove, type Situation } from '../../../src/pool/next-move.ts'

type Facts = Omit<Situation, 'live' | 'size'>

const QUIET: Facts = {
  limit: 10,
  creating: 0,
  idle: 0,
  validating: 0,
  inUse: 0,
  destroying: 0,
  waiters: 0,
  isPaused: false,
  liveWanted: 0,
  creatingMax: 4,
  isCreateDue: true,
}

function situation(facts: Facts): Situation {
  const live = facts.creating + facts.idle + facts.validating + facts.inUse
  const isCreateDue = facts.isCreateDue || facts.creating === 0 // the first always is
  return { ...facts, isCreateDue, live, size: live + facts.destroying }
}

const TABLE: readonly [string, Partial<Facts>, Move][] = [
  ['nothing is asked for', {}, 'rest'],
  ['nobody waits beside idle entries', { idle: 3 }, 'rest'],
  ['somebody waits beside an idle entry', { waiters: 1, idle: 1 }, 'lend'],
  ['lending comes before evicting what is over the limit', { waiters: 1, idle: 9, inUse: 4 }, 'lend'],
  ['who waits is served from what is validated for him', { waiters: 1, idle: 1, validating: 1 }, 'rest'],
  ['a second one waits', { waiters: 2, idle: 1, validating: 1 }, 'lend'],
  ['as many are in use as the limit allows', { limit: 2, waiters: 1, idle: 1, inUse: 2 }, 'evict'],
  [
    'those in use and those being validated reach the limit',
    { limit: 2, waiters: 3, idle: 1, inUse: 1, validating: 1 },
    'evict',
  ],
  ['more are live than the limit, one of them idle', { limit: 2, idle: 1, inUse: 2 }, 'evict'],
  ['more are live than the limit, none of them idle', { limit: 2, inUse: 3 }, 'rest'],
  ['what is leaving needs no second push', { limit: 2, idle: 1, inUse: 1, destroying: 3 }, 'rest'],
  ['somebody waits and there is room', { waiters: 1, inUse: 9 }, 'create'],
  ['what is leaving still holds its slot', { waiters: 1, inUse: 9, destroying: 1 }, 'rest'],
  ['each who waits has a create under way', { waiters: 2, creating: 2 }, 'rest'],
  ['as many creates are under way as the waiters justify', { waiters: 9, creating: 1, isCreateDue: false }, 'rest'],
  ['the waiters justify more creates', { waiters: 9, creating: 1 }, 'create'],
  ['as many creates are under way as may be', { waiters: 9, creating: 4 }, 'rest'],
  ['creation is backing off', { waiters: 9, creatingMax: 0 }, 'rest'],
  ['paused, beside an idle entry', { waiters: 1, idle: 1, isPaused: true }, 'rest'],
  ['paused, with room', { waiters: 1, isPaused: true }, 'rest'],
  ['paused, over the limit', { limit: 1, waiters: 1, idle: 2, isPaused: true }, 'evict'],
  ['warming up', { liveWanted: 3, idle: 1, creating: 1 }, 'create'],
  ['warmed up', { liveWanted: 3, idle: 1, creating: 2 }, 'rest'],
  ['warming up beyond the limit', { limit: 2, liveWanted: 3, idle: 2 }, 'rest'],
  ['warming up while paused', { liveWanted: 1, isPaused: true }, 'create'],
]

test.each(TABLE)('%s: %o: %s', (_, facts, move) => {
  expect(nextMove(situation({ ...QUIET, ...facts }))).toBe(move)
})

const anyFacts: fc.Arbitrary<Facts> = fc.record({
  limit: fc.integer({ min: 1, max: 12 }),
  creating: fc.nat(4),
  idle: fc.nat(6),
  validating: fc.nat(4),
  inUse: fc.nat(12),
  destroying: fc.nat(4),
  waiters: fc.nat(12),
  isPaused: fc.boolean(),
  liveWanted: fc.nat(12),
  creatingMax: fc.nat(5),
  isCreateDue: fc.boolean(),
})

/** What the engine makes of a move; a lend may find a resource ready or have it validated first. */
function perform(move: Move, facts: Facts, isReady: boolean): Facts {
  switch (move) {
    case 'lend':
      return isReady
        ? { ...facts, idle: facts.idle - 1, inUse: facts.inUse + 1, waiters: facts.waiters - 1 }
        : { ...facts, idle: facts.idle - 1, validating: facts.validating + 1 }
    case 'evict':
      return { ...facts, idle: facts.idle - 1, destroying: facts.destroying + 1 }
    case 'create':
      return { ...facts, creating: facts.creating + 1 }
    case 'rest':
      return facts
  }
}

function playedOut(facts: Facts, isReady: boolean): { readonly moves: readonly Move[]; readonly end: Facts } {
  const moves: Move[] = []
  let end = facts
  for (let move = nextMove(situation(end)); move !== 'rest'; move = nextMove(situation(end))) {
    const before = situation(end)
    if (move === 'create') expect(before.size).toBeLessThan(before.limit) // I1
    if (move === 'create') expect(before.creating).toBeLessThan(before.creatingMax)
    if (move !== 'create') expect(before.idle).toBeGreaterThan(0)
    if (move === 'lend') expect(before.inUse).toBeLessThan(before.limit)
    moves.push(move)
    expect(moves.length).toBeLessThan(100)
    end = perform(move, end, isReady)
  }
  return { moves, end }
}

test('played out from any situation, moves end, keep I1, and leave I2 and I3 true', () => {
  fc.assert(
    fc.property(anyFacts, fc.boolean(), (facts, isReady) => {
      const { end } = playedOut(facts, isReady)
      const { limit, size, creating, idle, validating, inUse, waiters } = situation(end)
      const isWanted = !end.isPaused && waiters > validating
      if (isWanted && inUse + validating < limit) expect(idle).toBe(0) // I2
      if (isWanted && size < limit && end.creatingMax > 0) expect(creating).toBeGreaterThan(0) // I3
    }),
    { numRuns: 2_000 },
  )
})

test('played out, nothing idle is kept over the limit, and what is within it is never evicted', () => {
  fc.assert(
    fc.property(anyFacts, fc.boolean(), (facts, isReady) => {
      const { moves, end } = playedOut(facts, isReady)
      if (situation(end).live > end.limit) expect(end.idle).toBe(0)
      const evicted = moves.filter((move) => move === 'evict').length
      expect(evicted).toBeLessThanOrEqual(Math.max(0, situation(facts).live - facts.limit))
    }),
    { numRuns: 2_000 },
  )
})
