import { posix } from 'node:path'
import ts from 'typescript'

/** A source file: its path below src/, with forward slashes, and its text. */
export type SourceText = readonly [path: string, text: string]

/** A rule of the house: what it says, and who breaks it, each with the way out. */
export interface TidyRule {
  readonly title: string
  find(files: readonly SourceFile[]): string[]
}

// --- the tables ------------------------------------------------------------------------------------------------------

/** Files that users import. They list exports and hold no logic; no other file may pass on what it imports. */
const ENTRY_POINTS = ['index.ts', 'sim/index.ts', 'generic-pool/index.ts']

const ENGINE = ['base/', 'pool/', 'measure/', 'control/', 'watch/']

/**
 * Who may import whom, types included; the longest matching key counts. A folder may always import itself, and nobody
 * else's entry is a folder's business: arrows run down only.
 */
const MAY_IMPORT: Readonly<Record<string, readonly string[]>> = {
  'base/': [],
  'pool/': ['base/'],
  'pool/contract.ts': [],
  'measure/': ['base/', 'pool/contract.ts'],
  'control/': ['base/', 'measure/', 'pool/contract.ts'],
  'watch/': ['base/', 'measure/', 'pool/contract.ts'],
  'adapters/': ['base/', 'pool/contract.ts'],
  'handle.ts': ENGINE,
  'create-pool.ts': [...ENGINE, 'handle.ts'],
  'adopted-pool.ts': [...ENGINE, 'handle.ts'],
  'adopted-group.ts': [...ENGINE, 'handle.ts', 'adopted-pool.ts'],
  'adapt.ts': [...ENGINE, 'adapters/', 'handle.ts', 'adopted-pool.ts', 'adopted-group.ts'],
  'generic-pool/': [...ENGINE, 'handle.ts', 'adapters/generic-pool-errors.ts'], // another surface of the same engine, beside create-pool.ts
  'telemetry/': ['base/', 'pool/contract.ts', 'measure/sample.ts', 'control/controller.ts'],
  'sim/': [...ENGINE, 'handle.ts', 'create-pool.ts'],
  'cli/': [...ENTRY_POINTS, 'base/clock.ts'], // as a user would; and somebody has to choose the real clock
  'index.ts': [...ENGINE, 'handle.ts', 'create-pool.ts', 'adapt.ts', 'adapters/resizable-source.ts', 'adopted-pool.ts'],
}

/** What else may be imported; everything of node: is welcome everywhere. */
const PACKAGES: Readonly<Record<string, readonly string[]>> = {
  'base/emitter.ts': ['tiny-typed-emitter'],
  'cli/': ['pg', 'uplot'], // pg as a type, and loaded when the demo runs; uPlot as text, put into the report
}

/** Where time and chance come in, besides src/base. */
const TIME_ELSEWHERE: Readonly<Record<string, readonly string[]>> = {
  'adapters/lingering.ts': ['node:timers', 'setImmediate'], // the end of a turn of the real event loop; no engine waits for it
  'cli/embedded-postgres.ts': ['performance.now', 'node:timers/promises'], // waits for a process; no engine near
  'sim/virtual-clock.ts': ['setImmediate'], // a turn of the real event loop: real work under way gets its chance
}

const TIME_GLOBALS = ['setTimeout', 'setInterval', 'setImmediate']
const TIME_MEMBERS = ['Date.now', 'performance.now', 'Math.random', 'process.hrtime', 'crypto.randomUUID']
const TIME_MODULES = [
  'node:timers',
  'node:timers/promises',
  'node:perf_hooks',
  'timers',
  'timers/promises',
  'perf_hooks',
]

/** Words that mean different things to different people, and the words we have instead. */
const BANNED_WORDS: Readonly<Record<string, string>> = {
  pending: 'waiter, creating or inUse',
  active: 'inUse or live',
  target: 'limit or setpoint',
  borrow: 'acquire',
  checkout: 'acquire',
  loan: 'lease',
  permit: 'lease',
  reap: 'evict',
  prune: 'evict',
  cull: 'evict',
  starved: 'exhausted',
  saturated: 'exhausted',
}

