/** What a number may be. All bounds are inclusive. */
export interface NumberRange {
  readonly min?: number
  readonly max?: number
}

/** Reads the fields of one options object; every method refuses what is not allowed, naming option, value and range. */
export interface OptionsReader<G extends object> {
  /** An integer, by default at least 0. `Infinity` only where `max` says so. */
  count(key: keyof G & string, range?: NumberRange): number
  /** A number of milliseconds, by default at least 0. `Infinity` means: never. */
  durationMs(key: keyof G & string, range?: NumberRange): number
  /** A number within the range; no unit. */
  ratio(key: keyof G & string, range: NumberRange): number
  text(key: keyof G & string): string
  flag(key: keyof G & string): boolean
  fn<F>(key: keyof G & string): F
  optionalFn<F>(key: keyof G & string): F | undefined
  /** An object with these methods; `what` it may be, in the words of whoever makes one. */
  object<O extends object>(key: keyof G & string, methods: readonly string[], what?: string): O
  /** As it was given, else its default: for an option with a reader of its own. */
  value(key: keyof G & string): unknown
  /** Was the option given, and not as `undefined`? */
  has(key: keyof G & string): boolean
  /** Refuses the combination: two options that contradict each other. */
  contradiction(key: keyof G & string, message: string): never
}

/**
 * The one way in which options are read: unknown keys are refused, `undefined` means the default, and there are no
 * sentinels.
 *
 * @param owner what the options belong to; starts every message
 * @param given what the caller wrote
 * @param defaults the default of every option that has one
 * @param others names of the options without a default
 * @throws TypeError for what is no object, an unknown key, or a value of the wrong type
 * @throws RangeError for a number out of range
 */
export function readOptions<G extends object>(
  owner: string,
  given: G | undefined,
  defaults: { readonly [K in keyof G]?: unknown },
  others: readonly (keyof G & string)[] = [],
): OptionsReader<G> {
  const known = [...Object.keys(defaults), ...others]
  const values: Record<string, unknown> = {}
  if (given !== undefined) {
    if (!isOptionsObject(given)) throw new TypeError(`${owner}: expected an object of options, got ${show(given)}`)
    for (const key of keysOf(given)) {
      if (!known.includes(key)) throw unknownOption(owner, given, key, known)
    }
    // Each is read once: what a getter answered is what is checked, and what is checked is what counts.
    for (const key of known) values[key] = (given as Record<string, unknown>)[key]
  }
  const fallback = defaults as Record<string, unknown>
  const readValue = (key: string): unknown => (values[key] === undefined ? fallback[key] : values[key])
  const refuseType = (key: string, allowed: string): never => {
    throw new TypeError(`${owner}: ${key} must be ${allowed}, got ${show(readValue(key))}`)
  }
  const numberIn = (key: string, noun: string, min: number, max: number): number => {
    const value = readValue(key)
    const allowed = `${noun} ${describeRange(min, max)}`
    if (typeof value !== 'number' || Number.isNaN(value)) return refuseType(key, allowed)
    if (value < min || value > max) throw new RangeError(`${owner}: ${key} must be ${allowed}, got ${value}`)
    return value
  }
  return {
    count(key, { min = 0, max = Number.MAX_SAFE_INTEGER } = {}) {
      const value = numberIn(key, 'an integer', min, max)
      if (!Number.isInteger(value) && value !== Number.POSITIVE_INFINITY) {
        throw new RangeError(`${owner}: ${key} must be an integer ${describeRange(min, max)}, got ${value}`)
      }
      return value
    },
    durationMs: (key, { min = 0, max = Number.POSITIVE_INFINITY } = {}) =>
      numberIn(key, 'a number of milliseconds', min, max),
    ratio: (key, { min = 0, max = Number.POSITIVE_INFINITY }) => numberIn(key, 'a number', min, max),
    text(key) {
      const value = readValue(key)
      return typeof value === 'string' && value !== '' ? value : refuseType(key, 'a string that is not empty')
    },
    flag(key) {
      const value = readValue(key)
      return typeof value === 'boolean' ? value : refuseType(key, 'true or false')
    },
    fn<F>(key: keyof G & string): F {
      const value = readValue(key)
      return typeof value === 'function' ? (value as F) : refuseType(key, 'a function')
    },
    optionalFn<F>(key: keyof G & string): F | undefined {
      const value = readValue(key)
      if (value === undefined) return undefined
      return typeof value === 'function' ? (value as F) : refuseType(key, 'a function')
    },
    object<O extends object>(key: keyof G & string, methods: readonly string[], what = 'an object'): O {
      const value = readValue(key) as Record<string, unknown>
      const isSuch =
        typeof value === 'object' && value !== null && methods.every((method) => typeof value[method] === 'function')
      const withMethods = methods.length === 0 ? '' : ` with ${methods.map((m) => `${m}()`).join(' and ')}`
      return isSuch ? (value as O) : refuseType(key, what + withMethods)
    },
    value: readValue,
    has: (key) => values[key] !== undefined,
    contradiction(key, message) {
      throw new RangeError(`${owner}: ${key} ${message}, got ${show(readValue(key))}`)
    },
  }
}

/**
 * Can it hold options: an object literal, or an instance of somebody's class of options? A Map, a Date, a Promise or an
 * array has its contents elsewhere, so that each would pass for an object without any.
 */
