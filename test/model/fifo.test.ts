import { test } from 'vitest'
import { checkPrograms, MODEL_TIMEOUT_MS } from './check-programs.ts'

test('fifo: whatever a program does to the pool, the pool does as the model says', { timeout: MODEL_TIMEOUT_MS }, () =>
  checkPrograms('fifo'),
)
