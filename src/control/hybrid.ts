import type { Controller } from './controller.ts'

/** Placeholder until the real one lands. */
export function hybrid(): Controller {
  return { name: 'hybrid', initial: {}, step: (state, s) => [state, { limit: s.waiters > 0 ? s.limit * 1.5 + 1 : s.limit, reason: 'placeholder' }] }
}