/** A standard's or a neighbour's own word keeps its place. */
const BANNED_WORDS_ELSEWHERE: Readonly<Record<string, readonly string[]>> = {
  'pool/queue-policy.ts': ['targetMs'], // CoDel, RFC 8289
  'generic-pool/pool.ts': ['pending', 'borrowed', 'isBorrowedResource', 'testOnBorrow', 'lastBorrowTime'], // its surface
  'generic-pool/pool-options.ts': ['testOnBorrow'],
  'generic-pool/slot-source.ts': ['testOnBorrow'],
  'generic-pool/evictor.ts': ['lastBorrowTime'],
  'adapters/mariadb.ts': ['activeConnections'], // a method of the driver's
  'adapters/mariadb-source.ts': ['activeConnections'],
  'adapters/generic-pool.ts': ['pending', 'borrowed', 'testOnBorrow', '_testOnBorrowResources'], // generic-pool's words
  'adapters/tarn.ts': ['numPendingAcquires', 'numPendingCreates', 'numPendingValidations', 'pendingAcquires'], // tarn's
  'adapters/sequelize-pool.ts': ['_pendingAcquires'],
  'adapters/pg-source.ts': ['_pendingQueue'], // pg's
  'cli/embedded-postgres.ts': ['target'], // a key of the package's list of symbolic links
}

const HOMELESS_NAMES = ['utils', 'util', 'helpers', 'helper', 'common', 'shared', 'types', 'misc', 'lib']

const COLUMNS_MAX = 120

// --- the rules -------------------------------------------------------------------------------------------------------

export const TIDY_RULES: readonly TidyRule[] = [
  {
    title: 'folders import only what lies below them',
    find: (files) =>
      files.flatMap((file) =>
        file.imports.filter(isOurs).flatMap(({ path, line }) => {
          if (folderOf(file.path) === folderOf(path) && folderOf(path) !== '') return []
          const owner = longestKey(MAY_IMPORT, file.path)
          if (owner === undefined) return [`${file.path}: say in MAY_IMPORT what this file may import`]
          const allowed = MAY_IMPORT[owner] ?? []
          if (allowed.some((prefix) => path.startsWith(prefix))) return []
          const welcome = allowed.length === 0 ? 'nothing of ours' : allowed.join(', ')
          return [
            `${file.path}:${line} imports ${path}; ${owner} may import ${welcome}. Pass it in from above instead.`,
          ]
        }),
      ),
  },
  {
    title: 'pool/contract.ts imports nothing',
    find: (files) =>
      files
        .filter(({ path }) => path === 'pool/contract.ts')
        .flatMap(({ imports }) => imports)
        .map(({ specifier, line }) => `pool/contract.ts:${line} imports ${specifier}. Move what it needs in here.`),
  },
  {
    title: 'no file can reach itself through its imports, types included',
    find: findCycles,
  },
  {
    title: 'nothing from outside but node: and the packages that are allowed',
    find: (files) =>
      files.flatMap((file) =>
        file.imports.flatMap(({ path, specifier, line }) => {
          if (path !== undefined || specifier.startsWith('.') || specifier.startsWith('node:')) return []
          const name = packageName(specifier)
          const owner = longestKey(PACKAGES, file.path)
          if (owner !== undefined && PACKAGES[owner]?.includes(name)) return []
          return [`${file.path}:${line} imports ${name}. Describe the members you touch in an interface of our own.`]
        }),
      ),
  },
  {
    title: 'only entry points pass on what they import, and they do nothing else',
    find: (files) =>
      files.flatMap(({ path, passedOn, statements }) => {
        const isEntryPoint = ENTRY_POINTS.includes(path)
        const barrels = isEntryPoint ? passedOn.filter(({ isStar }) => isStar) : passedOn
        return [
          ...barrels.map(
            ({ line, isStar }) =>
              `${path}:${line} passes on ${isStar ? 'everything' : 'what it imports'}. ` +
              (isEntryPoint ? 'Name each export.' : 'Import it where it is needed, from where it lives.'),
          ),
          ...(isEntryPoint && statements > passedOn.length ? [`${path} holds logic. Give it a file of its own.`] : []),
          ...(!isEntryPoint && posix.basename(path) === 'index.ts'
            ? [`${path} is no entry point. Name it after what it exports.`]
            : []),
        ]
      }),
  },
  {
    title: 'time and chance come in through src/base',
    find: (files) =>
      files
        .filter(({ path }) => !path.startsWith('base/'))
        .flatMap(({ path, timeUses }) =>
          timeUses
            .filter(({ name }) => !TIME_ELSEWHERE[path]?.includes(name))
            .map(({ name, line }) => `${path}:${line} uses ${name}. Take a Clock or a Random as an argument instead.`),
        ),
  },
  {
    title: 'no identifier contains a word that we have a better one for',
    find: (files) =>
      files.flatMap(({ path, identifiers }) =>
        identifiers.flatMap(({ name, line }) => {
          if (BANNED_WORDS_ELSEWHERE[path]?.includes(name)) return []
          return wordsOf(name)
            .filter((word) => Object.hasOwn(BANNED_WORDS, word))
            .map((word) => `${path}:${line} says ${name}. Instead of "${word}" we say ${BANNED_WORDS[word]}.`)
        }),
      ),
  },
  {
    title: 'no `any`',
    find: (files) =>
      files.flatMap(({ path, anyLines }) =>
        anyLines.map((line) => `${path}:${line} says any. Say unknown, and find out what it is.`),
      ),
  },
  {
    title: 'files are kebab-case, and named after what they export',
    find: (files) =>
      files.flatMap(({ path }) =>
        path
          .replace(/(\.d)?\.ts$/, '')
          .split('/')
          .flatMap((name) => {
            if (!/^[a-z][a-z0-9]*(-[a-z0-9]+)*$/.test(name)) return [`${path}: write ${name} in kebab-case.`]
            if (HOMELESS_NAMES.includes(name)) return [`${path}: a thing lives with its owner; there is no ${name}.`]
            return []
          }),
      ),
  },
  {
    title: `comments end by column ${COLUMNS_MAX}`, // the formatter sees to code, and lets comments be
    find: (files) =>
      files.flatMap(({ path, text }) =>
        text.split('\n').flatMap((line, at) => {
          if (line.length <= COLUMNS_MAX || !/^\s*(\/?\*|\/\/)| \/\/ /.test(line)) return []
          return [`${path}:${at + 1} has ${line.length} columns. Break it.`]
        }),
      ),
  },
]

