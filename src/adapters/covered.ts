type Method = (...args: never[]) => unknown

/**
 * A driver's method, and what others have put over it, or into it, as tracing does: on the instance before adoption, or
 * on a class at any time. Callers without us would come by it, so that callers with us have to.
 */
export class Covered<M extends Method> {
  /** The driver's own. Undefined: not to be found, as where a text has been put into it. */
  readonly own: M | undefined
  readonly #object: object
  readonly #name: string
  readonly #onInstance: M | undefined

  /** @param written how the driver's own is; one taken for somebody else's takes a little longer, and is right too */
  constructor(object: object, name: string, written: RegExp) {
    this.#object = object
    this.#name = name
    this.#onInstance = Object.getOwnPropertyDescriptor(object, name)?.value
    let at = object as Record<string, unknown> | null
    while (at !== null && !written.test(String(at[name]))) at = Object.getPrototypeOf(at)
    this.own = at?.[name] as M | undefined
  }

  /** What a caller would call without us. */
  get onTop(): M {
    return this.#onInstance ?? Object.getPrototypeOf(this.#object)[this.#name]
  }
}
