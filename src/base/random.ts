/** The library's only access to chance. */
export interface Random {
  /** Uniform in [0, 1). */
  next(): number
}

/** Chance that nobody needs to repeat. */
export const systemRandom: Random = { next: () => Math.random() }

/** What throws, or is no share, counts as one half: it is asked at the end of creates, and people wait for those. */
export function harmlessRandom(random: Random): Random {
  return {
    next() {
      try {
        const share = random.next()
        if (typeof share === 'number' && share >= 0 && share < 1) return share
      } catch {
        // A pool without chance is worth more than none.
      }
      return 0.5
    },
  }
}

/**
 * The same sequence for the same seed, on every machine and version of Node (32-bit integer arithmetic only).
 *
 * @param seed any number; its low 32 bits count
 * @source xorshift32: Marsaglia 2003, "Xorshift RNGs", Journal of Statistical Software 8(14), triple (13, 17, 5)
 */
export function seededRandom(seed: number): Random {
  // The spread keeps neighbouring seeds apart; the state must not be 0, where xorshift stands still.
  let state = (Math.imul(seed | 0, 7919) + 13) | 0 || 13
  return {
    next() {
      state ^= state << 13
      state ^= state >>> 17
      state ^= state << 5
      return (state >>> 0) / 2 ** 32
    },
  }
}
