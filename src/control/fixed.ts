import { requireNone } from '../base/options.ts'
import type { Controller } from './controller.ts'

/**
 * Never moves the limit: a pool sized by hand, and the baseline of every comparison. The limit may still be moved by
 * `pool.resize()`, and refusals of the backend do not cut it.
 *
 * @throws TypeError for any argument: where the limit stays is an option of the pool, `limitInitial`
 */
export function fixed(...given: readonly []): Controller<null> {
  requireNone('fixed', given, '; where the limit stays is limitInitial of the pool, or resize()')
  return {
    name: 'fixed',
    isManual: true,
    initial: null,
    step: (state, sample) => [state, { limit: sample.limit, reason: 'fixed' }],
  }
}
