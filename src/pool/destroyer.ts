import type { AsyncScope } from '../base/async-scope.ts'
import type { Clock } from '../base/clock.ts'
import { settleWithin } from '../base/deadline.ts'
import type { DestroyReason, Source } from './contract.ts'

/** What a destroyer works with. Times in ms. */
export interface DestroyerParts<T> {
  readonly source: Pick<Source<T>, 'destroy'>
  readonly clock: Clock
  readonly scope: AsyncScope
  readonly destroyTimeoutMs: number
}

/** DOER: closes resources under their timeout. */
export class Destroyer<T> {
  readonly #parts: DestroyerParts<T>

  constructor(parts: DestroyerParts<T>) {
    this.#parts = parts
  }

  /** Undefined: it is closed already. A rejection: it failed, or takes longer than its timeout. */
  destroy(resource: T | undefined, reason: DestroyReason, cause: unknown): Promise<void> | undefined {
    const { source, clock, scope, destroyTimeoutMs } = this.#parts
    const late = () => new Error(`destroy did not finish within destroyTimeoutMs (${destroyTimeoutMs} ms)`)
    try {
      const work = scope.run(() => source.destroy(resource, reason, cause))
      return work === undefined ? undefined : settleWithin(clock, destroyTimeoutMs, work, late)
    } catch (error) {
      return Promise.reject(error)
    }
  }
}
