import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'

const read = (path: string): string => readFileSync(new URL(`../${path}`, import.meta.url), 'utf8')

const PAGES = ['README.md', 'docs/load-tests.md']
const SNIPPETS = PAGES.flatMap((page) =>
  [...read(page).matchAll(/<!-- from (\S+) -->\n```js\n(.*?)```/gs)].map(([, path = '', code = '']) => ({
    page,
    path,
    code,
  })),
)

test.each(PAGES)('%s shows code', (page) => {
  expect(SNIPPETS.some((snippet) => snippet.page === page)).toBe(true)
})

test.each(SNIPPETS)('what $page shows of $path is in there, line by line, in that order', ({ path, code }) => {
  const lines = read(path).split('\n')
  let at = 0
  for (const line of code.split('\n').filter((text) => text.trim() !== '')) {
    const found = lines.indexOf(line, at)
    expect(found, `${path} has no such line from line ${at + 1} on: ${line}`).toBeGreaterThanOrEqual(at)
    at = found + 1
  }
})

// Slipped through, since tsc saw the lines of the table only in words of its own.
test('what docs/adapters.md adopts of an ORM compiles: each line is in test/types/orms.ts', () => {
  const rows = read('docs/adapters.md')
    .split('\n')
    .filter((line) => line.startsWith('| '))
  const calls = rows.flatMap((row) => [...row.matchAll(/`(adapt\(.+?\))`/g)].map(([, call]) => call))
  expect(calls.length).toBeGreaterThan(5)
  expect(read('test/types/orms.ts').split('\n')).toEqual(expect.arrayContaining(calls))
})
