import { Deque } from './deque.ts'
import { DefaultEvictor } from './evictor.ts'
import { createPool, Pool } from './pool.ts'
import { PriorityQueue } from './priority-queue.ts'

/** generic-pool is a CommonJS module: `import genericPool from 'generic-pool'` gives all of it, and so does ours. */
export const genericPool = { Pool, Deque, PriorityQueue, DefaultEvictor, createPool }
