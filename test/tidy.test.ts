import { readdirSync, readFileSync } from 'node:fs'
import { join, sep } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'
import { readSource, type SourceText, TIDY_RULES } from './support/tidy-rules.ts'

const SRC = fileURLToPath(new URL('../src', import.meta.url))

describe('the house is tidy', () => {
  const files = readdirSync(SRC, { recursive: true, encoding: 'utf8' })
    .filter((path) => path.endsWith('.ts'))
    .sort()
    .map((path) => readSource([path.split(sep).join('/'), readFileSync(join(SRC, path), 'utf8')]))

  test.each(TIDY_RULES.map(({ title, find }) => [title, find] as const))('%s', (_, find) => {
    expect(find(files)).toEqual([])
  })
})

/** What each rule must catch: a rule that lets everything pass looks just like a tidy house. */
const UNTIDY: readonly { finding: RegExp; files: readonly SourceText[] }[] = [
  {
    finding: /base\/clock.ts:1 imports pool\/pool.ts; base\//,
    files: [['base/clock.ts', `import { a } from '../pool/pool.ts'`]],
  },
  {
    finding: /may import base\/, measure\//,
    files: [['control/pid.ts', `import type { A } from '../watch/watch.ts'`]],
  },
  { finding: /imports pool\/pool.ts/, files: [['measure/sampler.ts', `type A = import('../pool/pool.ts').A`]] },
  {
    finding: /imports pool\/pool.ts/,
    files: [
      ['sim/index.ts', `export { a } from './a.ts'`],
      ['cli/demo.ts', `import('../pool/pool.ts')`],
    ],
  },
  { finding: /say in MAY_IMPORT/, files: [['newcomer.ts', `import { a } from './index.ts'`]] },
  {
    finding: /contract.ts:1 imports .\/lease.ts/,
    files: [['pool/contract.ts', `import type { A } from './lease.ts'`]],
  },
  {
    finding: /pool\/a.ts -> pool\/b.ts -> pool\/a.ts is a cycle/,
    files: [
      ['pool/a.ts', `import type { B } from './b.ts'`],
      ['pool/b.ts', `import type { A } from './a.ts'`],
    ],
  },
  {
    finding: /pool\/a.ts -> pool\/b.ts -> pool\/c.ts -> pool\/a.ts/,
    files: [
      ['pool/a.ts', `import './b.ts'`],
      ['pool/b.ts', `export const b = import('./c.ts')`],
      ['pool/c.ts', `import './a.ts'`],
    ],
  },
  { finding: /adapters\/pg.ts:1 imports pg\. Describe/, files: [['adapters/pg.ts', `import type pg from 'pg'`]] },
  { finding: /imports @scope\/x/, files: [['pool/pool.ts', `import '@scope/x/deep'`]] },
  { finding: /pool\/pool.ts:1 passes on what it imports/, files: [['pool/pool.ts', `export { a } from './a.ts'`]] },
  { finding: /index.ts:1 passes on everything. Name each/, files: [['index.ts', `export * from './adapt.ts'`]] },
  { finding: /index.ts holds logic/, files: [['index.ts', `export const a = 1`]] },
  { finding: /pool\/index.ts is no entry point/, files: [['pool/index.ts', '']] },
  { finding: /pool.ts:2 uses Date.now/, files: [['pool/pool.ts', `\nconst now = Date.now()`]] },
  { finding: /uses new Date\(\)/, files: [['pool/pool.ts', `const now = new Date()`]] },
  { finding: /uses setTimeout/, files: [['watch/watch.ts', `setTimeout(() => {}, 1)`]] },
  { finding: /uses setTimeout/, files: [['watch/watch.ts', `globalThis.setTimeout(() => {}, 1)`]] },
  { finding: /uses setInterval/, files: [['cli/demo.ts', `const timer = setInterval`]] },
  { finding: /uses Math.random/, files: [['sim/workload.ts', `const chance = Math.random()`]] },
  {
    finding: /uses node:timers\/promises/,
    files: [['handle.ts', `import { setTimeout as sleep } from 'node:timers/promises'`]],
  },
  {
    finding: /says pendingCount. Instead of "pending" we say waiter/,
    files: [['pool/pool.ts', `const pendingCount = 0`]],
  },
  { finding: /says active/, files: [['pool/pool.ts', `interface Counts { active: number }`]] },
  { finding: /says target/, files: [['pool/pool.ts', `class A { #target = 1 }`]] },
  { finding: /says TARGET_MS/, files: [['pool/pool.ts', `const TARGET_MS = 1`]] },
  { finding: /pool.ts:1 says any/, files: [['pool/pool.ts', `function f(a: any[]) {}`]] },
  { finding: /write nextMove in kebab-case/, files: [['pool/nextMove.ts', '']] },
  { finding: /there is no utils/, files: [['base/utils.ts', '']] },
  { finding: /there is no types/, files: [['types/lease.ts', '']] },
  { finding: /pool.ts:1 has 121 columns/, files: [['pool/pool.ts', `// ${'x'.repeat(118)}`]] },
]

describe('an untidy house is noticed', () => {
  test.each(UNTIDY.map(({ finding, files }) => [finding, files] as const))('%s', (finding, files) => {
    const sources = files.map(readSource)
    expect(TIDY_RULES.flatMap(({ find }) => find(sources))).toContainEqual(expect.stringMatching(finding))
  })

  test('what merely looks untidy is let be', () => {
    const innocent: readonly SourceText[] = [
      ['pool/queue-policy.ts', 'const a = { targetMs: 5 }'],
      ['pool/pool.ts', 'socket.setTimeout(5); const date = new Date(0); const many = company // any pending target'],
      ['base/clock.ts', 'export const now = () => performance.now()'],
      [
        'cli/demo.ts',
        `import type pg from 'pg'; import a from '../index.ts'; import text from '../../package.json?raw'`,
      ],
    ]
    expect(TIDY_RULES.flatMap(({ find }) => find(innocent.map(readSource)))).toEqual([])
  })
})
