import { Deque } from './deque.ts'

/** What leaves its place in the queue by itself, when it times out. */
interface Leaving {
  readonly promise?: PromiseLike<unknown>
}

class Slot<T> extends Deque<T> {
  override push(element: T): void {
    const leave = this.append(element)
    const { promise } = (typeof element === 'object' && element !== null ? element : {}) as Leaving
    promise?.then(undefined, (reason: { name?: unknown } | undefined) => {
      if (reason?.name === 'TimeoutError') leave()
    })
  }
}

/** A queue of queues, 0 first: the surface of generic-pool's class of that name. The pool itself has its own. */
export class PriorityQueue<T> {
  readonly #slots: readonly Slot<T>[]

  /** @param size how many priorities. Integer >= 1; less is taken for 1 */
  constructor(size: number) {
    this.#slots = Array.from({ length: Math.max(Math.trunc(Number(size)) || 1, 1) }, () => new Slot<T>())
  }

  get length(): number {
    return this.#slots.reduce((length, slot) => length + slot.length, 0)
  }

  /** First of the highest priority. */
  get head(): T | undefined {
    return this.#slots.find((slot) => slot.length > 0)?.head
  }

  /** Last of the lowest priority. */
  get tail(): T | undefined {
    return this.#slots.findLast((slot) => slot.length > 0)?.tail
  }

  /** @param priority 0 is the highest; one out of range is the lowest. @defaultValue 0 */
  enqueue(element: T, priority?: number): void {
    const wanted = Math.trunc(Number(priority)) || 0
    this.#slots.at(wanted >= 0 && wanted < this.#slots.length ? wanted : -1)?.push(element)
  }

  dequeue(): T | undefined {
    return this.#slots.find((slot) => slot.length > 0)?.shift()
  }
}
