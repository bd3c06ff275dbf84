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
