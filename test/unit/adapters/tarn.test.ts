import { Pool } from 'tarn'
import { Pool as Pool30 } from 'tarn-3.0'
import { afterEach, describe, expect, test } from 'vitest'
import { adapt } from '../../../src/adapt.ts'
import { until } from '../../support/until.ts'

// Until 3.1, of June 2026, a record of tarn's had no `settle`; the conformance suite runs on the newest.
describe.each([
  ['3.0', Pool30 as unknown as typeof Pool],
  ['of today', Pool],
])('tarn %s', (_version, TarnPool) => {
  let open = 0
  const newPool = () =>
    new TarnPool({
      create: async () => {
        open += 1
        return {}
      },
      destroy: async () => {
        open -= 1
      },
      min: 0,
      max: 6,
    })
  afterEach(() => {
    open = 0
  })

  test('what a lower limit leaves no place for is closed, idle or coming back', async () => {
    const pool = newPool()
    const control = adapt(pool, { limitInitial: 6 })
    const held = await Promise.all(Array.from({ length: 6 }, () => pool.acquire().promise))
    for (const resource of held.splice(3)) pool.release(resource)
    expect(open).toBe(6)

    control.resize(3)
    await until(() => open === 3)
    control.resize(2)
    for (const resource of held) pool.release(resource)
    await until(() => open === 2)
    expect(control.counts()).toMatchObject({ live: 2, idle: 2 })

    await pool.destroy()
    expect(open).toBe(0)
  })
})
