import { expect, test } from 'vitest'
import { CALM, type Episode, type EpisodeRule, stepEpisode, type Turn } from '../../../src/watch/episode.ts'

const RULE: EpisodeRule = { opensAfterWindows: 3, opensAfterMs: 200, closesAfterMs: 500 }

/** Looks each 100 ms; '#': the condition holds. */
function turns(looks: string, rule: EpisodeRule = RULE): readonly Turn[] {
  let episode: Episode = CALM
  return Array.from(looks, (look, i) => {
    const [next, turn] = stepEpisode(episode, rule, look === '#', i * 100)
    episode = JSON.parse(JSON.stringify(next))
    return turn
  })
}

test('an episode opens once the condition has held for long enough', () => {
  expect(turns('###')).toEqual(['none', 'none', 'opened'])
})

test('a condition that breaks starts from the beginning', () => {
  expect(turns('##.##')).not.toContain('opened')
})

test('enough windows are not enough time', () => {
  expect(turns('###', { ...RULE, opensAfterMs: 201 })).not.toContain('opened')
})

test('an open episode says nothing while the condition holds', () => {
  expect(turns('########').filter((turn) => turn !== 'none')).toEqual(['opened'])
})

test('an episode closes once the condition has been gone for long enough', () => {
  expect(turns('###.....')).toEqual(['none', 'none', 'opened', 'none', 'none', 'none', 'none', 'closed'])
})

test('a condition that comes back in between keeps the episode open', () => {
  expect(turns('###....#....').filter((turn) => turn !== 'none')).toEqual(['opened'])
})

test('a rule without patience opens and closes at once', () => {
  const rule = { opensAfterWindows: 1, opensAfterMs: 0, closesAfterMs: 0 }
  expect(turns('#.#.', rule)).toEqual(['opened', 'closed', 'opened', 'closed'])
})
