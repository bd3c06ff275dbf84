import { EventEmitter } from 'node:events'
import { expect, test } from 'vitest'
import { exitWithReader } from '../../../src/cli/reader-left.ts'

function watched() {
  const stdout = new EventEmitter()
  const stderr = new EventEmitter()
  const exits: number[] = []
  exitWithReader(stdout, stderr, (code) => exits.push(code))
  return { stdout, stderr, exits }
}

const readerLeft = Object.assign(new Error('write EPIPE'), { code: 'EPIPE' })

// Slipped through, since no test reads a part of what is written: `demo | head` ended in a stack.
test('once nobody reads the output any more, the command is over', () => {
  const { stdout, exits } = watched()
  stdout.emit('error', readerLeft)
  expect(exits).toEqual([0])
})

// Slipped through, since both streams were one to the test: `demo --json 2> >(head)` had no output, and exit status 0.
test('not so where nobody reads what is said on the way', () => {
  const { stderr, exits } = watched()
  stderr.emit('error', readerLeft)
  expect(exits).toEqual([])
})

test.each(['stdout', 'stderr'] as const)('any other failure to write to %s is one', (name) => {
  const { exits, ...streams } = watched()
  expect(() => streams[name].emit('error', new Error('disk full'))).toThrow('disk full')
  expect(exits).toEqual([])
})
