import { setTimeout as sleep } from 'node:timers/promises'
import pg from 'pg'
import { expect, inject, test } from 'vitest'
import { adapt } from '../../src/adapt.ts'
import type { Warning } from '../../src/watch/warning.ts'
import { until } from '../support/until.ts'

const { url } = inject('postgres')

test('handlers that hold a client and query the pool, all at once after normal traffic, are told of with both places', async () => {
  const pool = new pg.Pool({ connectionString: url, max: 6, connectionTimeoutMillis: 3_000 })
  const control = adapt(pool, { name: 'orders' })
  const warnings: Warning[] = []
  control.on('warning', (warning) => warnings.push(warning))
  const list = () => pool.query('select pg_sleep(0.002)')
  async function audit() {
    await pool.query('select 1')
  }
  async function saveOrder() {
    const client = await pool.connect()
    try {
      await client.query('select 2')
      await audit()
    } finally {
      client.release()
    }
  }
  for (let i = 0; i < 50; i++) {
    await Promise.all([list(), list(), list()])
    await saveOrder() // one at a time, it is only slow
  }
  expect(warnings.map(({ kind }) => kind)).not.toContain('self-deadlock')
  const tangledAtMs = performance.now()
  const all = Array.from({ length: 6 }, () => saveOrder())
  await sleep(0)
  all.push(list().then(() => {}))
  const settled = Promise.allSettled(all)
  await until(() => warnings.some(({ kind }) => kind === 'self-deadlock'))
  expect(performance.now() - tangledAtMs).toBeLessThan(1_000)
  const told = warnings.find(({ kind }) => kind === 'self-deadlock')
  expect(told?.message).toMatch(/Held at saveOrder \(.*asked again at audit \(/)
  await settled // pg's own timeout
  await pool.end()
})
