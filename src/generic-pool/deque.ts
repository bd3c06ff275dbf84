interface Node<T> {
  readonly data: T
  older: Node<T> | undefined
  newer: Node<T> | undefined
}

/** A queue with two ends, each O(1): the surface of generic-pool's class of that name. */
export class Deque<T> implements Iterable<T> {
  #first: Node<T> | undefined
  #last: Node<T> | undefined
  #length = 0

  get length(): number {
    return this.#length
  }

  get head(): T | undefined {
    return this.#first?.data
  }

  get tail(): T | undefined {
    return this.#last?.data
  }

  push(element: T): void {
    this.append(element)
  }

  unshift(element: T): void {
    const node: Node<T> = { data: element, older: undefined, newer: this.#first }
    if (this.#first === undefined) this.#last = node
    else this.#first.older = node
    this.#first = node
    this.#length += 1
  }

  shift(): T | undefined {
    const node = this.#first
    if (node !== undefined) this.#remove(node)
    return node?.data
  }

  pop(): T | undefined {
    const node = this.#last
    if (node !== undefined) this.#remove(node)
    return node?.data
  }

  /** First to last. What is taken out meanwhile is passed over. */
  iterator(): Iterator<T> {
    return this.#walk('newer')
  }

  /** Last to first. */
  reverseIterator(): Iterator<T> {
    return this.#walk('older')
  }

  [Symbol.iterator](): Iterator<T> {
    return this.#walk('newer')
  }

  /** As push(). @returns takes the element out again; harmless when it is out already */
  protected append(element: T): () => void {
    const node: Node<T> = { data: element, older: this.#last, newer: undefined }
    if (this.#last === undefined) this.#first = node
    else this.#last.newer = node
    this.#last = node
    this.#length += 1
    return () => {
      if (this.#first === node || node.older !== undefined) this.#remove(node)
    }
  }

  #remove(node: Node<T>): void {
    const { older, newer } = node
    if (older === undefined) this.#first = newer
    else older.newer = newer
    if (newer === undefined) this.#last = older
    else newer.older = older
    node.older = undefined // `newer` stays: an iterator that stands here finds its way on
    this.#length -= 1
  }

  *#walk(direction: 'older' | 'newer'): Generator<T, void> {
    let node = direction === 'newer' ? this.#first : this.#last
    for (; node !== undefined; node = node[direction]) yield node.data
  }
}
