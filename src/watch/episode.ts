/**
 * A condition watched with hysteresis: it has to hold for a while before it becomes an episode, and to be gone for a
 * while before the episode is over. Plain data, so that it survives JSON.
 *
 *     calm ──holds──▶ suspected ──opensAfter──▶ open
 *      ▲                 │ gone                  │ gone for closesAfterMs
 *      └─────────────────┴───────────────────────┘
 */
export type Episode =
  | { readonly phase: 'calm' }
  | { readonly phase: 'suspected'; readonly sinceMs: number; readonly windows: number }
  | { readonly phase: 'open'; readonly openedAtMs: number; readonly seenAtMs: number }

/** When an episode opens and closes. */
export interface EpisodeRule {
  /** Windows in a row in which the condition must hold, the first included. Integer >= 1. */
  readonly opensAfterWindows: number
  /** From the end of the first of them to the end of the last, in ms. */
  readonly opensAfterMs: number
  /** Without the condition, in ms. */
  readonly closesAfterMs: number
}

export type Turn = 'opened' | 'closed' | 'none'

export const CALM: Episode = { phase: 'calm' }

/** One look at the condition. `atMs` must not go back. */
export function stepEpisode(
  episode: Episode,
  rule: EpisodeRule,
  holds: boolean,
  atMs: number,
): readonly [Episode, Turn] {
  if (episode.phase === 'open') {
    if (holds) return [{ ...episode, seenAtMs: atMs }, 'none']
    return atMs - episode.seenAtMs >= rule.closesAfterMs ? [CALM, 'closed'] : [episode, 'none']
  }
  if (!holds) return [CALM, 'none']
  const sinceMs = episode.phase === 'suspected' ? episode.sinceMs : atMs
  const windows = episode.phase === 'suspected' ? episode.windows + 1 : 1
  return windows >= rule.opensAfterWindows && atMs - sinceMs >= rule.opensAfterMs
    ? [{ phase: 'open', openedAtMs: atMs, seenAtMs: atMs }, 'opened']
    : [{ phase: 'suspected', sinceMs, windows }, 'none']
}
