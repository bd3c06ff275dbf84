import { show } from '../base/options.ts'
import type { Controller } from './controller.ts'

/**
 * Never moves the limit: a pool sized by hand, and the baseline of every comparison. The limit may still be moved by
 * `pool.resize()`, and refusals of the backend do not cut it.
 *
 * @throws TypeError for any argument: where the limit stays is an option of the pool, `limitInitial`
 */
export function fixed(...given: readonly []): Controller<null> {
  if (given.length > 0) {
    const where = 'where the limit stays is limitInitial of the pool, or resize()'
    throw new TypeError(`fixed: takes no arguments, got ${show((given as readonly unknown[])[0])}; ${where}`)
  }
  return {
    name: 'fixed',
    isManual: true,
    initial: null,
    step: (state, sample) => [state, { limit: sample.limit, reason: 'fixed' }],
  }
}
