import type { AsyncScope } from '../base/async-scope.ts'
import type { Clock } from '../base/clock.ts'
import { settleWithin } from '../base/deadline.ts'
import type { Source } from './contract.ts'

/** The user's functions that make and unmake resources. */
export interface FactoryOptions<T> {
  /** Opens a resource. `signal` is aborted at createTimeoutMs and when the pool closes. */
  readonly create: (context: { readonly signal: AbortSignal }) => T | Promise<T>
  /** Closes a resource. */
  readonly destroy: (resource: T) => unknown
  /** Is an idle resource still good? `false` or a rejection: it is destroyed, and the next one tried. */
  readonly validate?: (resource: T) => unknown
}

/** When validation happens. Times in ms. */
export interface ValidationOptions {
  readonly validateAfterIdleMs: number
  readonly validateTimeoutMs: number
}

/** The native source: resources made, checked and unmade by the user's functions. */
export function factorySource<T>(
  { create, destroy, validate }: FactoryOptions<T>,
  { validateAfterIdleMs, validateTimeoutMs }: ValidationOptions,
  clock: Clock,
  scope: AsyncScope,
): Source<T> {
  const validated = async (check: (resource: T) => unknown, resource: T): Promise<T> => {
    const late = () => new Error(`validate did not finish within validateTimeoutMs (${validateTimeoutMs} ms)`)
    const answer = await settleWithin(clock, validateTimeoutMs, (async () => check(resource))(), late)
    if (answer === false) throw new Error('validate answered false')
    return resource
  }
  return {
    create: async (signal) => create({ signal }),
    isReady: (idleMs) => validate === undefined || idleMs < validateAfterIdleMs,
    prepare(resource, idleMs) {
      if (validate === undefined || idleMs < validateAfterIdleMs) return undefined
      return scope.run(() => validated(validate, resource as T))
    },
    giveBack: () => true,
    async destroy(resource) {
      await destroy(resource as T)
    },
  }
}
