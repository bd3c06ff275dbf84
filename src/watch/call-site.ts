import { relative } from 'node:path'
import { fileURLToPath } from 'node:url'

/** A stack as V8 keeps it: cheap to take, put into words when first read. */
export interface Stack {
  readonly stack?: string
}

/** Frames kept: an ORM puts a dozen between its user and the pool, and asynchronous ones count. */
const FRAMES = 16

/** Takes the stack of this moment: 3 to 7 µs, most of it for walking the frames. */
export function takeStack(): Stack {
  const limit = Error.stackTraceLimit
  const taken: Stack = {}
  try {
    Error.stackTraceLimit = FRAMES
    Error.captureStackTrace(taken)
    Error.stackTraceLimit = limit
  } catch {
    // Somebody has frozen Error: then there are as many frames as they allow, or none.
  }
  return taken
}

/**
 * Where a stack leads out of this library: the first frame of the application, or, if all of them are in packages, the
 * first that is not ours. "saveOrder (routes/order.js:42:15)".
 */
export function siteOf({ stack }: Stack): string | undefined {
  if (typeof stack !== 'string') return undefined
  let first: string | undefined
  for (const line of stack.split('\n')) {
    const frame = readFrame(line)
    if (frame === undefined || frame.file.startsWith('node:') || isOurs(frame)) continue
    if (!/[\\/]node_modules[\\/]/.test(frame.file)) return describe(frame)
    first ??= describe(frame)
  }
  return first
}

interface Frame {
  readonly what: string
  readonly file: string
  readonly at: string
}

/** "    at async Class.method [as name] (file:///dir/file.js:1:2)", or without a function: "    at /dir/file.js:1:2" */
const FRAME = /^\s*at (?:async )?(?:(.*) \()?(.+?):(\d+):(\d+)\)?$/

function readFrame(line: string): Frame | undefined {
  const match = FRAME.exec(line)
  if (match === null) return undefined
  const [, what = '', file = '', row = '', column = ''] = match
  return { what, file: pathOf(file), at: `${row}:${column}` }
}

function pathOf(file: string): string {
  if (!file.startsWith('file:')) return file
  try {
    return fileURLToPath(file)
  } catch {
    return file
  }
}

function describe({ what, file, at }: Frame): string {
  const near = relative(process.cwd(), file)
  const path = near === '' || near.startsWith('..') || !/^([\\/]|[A-Za-z]:)/.test(file) ? file : near
  const name = what.replace(/^new /, '').replace(/ \[as .*\]$/, '')
  return name === '' || name === 'Object.<anonymous>' ? `${path}:${at}` : `${name} (${path}:${at})`
}

/** This file as a stack names it: in the sources src/watch/call-site.ts, in the package a chunk in dist/. */
const OWN_FILE = ownFile()
const OWN_FOLDER = OWN_FILE?.replace(/([\\/]watch)?[\\/][^\\/]+$/, '')
/** Bundled into an application, everything is one file: then our functions are known by their classes. */
const OWN_FUNCTION = /^(new )?(AdaptivePool|AdoptedPool|Pool|Witness|PgAdapter|PgSource)\.|^(takeStack|ownFile)$/

function ownFile(): string | undefined {
  const line = new Error().stack?.split('\n')[1]
  return line === undefined ? undefined : readFrame(line)?.file
}

function isOurs({ what, file }: Frame): boolean {
  if (OWN_FILE === undefined || OWN_FOLDER === undefined) return OWN_FUNCTION.test(what)
  if (file === OWN_FILE) return !isBundled() || OWN_FUNCTION.test(what)
  return !isBundled() && file.startsWith(OWN_FOLDER) && /^[\\/]/.test(file.slice(OWN_FOLDER.length))
}

function isBundled(): boolean {
  return OWN_FOLDER !== undefined && !/[\\/](src|dist)$/.test(OWN_FOLDER)
}
