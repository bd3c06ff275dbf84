import { describe, expect, test } from 'vitest'
import { paintFor, progressBar, sparkline, table, wrap } from '../../../src/cli/terminal-plot.ts'

describe('sparkline', () => {
  test('heights follow the values, and the rest of the line is blank', () => {
    expect(sparkline([0, 50, 100], 6, 100)).toBe('▁▅█   ')
  })

  test('zero is the lowest bar, and only zero: one failure among thousands shows', () => {
    expect(sparkline([0, 1], 2, 100_000)).toBe('▁▂')
  })

  test('only the newest values fit', () => {
    expect(sparkline([100, 100, 0, 0], 2, 100)).toBe('▁▁')
  })

  test('what exceeds the scale is a full bar; without a scale everything is flat', () => {
    expect(sparkline([500], 1, 100)).toBe('█')
    expect(sparkline([0, 3, Number.NaN], 3, 0)).toBe('▁▁▁')
  })
})

test('a progress bar is empty at 0, full at 1, and stays within its width beyond', () => {
  expect([-1, 0, 0.5, 1, 7].map((share) => progressBar(share, 4))).toEqual(['░░░░', '░░░░', '██░░', '████', '████'])
})

test('a table aligns its columns: names to the left, figures to the right', () => {
  const rows = [
    ['', 'static', 'adopted'],
    ['failed', '53.2 %', '0 %'],
    ['latency p99', '1 ms', '2 ms'],
  ]
  expect(table(rows)).toEqual([
    '              static   adopted',
    '───────────   ──────   ───────',
    'failed        53.2 %       0 %',
    'latency p99     1 ms      2 ms',
  ])
})

test('text is wrapped between words; a word longer than the line gets one of its own', () => {
  expect(wrap('one two three incomprehensibilities four', 9)).toEqual([
    'one two',
    'three',
    'incomprehensibilities',
    'four',
  ])
})

describe('paintFor', () => {
  const terminal = { isTTY: true, write: () => {} }

  test.each([
    ['a terminal', terminal, {}, true],
    ['a pipe', { write: () => {} }, {}, false],
    ['NO_COLOR', terminal, { NO_COLOR: '1' }, false],
    ['an empty NO_COLOR', terminal, { NO_COLOR: '' }, true],
    ['a dumb terminal', terminal, { TERM: 'dumb' }, false],
  ])('%s', (_, screen, env, hasColor) => {
    expect(paintFor(screen, env)('red', 'x')).toBe(hasColor ? '\x1b[31mx\x1b[39m' : 'x')
  })
})
