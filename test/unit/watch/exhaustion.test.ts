import { describe, expect, test } from 'vitest'
import type { Sample } from '../../../src/measure/sample.ts'
import {
  type ExhaustionState,
  type ExhaustionTurn,
  INITIAL_EXHAUSTION,
  stepExhaustion,
} from '../../../src/watch/exhaustion.ts'
import { sampleOf } from '../../support/sample-of.ts'

const RULE = { exhaustedAfterMs: 1_000, recoveredAfterMs: 600 }

interface Look {
  readonly atMs: number
  readonly waitingSinceMs?: number
  readonly seen?: Partial<Sample>
  readonly isCreationFailing?: boolean
}

/** All ten are out. */
const FULL: Partial<Sample> = { live: 10, idle: 0, inUse: 10, waiters: 5 }
/** Six are out, four are being created. */
const CREATING: Partial<Sample> = { live: 10, idle: 0, inUse: 6, creating: 4, waiters: 5 }

/** What each look is answered with; the state goes through JSON in between. */
function turns(looks: readonly Look[]): readonly ExhaustionTurn[] {
  let state: ExhaustionState = INITIAL_EXHAUSTION
  return looks.map(({ atMs, waitingSinceMs, seen = FULL, isCreationFailing = false }) => {
    const sample = sampleOf({ ...(waitingSinceMs === undefined ? { inUse: 5, live: 10, idle: 5 } : seen), atMs })
    const [next, turn] = stepExhaustion(state, { sample, waitingSinceMs, isCreationFailing }, RULE)
    state = JSON.parse(JSON.stringify(next))
    return turn
  })
}

function every(stepMs: number, fromMs: number, toMs: number, look: Omit<Look, 'atMs'>): readonly Look[] {
  return Array.from({ length: Math.floor((toMs - fromMs) / stepMs) + 1 }, (_, i) => ({
    atMs: fromMs + i * stepMs,
    ...look,
  }))
}

function names(looks: readonly Look[]): readonly string[] {
  return turns(looks).flatMap(({ turn }) => (turn === 'none' ? [] : [turn]))
}

describe('exhausted', () => {
  test('callers who have waited for exhaustedAfterMs at the limit are an episode, told with the exact time', () => {
    const told = turns(every(250, 250, 1_250, { waitingSinceMs: 130 }))
    expect(told.slice(0, -1).every(({ turn }) => turn === 'none')).toBe(true)
    expect(told.at(-1)).toEqual({ turn: 'exhausted', cause: 'limit', forMs: 1_120 })
  })

  test('a queue that was empty for a moment within a window starts afresh', () => {
    const looks = [...every(250, 250, 1_000, { waitingSinceMs: 130 }), { atMs: 1_250, waitingSinceMs: 1_100 }]
    expect(names(looks)).toEqual([])
  })

  test('it is told once, however long it lasts', () => {
    expect(names(every(250, 250, 60_000, { waitingSinceMs: 0 }))).toEqual(['exhausted'])
  })

  test('waiting while the pool grows is none: creation gets on', () => {
    expect(names(every(250, 250, 5_000, { waitingSinceMs: 0, seen: { ...CREATING, created: 2 } }))).toEqual([])
  })

  test('after growth, the time at the limit is counted from where growth ended', () => {
    const looks = [
      ...every(250, 250, 1_000, { waitingSinceMs: 0, seen: { ...CREATING, created: 2 } }),
      ...every(250, 1_250, 2_000, { waitingSinceMs: 0 }),
    ]
    expect(turns(looks).at(-1)).toEqual({ turn: 'exhausted', cause: 'limit', forMs: 1_000 })
  })

  test('with creation failing, the cause is creation', () => {
    const looks = every(500, 500, 1_000, { waitingSinceMs: 0, seen: { ...FULL, live: 3 }, isCreationFailing: true })
    expect(turns(looks).at(-1)).toEqual({ turn: 'exhausted', cause: 'creation', forMs: 1_000 })
  })

  test('with creation failing and the limit cut for it, the cause is creation still', () => {
    const looks = every(500, 500, 1_000, { waitingSinceMs: 0, isCreationFailing: true })
    expect(turns(looks).at(-1)).toMatchObject({ turn: 'exhausted', cause: 'creation' })
  })

  test('a create that hangs is given twice as long as one that fails', () => {
    const looks = every(250, 250, 2_000, { waitingSinceMs: 0, seen: CREATING })
    const told = turns(looks)
    expect(told.findIndex(({ turn }) => turn === 'exhausted')).toBe(looks.length - 1)
    expect(told.at(-1)).toEqual({ turn: 'exhausted', cause: 'creation', forMs: 2_000 })
  })

  test('slots held by what is being destroyed count as the limit', () => {
    const looks = every(500, 500, 1_000, { waitingSinceMs: 0, seen: { ...FULL, live: 7, inUse: 7 } })
    expect(turns(looks).at(-1)).toMatchObject({ cause: 'limit' })
  })

  test('callers who wait beside idle resources wait for something else', () => {
    expect(names(every(250, 250, 5_000, { waitingSinceMs: 0, seen: { live: 10, idle: 10, waiters: 3 } }))).toEqual([])
  })
})

describe('recovered', () => {
  const episode = every(250, 250, 1_000, { waitingSinceMs: 0 })

  test('it comes once nobody has stood in line for recoveredAfterMs, and lasts as long as callers did', () => {
    const told = turns([...episode, ...every(200, 1_200, 1_600, {})])
    expect(told.at(-1)).toMatchObject({ turn: 'recovered', cause: 'limit', exhaustedMs: 1_000 })
  })

  test('short queues do not hinder it', () => {
    const looks = [{ atMs: 1_200, waitingSinceMs: 1_150 }, { atMs: 1_400, waitingSinceMs: 1_350 }, { atMs: 1_600 }]
    expect(names([...episode, ...looks])).toEqual(['exhausted', 'recovered'])
  })

  test('a queue that stands again within that time belongs to the same episode', () => {
    const again = every(250, 1_500, 3_000, { waitingSinceMs: 1_050 })
    expect(names([...episode, { atMs: 1_250 }, ...again, ...every(250, 3_250, 4_000, {})])).toEqual([
      'exhausted',
      'recovered',
    ])
  })

  test('it tells what the episode cost, from the first wait on', () => {
    const looks = [
      { atMs: 100, waitingSinceMs: 0, seen: { ...FULL, queueFull: 1 } },
      { atMs: 1_000, waitingSinceMs: 0, seen: { ...FULL, timedOut: 3 } },
      { atMs: 1_500, waitingSinceMs: 0, seen: { ...FULL, shed: 2, createRefused: 4 } },
      { atMs: 2_500 },
    ]
    expect(turns(looks).at(-1)).toMatchObject({ cost: { timedOut: 3, shed: 2, others: 5 } })
  })

  test('what failed in an earlier queue is not its cost', () => {
    const looks = [{ atMs: 0, waitingSinceMs: -5, seen: { ...FULL, shed: 9 } }, { atMs: 10 }]
    const told = turns([...looks, ...every(500, 500, 1_500, { waitingSinceMs: 100 }), { atMs: 2_500 }])
    expect(told.at(-1)).toMatchObject({ turn: 'recovered', cost: { shed: 0 } })
  })
})
