import type { Controller } from './controller.ts'

/**
 * Never moves the limit: a pool sized by hand, and the baseline of every comparison. The limit may still be moved by
 * `pool.resize()`, and refusals of the backend do not cut it.
 */
export function fixed(): Controller<null> {
  return {
    name: 'fixed',
    isManual: true,
    initial: null,
    step: (state, sample) => [state, { limit: sample.limit, reason: 'fixed' }],
  }
}
