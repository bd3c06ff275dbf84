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

  test.each(TIDY_RULES)('$title', ({ find }) => {
    expect(find(files)).toEqual([])
  })
})

/** What each rule must catch: a rule that lets everything pass looks just like a tidy house. */
const UNTIDY: readonly (readonly [finding: RegExp, ...files: SourceText[]])[] = [
  [/base\/clock.ts:1 imports pool\/pool.ts; base\//, ['base/clock.ts', `import { a } from '../pool/pool.ts'`]],
  [/may import base\/, measure\//, ['control/pid.ts', `import type { A } from '../watch/watch.ts'`]],
  [/imports pool\/pool.ts/, ['measure/sampler.ts', `type A = import('../pool/pool.ts').A`]],
  [
    /imports pool\/pool.ts/,
    ['sim/index.ts', `export { a } from './a.ts'`],
    ['cli/demo.ts', `import('../pool/pool.ts')`],
  ],
  [/say in MAY_IMPORT/, ['newcomer.ts', `import { a } from './index.ts'`]],
  [/contract.ts:1 imports .\/lease.ts/, ['pool/contract.ts', `import type { A } from './lease.ts'`]],
  [
    /pool\/a.ts -> pool\/b.ts -> pool\/a.ts is a cycle/,
    ['pool/a.ts', `import type { B } from './b.ts'`],
    ['pool/b.ts', `import type { A } from './a.ts'`],
  ],
  [
    /pool\/a.ts -> pool\/b.ts -> pool\/c.ts -> pool\/a.ts/,
    ['pool/a.ts', `import './b.ts'`],
    ['pool/b.ts', `export const b = import('./c.ts')`],
    ['pool/c.ts', `import './a.ts'`],
  ],
  [/adapters\/pg.ts:1 imports pg\. Describe/, ['adapters/pg.ts', `import type pg from 'pg'`]],
  [/imports @scope\/x/, ['pool/pool.ts', `import '@scope/x/deep'`]],
  [/pool\/pool.ts:1 passes on what it imports/, ['pool/pool.ts', `export { a } from './a.ts'`]],
  [/index.ts:1 passes on everything. Name each/, ['index.ts', `export * from './adapt.ts'`]],
  [/index.ts holds logic/, ['index.ts', `export const a = 1`]],
  [/pool\/index.ts is no entry point/, ['pool/index.ts', '']],
  [/pool.ts:2 uses Date.now/, ['pool/pool.ts', `\nconst now = Date.now()`]],
  [/uses new Date\(\)/, ['pool/pool.ts', `const now = new Date()`]],
  [/uses setTimeout/, ['watch/watch.ts', `setTimeout(() => {}, 1)`]],
  [/uses setTimeout/, ['watch/watch.ts', `globalThis.setTimeout(() => {}, 1)`]],
  [/uses setInterval/, ['cli/demo.ts', `const timer = setInterval`]],
  [/uses Math.random/, ['sim/workload.ts', `const chance = Math.random()`]],
  [/uses node:timers\/promises/, ['handle.ts', `import { setTimeout as sleep } from 'node:timers/promises'`]],
  [/says pendingCount. Instead of "pending" we say waiter/, ['pool/pool.ts', `const pendingCount = 0`]],
  [/says active/, ['pool/pool.ts', `interface Counts { active: number }`]],
  [/says target/, ['pool/pool.ts', `class A { #target = 1 }`]],
  [/says TARGET_MS/, ['pool/pool.ts', `const TARGET_MS = 1`]],
  [/pool.ts:1 says any/, ['pool/pool.ts', `function f(a: any[]) {}`]],
  [/write nextMove in kebab-case/, ['pool/nextMove.ts', '']],
  [/there is no utils/, ['base/utils.ts', '']],
  [/there is no types/, ['types/lease.ts', '']],
  [/pool.ts:1 has 121 columns/, ['pool/pool.ts', `// ${'x'.repeat(118)}`]],
]

describe('an untidy house is noticed', () => {
  test.each(UNTIDY)('%s', (finding, ...texts) => {
    const files = texts.map(readSource)
    expect(TIDY_RULES.flatMap(({ find }) => find(files))).toContainEqual(expect.stringMatching(finding))
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
