import type { Entry } from './ledger.ts'

/**
 * Idle entries in order of idling. Lends the newest, so that the rest can grow old and be evicted (or, where it
 * stands in for a pool that does so, the oldest); evicts the oldest.
 * A list through the entries themselves: in, out and away are O(1) and allocate nothing.
 *
 *     oldest <-> … <-> newest
 */
export class IdleSet<T> {
  #oldest: Entry<T> | undefined
  #newest: Entry<T> | undefined
  readonly #lends: 'newest' | 'oldest'

  constructor(lends: 'newest' | 'oldest' = 'newest') {
    this.#lends = lends
  }

  /** Which to lend. */
  get next(): Entry<T> | undefined {
    return this.#lends === 'newest' ? this.#newest : this.#oldest
  }

  get oldest(): Entry<T> | undefined {
    return this.#oldest
  }

  get newest(): Entry<T> | undefined {
    return this.#newest
  }

  /** A copy, oldest first. */
  entries(): readonly Entry<T>[] {
    const entries: Entry<T>[] = []
    for (let entry = this.#oldest; entry !== undefined; entry = entry.newer) entries.push(entry)
    return entries
  }

  add(entry: Entry<T>): void {
    entry.older = this.#newest
    if (this.#newest === undefined) this.#oldest = entry
    else this.#newest.newer = entry
    this.#newest = entry
  }

  remove(entry: Entry<T>): void {
    if (entry.older === undefined) this.#oldest = entry.newer
    else entry.older.newer = entry.newer
    if (entry.newer === undefined) this.#newest = entry.older
    else entry.newer.older = entry.older
    entry.older = undefined
    entry.newer = undefined
  }
}
