import { nameDoors } from '../base/door.ts'

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

interface Lasting extends Patch {
  /** By each door, what it stands before. */
  readonly before: ReadonlyMap<unknown, Method>
}

/** By object, what has outlasted a detach(). */
const lasting = new WeakMap<object, Lasting>()

/** As patchMembers(), of methods that may outlast a detach(): they are undone once the object is patched so anew. */
export function patchLasting(object: object, members: Readonly<Record<string, Method>>): Patch {
  lasting.get(object)?.undo()
  const before = new Map(Object.entries(members).map(([name, door]) => [door, Reflect.get(object, name) as Method]))
  const patch = { ...patchMembers(object, members), before }
  lasting.set(object, patch)
  return patch
}

/** What the object's members do by themselves, to be called once others stand in their place. */
export function ownMembers<T extends object, K extends keyof T>(object: T, ...names: readonly K[]): Pick<T, K> {
  const before = lasting.get(object)?.before
  const own = (member: T[K]): Method => before?.get(member) ?? (member as Method)
  return Object.fromEntries(names.map((name) => [name, own(object[name]).bind(object)])) as Pick<T, K>
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
  if (typeof member === 'function') nameDoors(object, name)
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
