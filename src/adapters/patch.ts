/** Members replaced on somebody's object. */
export interface Patch {
  /** Puts back what was there. A member that somebody else has replaced since is theirs, and stays. */
  undo(): void
}

/**
 * Replaces members on the object itself: what its class provides stays underneath, and is there again once undone.
 * As members of a class, they do not show when the object is listed or logged.
 *
 * @param members functions become methods; descriptors with `get` become getters
 */
export function patchMembers(object: object, members: Readonly<Record<string, Replacement>>): Patch {
  const undoers = Object.entries(members).map(([name, member]) => replace(object, name, member))
  return {
    undo: () => {
      for (const undo of undoers) undo()
    },
  }
}

type Method = (...args: never[]) => unknown
type Replacement = Method | { readonly get: () => unknown }

function replace(object: object, name: string, member: Replacement): () => void {
  const before = Object.getOwnPropertyDescriptor(object, name)
  const ours =
    typeof member === 'function'
      ? { value: member, writable: true, enumerable: false, configurable: true }
      : { get: member.get, enumerable: false, configurable: true }
  Object.defineProperty(object, name, ours)
  return () => {
    const now = Object.getOwnPropertyDescriptor(object, name)
    const isOurs = typeof member === 'function' ? now?.value === member : now?.get === member.get
    if (!isOurs) return
    if (before === undefined) Reflect.deleteProperty(object, name)
    else Object.defineProperty(object, name, before)
  }
}
