/** What a heap can hold: a rank, and where in the heap it stands, which the heap itself keeps. */
export interface Ranked {
  /** The smallest comes first. Whoever changes it says so: `moved`. */
  readonly rank: number
  /** Decides between equal ranks: the smaller comes first. */
  readonly order: number
  /** Written by the heap; -1 outside it. */
  heapIndex: number
}

/**
 * A binary heap whose items know their place, so that one can leave from the middle: timers that were cancelled
 * would otherwise fill the heap until their time comes, and most timers of a pool are cancelled.
 */
export class Heap<T extends Ranked> {
  readonly #items: T[] = []

  get size(): number {
    return this.#items.length
  }

  /** The item that comes first. */
  get first(): T | undefined {
    return this.#items[0]
  }

  push(item: T): void {
    this.#items.push(item)
    this.#rise(item, this.#items.length - 1)
  }

  /** Takes out the item that comes first. */
  pop(): T | undefined {
    const first = this.#items[0]
    if (first !== undefined) this.remove(first)
    return first
  }

  /** To be called when the rank or order of an item has changed; one that was outside enters. */
  moved(item: T): void {
    if (this.#has(item)) this.#place(item, item.heapIndex)
    else this.push(item)
  }

  /** All items, in no order. */
  items(): readonly T[] {
    return this.#items
  }

  /** False: it was not in the heap. */
  remove(item: T): boolean {
    if (!this.#has(item)) return false
    const at = item.heapIndex
    item.heapIndex = -1
    const last = this.#items.pop() as T
    if (last !== item) this.#place(last, at) // the last item fills the hole
    return true
  }

  /** An index of -1 is not looked up: outside its bounds an array is searched like any object, ten times as long. */
  #has(item: T): boolean {
    return item.heapIndex >= 0 && this.#items[item.heapIndex] === item
  }

  /** Moves `item` from the hole at `at` to where it belongs: above it, if the hole was in another branch, or below. */
  #place(item: T, at: number): void {
    if (at > 0 && isBefore(item, this.#items[(at - 1) >> 1] as T)) this.#rise(item, at)
    else this.#sink(item, at)
  }

  /** Moves `item` up from the hole at `at`, to where its parent comes before it. */
  #rise(item: T, at: number): void {
    const items = this.#items
    while (at > 0) {
      const above = (at - 1) >> 1
      const parent = items[above] as T
      if (!isBefore(item, parent)) break
      items[at] = parent
      parent.heapIndex = at
      at = above
    }
    items[at] = item
    item.heapIndex = at
  }

  /** Moves `item` down from the hole at `at`, to where it comes before its children. */
  #sink(item: T, at: number): void {
    const items = this.#items
    for (let below = 2 * at + 1; below < items.length; below = 2 * at + 1) {
      if (below + 1 < items.length && isBefore(items[below + 1] as T, items[below] as T)) below += 1
      const child = items[below] as T
      if (!isBefore(child, item)) break
      items[at] = child
      child.heapIndex = at
      at = below
    }
    items[at] = item
    item.heapIndex = at
  }
}

function isBefore(a: Ranked, b: Ranked): boolean {
  return a.rank < b.rank || (a.rank === b.rank && a.order < b.order)
}
