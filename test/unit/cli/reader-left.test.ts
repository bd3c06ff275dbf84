import { EventEmitter } from 'node:events'
import { expect, test } from 'vitest'
import { exitWithReader } from '../../../src/cli/reader-left.ts'

// Slipped through, since no test reads a part of what is written: `demo | head` ended in a stack.
test('once nobody reads any more, the command is over', () => {
  const stdout = new EventEmitter()
  const exits: number[] = []
  exitWithReader([stdout], (code) => exits.push(code))
  stdout.emit('error', Object.assign(new Error('write EPIPE'), { code: 'EPIPE' }))
  expect(exits).toEqual([0])
})

test('any other failure to write is one', () => {
  const stdout = new EventEmitter()
  const exits: number[] = []
  exitWithReader([stdout], (code) => exits.push(code))
  expect(() => stdout.emit('error', new Error('disk full'))).toThrow('disk full')
  expect(exits).toEqual([])
})
