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
  /** One of a few words. */
  word<W extends string>(key: keyof G & string, words: readonly W[]): W
  fn<F>(key: keyof G & string): F
  optionalFn<F>(key: keyof G & string): F | undefined
  /** An object with these methods. */
  object<O extends object>(key: keyof G & string, methods: readonly string[]): O
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
  if (given === null || (typeof given !== 'object' && given !== undefined) || Array.isArray(given)) {
    throw new TypeError(`${owner}: expected an object of options, got ${show(given)}`)
  }
  const values = (given ?? {}) as Record<string, unknown>
  const known = [...Object.keys(defaults), ...others]
  for (const key of Object.keys(values)) {
    if (!known.includes(key)) throw new TypeError(`${owner}: unknown option ${key}${suggestion(key, known)}`)
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
    word<W extends string>(key: keyof G & string, words: readonly W[]): W {
      const value = readValue(key) as W
      return words.includes(value) ? value : refuseType(key, `one of ${words.map((w) => `'${w}'`).join(', ')}`)
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
    object<O extends object>(key: keyof G & string, methods: readonly string[]): O {
      const value = readValue(key) as Record<string, unknown>
      const isSuch =
        typeof value === 'object' && value !== null && methods.every((method) => typeof value[method] === 'function')
      return isSuch ? (value as O) : refuseType(key, `an object with ${methods.map((m) => `${m}()`).join(' and ')}`)
    },
    value: readValue,
    has: (key) => values[key] !== undefined,
    contradiction(key, message) {
      throw new RangeError(`${owner}: ${key} ${message}, got ${show(readValue(key))}`)
    },
  }
}

/** A value as an error message shows it: short, and never throwing. */
export function show(value: unknown): string {
  if (typeof value === 'string') return value.length > 60 ? `'${value.slice(0, 57)}…'` : `'${value}'`
  if (typeof value === 'function') return `a function${value.name ? ` ${value.name}` : ''}`
  if (typeof value === 'bigint') return `${value}n`
  if (Array.isArray(value)) return `an array of ${value.length}`
  if (typeof value === 'object' && value !== null) {
    return `an object${value.constructor?.name && value.constructor !== Object ? ` of class ${value.constructor.name}` : ''}`
  }
  return String(value)
}

function describeRange(min: number, max: number): string {
  if (max === Number.POSITIVE_INFINITY) return `>= ${min} (Infinity allowed)`
  return max === Number.MAX_SAFE_INTEGER ? `>= ${min}` : `from ${min} to ${max}`
}

function suggestion(key: string, known: readonly string[]): string {
  const near = known.find((name) => isNear(key.toLowerCase(), name.toLowerCase()))
  return near === undefined ? `; allowed: ${known.join(', ')}` : `; did you mean ${near}?`
}

/** Equal but for a unit, a prefix or at most two letters: what people type from memory of another library. */
function isNear(a: string, b: string): boolean {
  if (a.length > 4 && (b.startsWith(a) || a.startsWith(b))) return true
  if (Math.abs(a.length - b.length) > 2) return false
  let row = Array.from({ length: b.length + 1 }, (_, i) => i)
  for (let i = 1; i <= a.length; i++) {
    const next = [i]
    for (let j = 1; j <= b.length; j++) {
      const cost = a[i - 1] === b[j - 1] ? 0 : 1
      next.push(Math.min((row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1, (row[j - 1] ?? 0) + cost))
    }
    row = next
  }
  return (row[b.length] ?? 0) <= 2
}
