// From generic-pool to its drop-in: one import. `adaptive` lets the limit move.
import { createPool } from 'adaptive-pool/generic-pool'

let made = 0
const factory = {
  create: async () => ({ id: ++made }),
  destroy: async () => {},
}

const pool = createPool(factory, { max: 4, acquireTimeoutMillis: 1_000, adaptive: { limitMax: 20 } })
pool.control.on('warning', ({ message }) => console.warn(message))

const work = () => new Promise((resolve) => setTimeout(resolve, 10))
await Promise.all(Array.from({ length: 200 }, () => pool.use(work)))

console.log(`limit ${pool.max}, ${pool.control.stats().acquired} acquired, ${pool.size} open`)
await pool.drain()
await pool.clear()
