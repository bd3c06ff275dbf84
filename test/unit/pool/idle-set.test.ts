import fc from 'fast-check'
import { expect, test } from 'vitest'
import { IdleSet } from '../../../src/pool/idle-set.ts'
import { Entry } from '../../../src/pool/ledger.ts'

test('the newest is lent and the oldest evicted: both ends are known, and an empty set has none', () => {
  const idle = new IdleSet<string>()
  const [a, b, c] = [1, 2, 3].map((id) => new Entry<string>(id, 'idle', 0)) as [
    Entry<string>,
    Entry<string>,
    Entry<string>,
  ]
  expect([idle.oldest, idle.newest]).toEqual([undefined, undefined])
  for (const entry of [a, b, c]) idle.add(entry)
  expect([idle.oldest, idle.newest]).toEqual([a, c])
  idle.remove(b)
  idle.remove(c)
  expect([idle.oldest, idle.newest]).toEqual([a, a])
  idle.remove(a)
  expect([idle.oldest, idle.newest]).toEqual([undefined, undefined])
})

test('the set does what a plain list does, whoever is added and taken out of the middle', () => {
  fc.assert(
    fc.property(fc.array(fc.option(fc.nat(20), { nil: undefined, freq: 2 }), { maxLength: 100 }), (commands) => {
      const idle = new IdleSet<string>()
      let model: Entry<string>[] = []
      commands.forEach((which, id) => {
        const gone = which === undefined ? undefined : model[which % (model.length || 1)]
        if (gone === undefined) {
          const entry = new Entry<string>(id, 'idle', 0)
          idle.add(entry)
          model.push(entry)
        } else {
          idle.remove(gone)
          model = model.filter((entry) => entry !== gone)
        }
        const walked: Entry<string>[] = []
        for (let entry = idle.oldest; entry !== undefined; entry = entry.newer) walked.push(entry)
        expect(walked.map((entry) => entry.place)).toEqual(model.map((entry) => entry.place))
        expect(idle.newest).toBe(model.at(-1))
      })
    }),
  )
})

test('an entry that was taken out can come back, as the newest', () => {
  const idle = new IdleSet<string>()
  const [a, b] = [1, 2].map((id) => new Entry<string>(id, 'idle', 0)) as [Entry<string>, Entry<string>]
  idle.add(a)
  idle.add(b)
  idle.remove(a)
  idle.add(a)
  expect([idle.oldest, idle.newest]).toEqual([b, a])
})
