import fc from 'fast-check'
import { expect, test } from 'vitest'
import { InvariantViolation } from '../../../src/base/assert.ts'
import type { EntryState } from '../../../src/pool/contract.ts'
import { type Entry, Ledger } from '../../../src/pool/ledger.ts'

const STATES: readonly EntryState[] = ['creating', 'idle', 'validating', 'inUse', 'destroying', 'gone']

/** Written out a second time on purpose: whoever changes the table means it. */
const LEGAL: Readonly<Record<EntryState, readonly EntryState[]>> = {
  creating: ['validating', 'gone'],
  idle: ['validating', 'inUse', 'destroying', 'gone'],
  validating: ['idle', 'inUse', 'destroying', 'gone'],
  inUse: ['validating', 'idle', 'destroying', 'gone'],
  destroying: ['gone'],
  gone: [],
}

/** An entry that has come to be in that state by legal moves. */
function entryIn(ledger: Ledger<string>, state: EntryState): Entry<string> {
  if (state !== 'validating' && state !== 'gone') return ledger.add(state, 0)
  const entry = ledger.add('idle', 0)
  ledger.move(entry, state, 0)
  return entry
}

const MOVES = STATES.flatMap((from) => STATES.map((to) => ({ from, to, isLegal: LEGAL[from].includes(to) })))

test.each(MOVES.filter(({ isLegal }) => isLegal))('an entry may go from $from to $to', ({ from, to }) => {
  const ledger = new Ledger<string>()
  const entry = entryIn(ledger, from)
  ledger.move(entry, to, 7)
  expect(entry).toMatchObject({ state: to, sinceMs: 7 })
})

test.each(MOVES.filter(({ isLegal }) => !isLegal))('an entry never goes from $from to $to', ({ from, to }) => {
  const ledger = new Ledger<string>()
  const entry = entryIn(ledger, from)
  expect(() => ledger.move(entry, to, 7)).toThrow(InvariantViolation)
  expect(() => ledger.move(entry, to, 7)).toThrow(`I4: an entry went ${from} -> ${to}`)
  expect(entry).toMatchObject({ state: from, sinceMs: 0 })
})

test('a refused move changes no count', () => {
  const ledger = new Ledger<string>()
  const entry = ledger.add('destroying', 0)
  expect(() => ledger.move(entry, 'idle', 0)).toThrow(InvariantViolation)
  const { destroying, idle, size } = ledger.counts
  expect([destroying, idle, size]).toEqual([1, 0, 1])
})

test('I4: whatever moves are made, counts are those of the entries', () => {
  const anyMoves = fc.array(fc.record({ which: fc.nat(30), next: fc.nat(30) }), { maxLength: 150 })
  fc.assert(
    fc.property(anyMoves, (moves) => {
      const ledger = new Ledger<string>()
      const living: Entry<string>[] = []
      for (const { which, next } of moves) {
        const entry = living[which]
        if (entry === undefined) living.push(ledger.add('creating', 0))
        else ledger.move(entry, LEGAL[entry.state][next % LEGAL[entry.state].length] as EntryState, 0)
        if (entry?.state === 'gone') living.splice(which, 1)

        const count = (state: EntryState): number => living.filter((it) => it.state === state).length
        expect(new Set(ledger.entries())).toEqual(new Set(living))
        expect(ledger.counts).toMatchObject({
          creating: count('creating'),
          idle: count('idle'),
          validating: count('validating'),
          inUse: count('inUse'),
          destroying: count('destroying'),
          live: living.length - count('destroying'),
          size: living.length,
        })
      }
    }),
  )
})
