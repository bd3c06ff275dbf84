import theirs from 'generic-pool'
import { expect, test } from 'vitest'
import * as ours from '../../../src/generic-pool/index.ts'

type Queues = Pick<typeof ours, 'Deque' | 'PriorityQueue' | 'DefaultEvictor'>
const LIBRARIES = { theirs: theirs as unknown as Queues, ours }

function same(title: string, program: (library: Queues) => unknown) {
  test(title, async () => {
    const [expected, seen] = [await program(LIBRARIES.theirs), await program(LIBRARIES.ours)]
    expect(seen).toEqual(expected)
  })
}

same('Deque: both ends, both ways', ({ Deque }) => {
  const deque = new Deque<number>()
  const empty = [deque.length, deque.head, deque.tail, deque.shift(), deque.pop()]
  for (const n of [1, 2, 3]) deque.push(n)
  deque.unshift(0)
  const walk = (iterator: Iterator<number>) => {
    const seen: number[] = []
    for (let at = iterator.next(); !at.done; at = iterator.next()) seen.push(at.value)
    return seen
  }
  const full = [walk(deque.iterator()), walk(deque.reverseIterator()), deque.head, deque.tail, deque.length]
  return [empty, full, deque.shift(), deque.pop(), deque.length, deque.shift(), deque.shift(), deque.shift()]
})

same('PriorityQueue: 0 first, what is out of range last', async ({ PriorityQueue }) => {
  const queue = new PriorityQueue<{ name: string; promise: Promise<unknown> }>(3)
  const never = new Promise(() => {})
  const late = Promise.reject(Object.assign(new Error(), { name: 'TimeoutError' }))
  const names = [undefined, 2, 0, 1, 9, -1, 1]
  names.forEach((priority, i) => {
    queue.enqueue({ name: `${i}`, promise: never }, priority)
  })
  queue.enqueue({ name: 'late', promise: late }, 0)
  await new Promise((resolve) => setImmediate(resolve))
  const ends = [queue.length, queue.head?.name, queue.tail?.name]
  const order = names.map(() => queue.dequeue()?.name)
  return [ends, order, queue.length, queue.dequeue(), queue.head, queue.tail, new PriorityQueue(0).length]
})

same('DefaultEvictor: by how long ago it idled', ({ DefaultEvictor }) => {
  const evictor = new DefaultEvictor()
  const idle = (ms: number) => ({ lastIdleTime: Date.now() - ms })
  const config = { softIdleTimeoutMillis: 1_000, idleTimeoutMillis: 5_000, min: 2 }
  return [
    evictor.evict(config, idle(500), 9),
    evictor.evict(config, idle(2_000), 9),
    evictor.evict(config, idle(2_000), 2),
    evictor.evict(config, idle(9_000), 1),
    evictor.evict({ ...config, softIdleTimeoutMillis: -1 }, idle(2_000), 9),
  ]
})

test('import genericPool from …: all of it, as from a CommonJS module', () => {
  const { default: whole } = ours
  expect(Object.keys(whole).sort()).toEqual(Object.keys(theirs).sort())
  expect(whole.createPool).toBe(ours.createPool)
})