export function isOptionsObject(value: unknown): value is object {
  if (typeof value !== 'object' || value === null) return false
  const prototype: unknown = Object.getPrototypeOf(value)
  if (prototype === Object.prototype || prototype === null) return true // the usual case, at every acquire
  const kind = Object.prototype.toString.call(value)
  return kind === '[object Object]' || kind === '[object Module]' // import * as options from './options.js'
}

/** @throws TypeError | RangeError naming the value, and what is allowed in the words of `allowed` */
export function requireInteger(name: string, value: unknown, min: number, max: number, allowed?: string): void {
  const isWithin = Number.isInteger(value) && (value as number) >= min && (value as number) <= max
  if (isWithin) return
  const refusal = `${name} must be an integer ${allowed ?? `from ${min} to ${max}`}, got ${show(value)}`
  throw typeof value === 'number' ? new RangeError(refusal) : new TypeError(refusal)
}

/**
 * @param hint what to do instead
 * @throws TypeError for any argument
 */
export function requireNone(owner: string, given: readonly unknown[], hint = ''): void {
  if (given.length > 0) throw new TypeError(`${owner}: takes no arguments, got ${show(given[0])}${hint}`)
}

/** The refusal of a key that is none of the `known`. */
export function unknownOption(owner: string, given: object, key: string, known: readonly string[]): TypeError {
  const near = nearest(key, known)
  const hint = near === undefined ? '' : ` did you mean ${near}?`
  const value = show((given as Record<string, unknown>)[key])
  return new TypeError(`${owner}: unknown option ${key}, got ${value};${hint} allowed: ${known.join(', ')}`)
}

/**
 * Every name under which an option may have been meant: inherited ones too, and the getters of a class. Not its
 * methods; nor what is hidden or a symbol, which is how tools mark an object (`__esModule`), and nobody's slip.
 */
function keysOf(given: object): readonly string[] {
  const keys = Object.keys(given)
  let prototype: object | null = Object.getPrototypeOf(given)
  // The end of each chain is an Object.prototype, be it that of another realm.
  for (
    ;
    prototype !== null && !Object.hasOwn(prototype, 'hasOwnProperty');
    prototype = Object.getPrototypeOf(prototype)
  ) {
    for (const [key, { enumerable, get }] of Object.entries(Object.getOwnPropertyDescriptors(prototype))) {
      if (enumerable || get !== undefined) keys.push(key)
    }
  }
  return keys
}

/** A value as an error message shows it: short, and never throwing. */
export function show(value: unknown): string {
  if (typeof value === 'string') return value.length > 60 ? `'${value.slice(0, 57)}…'` : `'${value}'`
  if (typeof value === 'function') return `a function${nameOf(value, ' ')}`
  if (typeof value === 'bigint') return `${value}n`
  if (typeof value === 'object' && value !== null) return showObject(value)
  return String(value)
}

function showObject(value: object): string {
  try {
    if (Array.isArray(value)) return `an array of ${value.length}`
    return `an object${value.constructor === Object ? '' : nameOf(value.constructor, ' of class ')}`
  } catch {
    return 'an object' // with a getter, or a proxy, that throws
  }
}

function nameOf(fn: unknown, prefix: string): string {
  const name: unknown = typeof fn === 'function' ? fn.name : undefined // a class may have a static name of any type
  return typeof name === 'string' && name !== '' ? prefix + name : ''
}

function describeRange(min: number, max: number): string {
  const isOpen = min === Number.MIN_VALUE // as near to 0 as a number comes
  const low = isOpen ? '> 0' : `>= ${min}`
  if (max === Number.POSITIVE_INFINITY) return `${low} (Infinity allowed)`
  if (max === Number.MAX_SAFE_INTEGER) return low
  if (max === Number.MAX_VALUE) return `${low} and finite`
  return isOpen ? `> 0 and <= ${max}` : `from ${min} to ${max}`
}

/** The one that was likely meant, if any was. */
function nearest(key: string, known: readonly string[]): string | undefined {
  const meant = key
    .toLowerCase()
    .replace(/millis$/, 'ms')
    .replace('connectionlimit', 'max')
  let near: string | undefined
  let fewest = Number.POSITIVE_INFINITY
  for (const option of known) {
    const letters = lettersBetween(meant, option.toLowerCase())
    if (letters >= fewest) continue
    near = option
    fewest = letters
  }
  return near
}

/**
 * How many letters are other, if it is only a unit, a prefix or at most two, and not half of them: what people type
 * from memory of another library. Infinity: the one was not meant by the other.
 */
function lettersBetween(a: string, b: string): number {
  const lengths = Math.abs(a.length - b.length)
  if (b === `limit${a}`) return 1 // max, min: as pools have it
  if (a.length > 4 && (b.startsWith(a) || a.startsWith(b))) return lengths
  if (lengths > 2) return Number.POSITIVE_INFINITY
  let row = Array.from({ length: b.length + 1 }, (_, i) => i)
  for (let i = 1; i <= a.length; i++) {
    const next = [i]
    for (let j = 1; j <= b.length; j++) {
      const cost = a[i - 1] === b[j - 1] ? 0 : 1
      next.push(Math.min((row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1, (row[j - 1] ?? 0) + cost))
    }
    row = next
  }
  const letters = row[b.length] ?? 0
  return letters <= 2 && letters < a.length / 2 ? letters : Number.POSITIVE_INFINITY
}
