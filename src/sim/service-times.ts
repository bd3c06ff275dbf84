import { readOptions, show } from '../base/options.ts'
import type { Random } from '../base/random.ts'
import { exponential, naturalExp } from './exponential.ts'

/**
 * How the times of statements are distributed around their mean.
 *
 * - `'exponential'`: most are short, some a few times the mean; what simple queueing theory assumes.
 * - `'constant'`: all alike.
 * - `{ stages }`: between the two, the sum of so many exponential ones (Erlang's): with 16 they vary by a quarter of
 *   their mean, as those of one statement do that some processes execute at once.
 * - `{ heavyShare, heavyRatio }`: exponential, but a share of them (0..1) takes `heavyRatio` (>= 1) times as long as
 *   the others: reports between look-ups.
 * - `{ paretoShape }`: a power law, 1.001 at least; below 2 its variance is infinite, and the longest of a run tells.
 */
export type ServiceTimes =
  | 'exponential'
  | 'constant'
  | { readonly stages: number }
  | { readonly heavyShare: number; readonly heavyRatio: number }
  | { readonly paretoShape: number }

/** A draw with mean 1. */
export type DrawWork = (random: Random) => number

/** Reads the option `serviceTimes` of `owner`. */
export function readServiceTimes(owner: string, given: unknown): DrawWork {
  if (given === 'exponential') return exponential
  if (given === 'constant') return () => 1
  const name = `${owner}: serviceTimes`
  if (typeof given !== 'object' || given === null || Object.keys(given).length === 0) {
    const allowed = "'exponential', 'constant', { stages }, { heavyShare, heavyRatio } or { paretoShape }"
    throw new TypeError(`${name} must be ${allowed}, got ${show(given)}`)
  }
  if ('stages' in given) {
    const stages = readOptions<{ stages?: unknown }>(name, given, {}, ['stages']).count('stages', {
      min: 1,
      max: 1_000,
    })
    return (random) => {
      let sum = 0
      for (let stage = 0; stage < stages; stage++) sum += exponential(random)
      return sum / stages
    }
  }
  if ('paretoShape' in given) {
    const read = readOptions<{ paretoShape?: unknown }>(name, given, {}, ['paretoShape'])
    const shape = read.ratio('paretoShape', { min: 1.001, max: 1e6 })
    // The power of a uniform draw, by way of its logarithm, which an exponential draw is.
    return (random) => ((shape - 1) / shape) * naturalExp(exponential(random) / shape)
  }
  const read = readOptions<{ heavyShare?: unknown; heavyRatio?: unknown }>(name, given, {}, [
    'heavyShare',
    'heavyRatio',
  ])
  const share = read.ratio('heavyShare', { min: 0, max: 1 })
  const ratio = read.ratio('heavyRatio', { min: 1, max: 1e9 })
  const light = 1 / (1 - share + share * ratio)
  return (random) => exponential(random) * (random.next() < share ? light * ratio : light)
}
