// A controller is a pure step: state and sample in, state and decision out. Here: one more for every waiter, and one
// less after each quiet window.
import { createPool } from 'adaptive-pool'

const followWaiters = {
  name: 'follow-waiters',
  initial: {},
  step(state, sample) {
    if (sample.waiters > 0) return [state, { limit: sample.limit + sample.waiters, reason: 'waiters' }]
    return [state, { limit: sample.limit - 1, reason: 'quiet' }]
  },
}

const pool = createPool({
  create: async () => ({}),
  destroy: () => {},
  limitInitial: 2,
  limitMax: 20,
  controller: followWaiters,
})
const work = () => new Promise((resolve) => setTimeout(resolve, 100))
await Promise.all(Array.from({ length: 50 }, () => pool.use(work)))

for (const { from, to, reason } of pool.decisions()) console.log(`${from} -> ${to}: ${reason}`)
await pool.drain()