// --- how they read a file --------------------------------------------------------------------------------------------

interface Import {
  readonly specifier: string
  /** Below src/, if it is ours. */
  readonly path: string | undefined
  readonly line: number
}

/** What the rules need to know of a file. */
export interface SourceFile {
  readonly path: string
  readonly text: string
  /** Of every kind: types, exports from elsewhere, import(), and type queries. */
  readonly imports: readonly Import[]
  readonly passedOn: readonly { readonly line: number; readonly isStar: boolean }[]
  /** How many there are at the top level. */
  readonly statements: number
  readonly identifiers: readonly { readonly name: string; readonly line: number }[]
  readonly timeUses: readonly { readonly name: string; readonly line: number }[]
  readonly anyLines: readonly number[]
}

export function readSource([path, text]: SourceText): SourceFile {
  const root = ts.createSourceFile(path, text, ts.ScriptTarget.Latest, true)
  const imports: Import[] = []
  const passedOn: { line: number; isStar: boolean }[] = []
  const identifiers: { name: string; line: number }[] = []
  const timeUses: { name: string; line: number }[] = []
  const anyLines: number[] = []
  const lineOf = (node: ts.Node): number => root.getLineAndCharacterOfPosition(node.getStart(root)).line + 1

  const addImport = (literal: ts.Node | undefined): void => {
    if (literal === undefined || !ts.isStringLiteral(literal)) return
    const specifier = literal.text.replace(/\?raw$/, '')
    const isRelative = specifier.startsWith('.')
    const found = isRelative ? posix.normalize(posix.join(posix.dirname(path), specifier)) : undefined
    const isOutside = found?.startsWith('../') === true // package.json, as text
    imports.push({ specifier, path: isOutside ? undefined : found, line: lineOf(literal) })
    if (TIME_MODULES.includes(specifier)) timeUses.push({ name: specifier, line: lineOf(literal) })
  }
  const visit = (node: ts.Node): void => {
    if (ts.isImportDeclaration(node)) addImport(node.moduleSpecifier)
    else if (ts.isExportDeclaration(node) && node.moduleSpecifier !== undefined) {
      addImport(node.moduleSpecifier)
      passedOn.push({ line: lineOf(node), isStar: node.exportClause === undefined })
    } else if (ts.isCallExpression(node) && node.expression.kind === ts.SyntaxKind.ImportKeyword) {
      addImport(node.arguments[0])
    } else if (ts.isImportTypeNode(node) && ts.isLiteralTypeNode(node.argument)) addImport(node.argument.literal)
    else if (ts.isIdentifier(node) || ts.isPrivateIdentifier(node)) {
      const name = node.text.replace(/^#/, '')
      identifiers.push({ name, line: lineOf(node) })
      if (TIME_GLOBALS.includes(name) && !isMemberName(node)) timeUses.push({ name, line: lineOf(node) })
    } else if (ts.isPropertyAccessExpression(node) && TIME_MEMBERS.includes(node.getText(root))) {
      timeUses.push({ name: node.getText(root), line: lineOf(node) })
    } else if (ts.isNewExpression(node) && node.expression.getText(root) === 'Date' && !node.arguments?.length) {
      timeUses.push({ name: 'new Date()', line: lineOf(node) })
    } else if (node.kind === ts.SyntaxKind.AnyKeyword) anyLines.push(lineOf(node))
    ts.forEachChild(node, visit)
  }
  visit(root)
  return { path, text, imports, passedOn, statements: root.statements.length, identifiers, timeUses, anyLines }
}

/** `socket.setTimeout` and `{ setTimeout: 1 }` are somebody's own; `setTimeout` and `globalThis.setTimeout` are not. */
function isMemberName(node: ts.Node): boolean {
  const { parent } = node
  if (ts.isImportSpecifier(parent)) return true // the module it comes from counts already
  if (ts.isPropertyAccessExpression(parent)) return parent.name === node && parent.expression.getText() !== 'globalThis'
  return ts.isPropertyAssignment(parent) && parent.name === node
}

function isOurs(one: Import): one is Import & { readonly path: string } {
  return one.path !== undefined
}

function folderOf(path: string): string {
  return path.includes('/') ? path.slice(0, path.indexOf('/') + 1) : ''
}

function longestKey(table: Readonly<Record<string, unknown>>, path: string): string | undefined {
  return Object.keys(table)
    .filter((key) => (key.endsWith('/') ? path.startsWith(key) : path === key))
    .sort((a, b) => b.length - a.length)[0]
}

function packageName(specifier: string): string {
  return specifier
    .split('/')
    .slice(0, specifier.startsWith('@') ? 2 : 1)
    .join('/')
}

function wordsOf(identifier: string): string[] {
  return identifier
    .replace(/([a-z0-9])([A-Z])/g, '$1 $2')
    .split(/[ _$]+/)
    .map((word) => word.toLowerCase())
}

/** Each cycle once, by its first file; the path shown is a shortest one. */
function findCycles(files: readonly SourceFile[]): string[] {
  const importsOf = new Map(files.map(({ path, imports }) => [path, imports.filter(isOurs).map((one) => one.path)]))
  const seen = new Set<string>()
  const found: string[] = []
  for (const { path } of files) {
    const cycle = wayBack(path, importsOf)
    if (cycle === undefined || cycle.some((member) => seen.has(member))) continue
    for (const member of cycle) seen.add(member)
    const advice = 'Move what they share into a file below both, or pass it in.'
    found.push(`${[...cycle, path].join(' -> ')} is a cycle. ${advice}`)
  }
  return found
}

function wayBack(start: string, importsOf: ReadonlyMap<string, readonly string[]>): string[] | undefined {
  let ways: string[][] = [[start]]
  const visited = new Set<string>()
  while (ways.length > 0) {
    const longer: string[][] = []
    for (const way of ways) {
      for (const next of importsOf.get(way.at(-1) ?? '') ?? []) {
        if (next === start) return way
        if (visited.has(next)) continue
        visited.add(next)
        longer.push([...way, next])
      }
    }
    ways = longer
  }
  return undefined
}
