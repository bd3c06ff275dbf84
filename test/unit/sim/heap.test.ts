import fc from 'fast-check'
import { expect, test } from 'vitest'
import { Heap, type Ranked } from '../../../src/sim/heap.ts'

type Command = { readonly rank: number } | 'pop' | { readonly removeNth: number }

const anyCommand: fc.Arbitrary<Command> = fc.oneof(
  { weight: 4, arbitrary: fc.record({ rank: fc.integer({ min: 0, max: 9 }) }) },
  { weight: 2, arbitrary: fc.constant('pop' as const) },
  { weight: 2, arbitrary: fc.record({ removeNth: fc.nat(30) }) },
)

test('items come out by rank, equals by order, whoever has left from the middle', () => {
  fc.assert(
    fc.property(fc.array(anyCommand, { maxLength: 80 }), (commands) => {
      const heap = new Heap<Ranked>()
      let model: Ranked[] = []
      let order = 0
      const leave = (gone: Ranked): void => {
        model = model.filter((item) => item !== gone)
      }
      for (const command of commands) {
        if (command === 'pop') {
          const first = [...model].sort((a, b) => a.rank - b.rank || a.order - b.order)[0]
          expect(heap.first).toBe(first)
          expect(heap.pop()).toBe(first)
          if (first !== undefined) leave(first)
        } else if ('rank' in command) {
          const item = { rank: command.rank, order: order++, heapIndex: -1 }
          heap.push(item)
          model.push(item)
        } else {
          const item = model[command.removeNth]
          if (item === undefined) continue
          expect(heap.remove(item)).toBe(true)
          expect(heap.remove(item)).toBe(false)
          leave(item)
        }
        expect(heap.size).toBe(model.length)
      }
    }),
  )
})

test('an item of another heap is not removed', () => {
  const heap = new Heap<Ranked>()
  const stranger = { rank: 1, order: 0, heapIndex: 0 }
  heap.push({ rank: 1, order: 0, heapIndex: -1 })
  expect(heap.remove(stranger)).toBe(false)
  expect(heap.size).toBe(1)
})
