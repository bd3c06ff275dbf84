/** Members replaced on somebody's object, or options set there. */
export interface Patch {
  /** Puts back what was there. A member that somebody else has replaced since is theirs, and stays. */
  undo(): void
}

/**
 * Replaces members on the object itself: what its class provides stays underneath, and is there again once undone.
 * As members of a class, they do not show when the object is listed or logged.
 *
 * @param members functions become methods; descriptors with `get` become getters, which refuse to be set, and those
 *   with `value` plain values, which do show; as does a getter where a plain value was
 */
export function patchMembers(object: object, members: Readonly<Record<string, Replacement>>): Patch {
  const undoers = Object.entries(members).map(([name, member]) => replace(object, name, member))
  return {
    undo: () => {
      for (const undo of undoers) undo()
    },
  }
}

/** By object, what has outlasted a detach(). */
const lasting = new WeakMap<object, Patch>()

/** As patchMembers(), of what may outlast a detach(): it is undone once the object is adopted anew. */
export function patchLasting(object: object, members: Readonly<Record<string, Replacement>>): Patch {
  const patch = patchMembers(object, members)
  lasting.set(object, patch)
  return patch
}

/** What the object's members do by themselves, to be called once others stand in their place. */
export function ownMembers<T extends object, K extends keyof T>(object: T, ...names: readonly K[]): Pick<T, K> {
  lasting.get(object)?.undo()
  return Object.fromEntries(names.map((name) => [name, (object[name] as Method).bind(object)])) as Pick<T, K>
}

type Method = (...args: never[]) => unknown
type Replacement = Method | { readonly get: () => unknown } | { readonly value: unknown }

function replace(object: object, name: string, member: Replacement): () => void {
  const before = Object.getOwnPropertyDescriptor(object, name)
  const ours: PropertyDescriptor =
    typeof member === 'function'
      ? { value: member, writable: true }
      : 'value' in member
        ? { ...member, writable: true, enumerable: true }
        : { get: member.get, set: refuseToBeSet(name), enumerable: before?.enumerable ?? false }
  Object.defineProperty(object, name, { enumerable: false, configurable: true, ...ours })
  return () => {
    const now = Object.getOwnPropertyDescriptor(object, name)
    if (now?.value !== ours.value || now?.get !== ours.get) return
    if (before === undefined) Reflect.deleteProperty(object, name)
    else Object.defineProperty(object, name, before)
  }
}

/** What is set in vain is told to whoever sets it, where a getter alone would be silent outside strict mode. */
function refuseToBeSet(name: string): () => never {
  return () => {
    throw new TypeError(
      `${name} of an adopted pool cannot be set before detach(); a maximum: by resize() of its handle`,
    )
  }
}
