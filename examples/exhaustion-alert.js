// Be told before callers fail, by whatever wakes you at night.
import { createPool, fixed } from 'adaptive-pool'

const page = (text) => console.log(`PAGE: ${text}`)

const pool = createPool({
  name: 'orders',
  create: async () => ({}),
  destroy: () => {},
  limitMin: 5,
  limitMax: 5,
  controller: fixed(), // sized by hand; the watch works all the same
  acquireTimeoutMs: 1_000,
  queue: 'fifo',
})
pool.on('warning', ({ severity, message, advice }) => {
  if (severity !== 'info') page(`${message} ${advice[0]}`)
})
pool.on('exhausted', ({ forMs, counts }) => page(`${counts.waiters} callers waiting, for ${Math.round(forMs)} ms now`))

// Twice as many requests as five resources can serve, for two seconds.
let failed = 0
const work = () => new Promise((resolve) => setTimeout(resolve, 50))
const request = () => pool.use(work).catch(() => failed++)
const requests = []
for (let i = 0; i < 400; i++) {
  requests.push(request())
  await new Promise((resolve) => setTimeout(resolve, 5))
}
await Promise.all(requests)
console.log(`${failed} of ${requests.length} failed; the pool says: ${pool.diagnose().verdict}`)
await pool.drain()
