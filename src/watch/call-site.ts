import { findSourceMap } from 'node:module'
import { relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import { isDoor, isUse } from '../base/door.ts'
import type { CodePlace } from '../pool/contract.ts'

/** A stack as V8 keeps it: walking it is what costs; what its frames say is read when somebody wants to know. */
export interface Stack {
  readonly stack?: unknown
}

/** The part of V8's CallSite that we read. Where the enclosing function begins is newer, and may be missing. */
export interface Frame {
  getScriptNameOrSourceURL(): string | null | undefined
  getPosition(): number
  getFunctionName(): string | null
  getLineNumber(): number | null
  getColumnNumber(): number | null
  getEnclosingLineNumber?(): number
  getEnclosingColumnNumber?(): number
  isAsync(): boolean
  toString(): string
}

/** Frames kept: an ORM puts a dozen between its user and the pool, and asynchronous ones count. */
const FRAMES = 32

/** Takes the stack of this moment: 4 µs in a tight loop, most of it for walking the frames. */
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
 * The frames of a stack, without its text: putting one into words takes 7 µs, reading them again 40 (and with source
 * maps a millisecond), and the words of a place are the same at each of its thousand leases a second.
 */
export function framesOf(taken: Stack): readonly Frame[] {
  const prepare = Error.prepareStackTrace
  try {
    Error.prepareStackTrace = keepFrames
    const { stack } = taken
    Error.prepareStackTrace = prepare
    return Array.isArray(stack) ? stack : []
  } catch {
    return []
  }
}

/**
 * Where a stack leads out of this library: the first frame of the application, or, if all of them are in packages, the
 * last of the package that is nearest to the pool: an ORM's `transaction` tells more than how it gets its connections.
 * "saveOrder (routes/order.js:42:15)".
 */
export function siteOf(frames: readonly Frame[]): string | undefined {
  let nearest: Place | undefined
  for (const frame of frames.slice(doorIn(frames) + 1)) {
    const place = placeOf(frame)
    if (place.owner === APPLICATION) return place.site
    if (isTheirs(place) && (nearest ?? place).owner === place.owner) nearest = place
  }
  return nearest?.site
}

/** The whole way from the application to the pool, innermost first; `CALLED` is its end where that is not the whole. */
export function pathOf(frames: readonly Frame[]): readonly CodePlace[] {
  const door = doorIn(frames)
  const path = frames.map((frame, at) => (at <= door ? OURS : placeOf(frame)))
  const last = path.findLastIndex(isTheirs)
  const theirs = path.filter(isTheirs)
  return last >= 0 && isCalled(frames, last) ? [...theirs, CALLED] : theirs
}

/** Whatever has called the last place of a path, and does not await it: Node, or what is beyond the frames kept. */
export const CALLED: CodePlace = { site: '', at: 0, fn: '', isAsync: false }

/** Has a `use` of that pool called what leads here? Not that by which he came in. */
export function isWithinUse(frames: readonly Frame[], pool: string): boolean {
  return frames.slice(doorIn(frames) + 1).some((frame) => isUse(frame.getFunctionName(), pool))
}

/** What goes on after an `await` is called by nobody, or from Node's queue of microtasks. */
function isCalled(frames: readonly Frame[], at: number): boolean {
  const below = frames[at + 1]
  if (below === undefined) return frames.length >= FRAMES
  return !below.isAsync() && below.getScriptNameOrSourceURL() !== 'node:internal/process/task_queues'
}

function isTheirs({ owner }: Place): boolean {
  return owner !== undefined
}

interface Place extends CodePlace {
  /** The package that it is in; `APPLICATION`: in none; undefined: in this one, the driver's pool, or Node. */
  readonly owner: string | undefined
}

const APPLICATION = ''
const OURS: Place = { owner: undefined, site: '', at: 0, fn: '', isAsync: false }

/** Of a pool's query: its door, ours, the driver's own query, the door of connect. */
const QUERY_FRAMES = 3

/** Where the caller came in: down to there, all is ours or the driver's, whatever file it is in. -1: nothing tells. */
function doorIn(frames: readonly Frame[]): number {
  const isDoorAt = (at: number) => isDoor(frames[at]?.getFunctionName())
  const door = frames.findIndex((_, at) => isDoorAt(at))
  return door >= 0 && isDoorAt(door + QUERY_FRAMES) ? door + QUERY_FRAMES : door
}

/** Every place that was met, by script and position: bounded, since code that is made at run time has ever new ones. */
const places = new Map<string, Map<number, Place>>()
const PLACES_MAX = 5_000
let placesMet = 0

function placeOf(frame: Frame): Place {
  const script = frame.getScriptNameOrSourceURL() ?? ''
  let ofScript = places.get(script)
  if (ofScript === undefined) {
    ofScript = new Map()
    places.set(script, ofScript)
  }
  // An async frame stands at its await, a synchronous one at the call: the same number could mean either.
  const key = frame.isAsync() ? -1 - frame.getPosition() : frame.getPosition()
  const known = ofScript.get(key)
  if (known !== undefined) return known
  const place = readPlace(frame, script, ++placesMet)
  if (placesMet <= PLACES_MAX) ofScript.set(key, place)
  return place
}

function readPlace(frame: Frame, script: string, at: number): Place {
  const { what, file, where } = readWords(wordsFor(frame)) ?? { what: '', file: script, where: '' }
  const enclosing = `${frame.getEnclosingLineNumber?.()}:${frame.getEnclosingColumnNumber?.()}`
  return {
    owner: ownerOf(what, file, script),
    site: describe(what, file, where),
    at,
    // Its name is only of use where V8 does not tell where it begins.
    fn: `${script}:${enclosing.startsWith('u') ? frame.getFunctionName() : enclosing}`,
    isAsync: frame.isAsync(),
  }
}

const PACKAGE = /.*[\\/]node_modules[\\/]((?:@[^\\/]+[\\/])?[^\\/]+)/
const DRIVERS: ReadonlySet<string> = new Set(['pg-pool', 'mysql2'])

/** By where the code is, before where its map says that it was: a package's leads to wherever it was built. */
function ownerOf(what: string, file: string, script: string): string | undefined {
  const owner = (PACKAGE.exec(script) ?? PACKAGE.exec(file))?.[1] ?? APPLICATION
  if (file === '' || file.startsWith('node:') || isOurs(what, file)) return undefined
  return DRIVERS.has(owner) ? undefined : owner // of their own `pool.query` nobody learns who asked
}

/** A frame in words: those of the process's own source-map support, where it has one, else V8's, mapped by Node's. */
function wordsFor(frame: Frame): string {
  const prepare = Error.prepareStackTrace as ((error: Error, frames: readonly Frame[]) => unknown) | undefined
  try {
    if (typeof prepare === 'function') {
      const lines = String(prepare(new Error(), [frame])).split('\n')
      return lines.at(-1) ?? ''
    }
    const entry = findSourceMap(frame.getScriptNameOrSourceURL() ?? '')?.findEntry(
      (frame.getLineNumber() ?? 1) - 1,
      (frame.getColumnNumber() ?? 1) - 1,
    )
    if (entry !== undefined && 'originalSource' in entry) {
      const at = `${entry.originalSource}:${entry.originalLine + 1}:${entry.originalColumn + 1}`
      return `    at ${frame.getFunctionName() ?? ''} (${at})`
    }
  } catch {
    // A source map that is none, a support that throws: V8's own words are always there.
  }
  return `    at ${frame}`
}

function keepFrames(_: Error, frames: NodeJS.CallSite[]): unknown {
  return frames
}

interface Words {
  readonly what: string
  readonly file: string
  readonly where: string
}

/** "    at async Class.method [as name] (file:///dir/file.js:1:2)", or without a function: "    at /dir/file.js:1:2" */
const FRAME = /^\s*at (?:async )?(?:(.*) \()?(.+?):(\d+):(\d+)\)?$/

function readWords(line: string): Words | undefined {
  const match = FRAME.exec(line)
  if (match === null) return undefined
  const [, what = '', file = '', row = '', column = ''] = match
  return { what, file: fileOf(file), where: `${row}:${column}` }
}

function fileOf(file: string): string {
  try {
    return fileURLToPath(file)
  } catch {
    return file // it is no URL of a file
  }
}

function fromHere(file: string): string {
  try {
    return relative(process.cwd(), file)
  } catch {
    return '' // the working directory is gone
  }
}

function describe(what: string, file: string, where: string): string {
  const near = fromHere(file)
  const path = near === '' || near.startsWith('..') || !/^([\\/]|[A-Za-z]:)/.test(file) ? file : near
  const name = what.replace(/^new | \[as .*\]$/g, '')
  return name === '' || name === 'Object.<anonymous>' ? `${path}:${where}` : `${name} (${path}:${where})`
}

/** This file as a stack names it: in the sources src/watch/call-site.ts, in the package a chunk in dist/. */
const OWN_FILE = ownFile()
/** Where all of it is ours; undefined: bundled into an application, and nothing tells which of its functions are. */
const OWN_FOLDER = /.*(?=[\\/]watch[\\/]call-site\.ts$)|.*[\\/]node_modules[\\/]adaptive-pool[\\/]dist/.exec(
  OWN_FILE,
)?.[0]

function ownFile(): string {
  return readWords(new Error().stack?.split('\n')[1] ?? '')?.file ?? ''
}

function isOurs(what: string, file: string): boolean {
  if (isDoor(what) || isUse(what)) return true
  return OWN_FOLDER !== undefined && file.startsWith(OWN_FOLDER) && /^[\\/]/.test(file.slice(OWN_FOLDER.length))
}
