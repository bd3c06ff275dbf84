import { readdirSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { CASES, type CaseName } from './subject.ts'
import { SUBJECTS } from './subjects.ts'

const ROOT = new URL('../../', import.meta.url)
const DOCUMENT = fileURLToPath(new URL('docs/adapters.md', ROOT))
const BEGIN = '<!-- conformance: written by `npx vitest run test/adapter/conformance-table.test.ts -u` -->'
const END = '<!-- conformance: end -->'

// A tick is a test that runs in every `npm test`; were it to fail, so would the run. What is not run has its reason.
test('the table adapters × cases in docs/adapters.md is up to date', async () => {
  const before = readFileSync(DOCUMENT, 'utf8')
  const [begin, end] = [before.indexOf(BEGIN), before.indexOf(END)]
  expect(begin >= 0 && end > begin, 'docs/adapters.md has lost its markers').toBe(true)
  const after = `${before.slice(0, begin)}${BEGIN}\n\n${table()}\n\n${before.slice(end)}`
  await expect(after).toMatchFileSnapshot(DOCUMENT)
})

test('every subject in the table is run by a test file, against the server it names', () => {
  const files = readdirSync(fileURLToPath(new URL('test/adapter', ROOT))).filter((name) => name.endsWith('.test.ts'))
  const texts = files.map((name) => [name, readFileSync(new URL(`test/adapter/${name}`, ROOT), 'utf8')] as const)
  for (const { symbol, server } of SUBJECTS) {
    const runs = texts.filter(
      ([name, text]) => name.endsWith(`.${server}.test.ts`) && text.includes(`conformance(${symbol})`),
    )
    expect({ symbol, runs: runs.length }).toEqual({ symbol, runs: 1 })
  }
})

function table(): string {
  const reasons: string[] = []
  const names = Object.keys(CASES) as CaseName[]
  const head = ['', ...SUBJECTS.map(({ name, driver }) => `${name} (${driver} ${versionOf(driver)})`)]
  const rows = names.map((name) => [
    CASES[name],
    ...SUBJECTS.map(({ notApplicable }) => {
      const reason = notApplicable[name]
      if (reason === undefined) return '✓'
      if (!reasons.includes(reason)) reasons.push(reason)
      return `– [${reasons.indexOf(reason) + 1}]`
    }),
  ])
  const lines = [head, head.map((_, column) => (column === 0 ? '---' : ':-:')), ...rows]
  const notes = reasons.map((reason, at) => `${at + 1}. ${reason}`)
  return [...lines.map((cells) => `| ${cells.join(' | ')} |`), '', ...notes].join('\n')
}

function versionOf(driver: string): string {
  return JSON.parse(readFileSync(new URL(`node_modules/${driver}/package.json`, ROOT), 'utf8')).version
}
