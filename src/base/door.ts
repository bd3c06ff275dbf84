/** What the name of a door begins with. */
const DOOR = 'adaptive-pool.'

/**
 * Marks functions by which callers come in: on a stack, what is above such a name is ours. Bundled, we are in one file
 * with our callers, and a minifier renames whatever is written down, but not what is set at run time.
 */
export function nameDoors(object: object, ...names: readonly string[]): void {
  for (const name of names) Object.defineProperty(Reflect.get(object, name), 'name', { value: DOOR + name })
}

/** By the name that a stack tells, with or without the object before it. */
export function isDoor(functionName: string | null | undefined): boolean {
  return functionName?.includes(DOOR) === true
}

/** What the name of a `use` begins with. No door: that is the handle's, above it. */
const USE = 'adaptive-pool:use '

/** Marks the function in which a pool awaits what a caller does with a lease: who asks under it holds one already. */
export function nameUse(use: (...args: never[]) => Promise<unknown>, pool: string): void {
  Object.defineProperty(use, 'name', { value: USE + pool })
}

/** Is it the `use` of that pool, or, where none is given, of any? */
export function isUse(functionName: string | null | undefined, pool?: string): boolean {
  return pool === undefined ? functionName?.includes(USE) === true : functionName === USE + pool
}
