import { readOptions, show } from '../base/options.ts'
import type { Random } from '../base/random.ts'
import { PRIORITY_MAX, PRIORITY_MIN } from '../pool/waiter-queue.ts'
import type { RequestKind } from './request.ts'
import { type Arrivals, readWorkload, type Workload } from './workload.ts'

/** One class of requests of {@link mixed}: what they are, and when they come. */
export interface MixedPart extends RequestKind {
  readonly workload: Workload
}

/**
 * Several classes of requests at once: look-ups and reports, checkouts and crawlers.
 *
 * @throws TypeError | RangeError for wrong options
 */
export function mixed(parts: readonly MixedPart[]): Workload {
  if (!Array.isArray(parts) || parts.length === 0) {
    throw new TypeError(`mixed: expected an array of parts { workload, tag?, … }, got ${show(parts)}`)
  }
  const resolved = parts.map(readPart)
  return { start: (random, durationMs) => new MixedArrivals(resolved, random, durationMs) }
}

interface Part {
  readonly workload: Workload
  readonly kind: RequestKind
}

function readPart(given: MixedPart, at: number): Part {
  const read = readOptions<MixedPart>(`mixed: parts[${at}]`, given, { work: 1, holdMsMean: 0, priority: 0 }, [
    'tag',
    'workload',
  ])
  return {
    workload: readWorkload(read),
    kind: {
      ...(read.has('tag') ? { tag: read.text('tag') } : {}),
      work: read.ratio('work', { min: Number.MIN_VALUE, max: 1e9 }),
      holdMsMean: read.durationMs('holdMsMean', { max: 1e9 }),
      priority: read.count('priority', { min: PRIORITY_MIN, max: PRIORITY_MAX }),
    },
  }
}

interface Stream {
  readonly arrivals: Arrivals
  readonly part: RequestKind
  nextAtMs: number
  /** Of the next one. */
  kind: RequestKind
}

class MixedArrivals implements Arrivals {
  readonly #streams: readonly Stream[]
  /** Where a class comes from, which may be a mixture itself. */
  readonly #origins = new Map<RequestKind, Stream>()
  kind: RequestKind | undefined

  constructor(parts: readonly Part[], random: Random, durationMs: number) {
    this.#streams = parts.map(({ workload, kind }) => {
      const arrivals = workload.start(random, durationMs)
      const nextAtMs = arrivals.nextAtMs()
      return { arrivals, part: kind, nextAtMs, kind: arrivals.kind ?? kind }
    })
  }

  nextAtMs(): number {
    let first = this.#streams[0] as Stream
    for (const stream of this.#streams) if (stream.nextAtMs < first.nextAtMs) first = stream
    const atMs = first.nextAtMs
    if (atMs === Number.POSITIVE_INFINITY) return atMs
    this.kind = first.kind
    this.#origins.set(first.kind, first)
    first.nextAtMs = first.arrivals.nextAtMs()
    first.kind = first.arrivals.kind ?? first.part
    return atMs
  }

  answered(atMs: number, kind: RequestKind | undefined): number {
    const origin = kind === undefined ? undefined : this.#origins.get(kind)
    return origin?.arrivals.answered?.(atMs, kind) ?? Number.POSITIVE_INFINITY
  }
}
