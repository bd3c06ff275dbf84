import { expect, test } from 'vitest'
import { codel, hybrid, shadow } from '../../../src/index.ts'
import { escapeHtml } from '../../../src/sim/chart.ts'
import { poisson, scenarios, simulate, uslBackend } from '../../../src/sim/index.ts'

test('the example of the documentation runs, and its report is a page by itself', async () => {
  const disturbances = [
    { fromMs: 2_000, toMs: 3_000, capacity: 0.4 },
    { fromMs: 4_000, toMs: 5_000, extraLeaseMs: 90 },
    { fromMs: 6_000, toMs: 6_500, refuse: true as const },
  ]
  const result = await simulate({
    seed: 1,
    durationMs: 12_000,
    workload: poisson((tMs) => (tMs < 3_000 ? 200 : 900)),
    backend: uslBackend({ serviceMsMean: 10, sigma: 0.02, kappa: 0.0008, connectMs: 50, disturbances }),
    pool: { limitMin: 2, limitMax: 200, acquireTimeoutMs: 1_000, controller: hybrid(), queue: codel() },
    sloMs: 500,
    retries: 0,
  })
  const html = result.toHtml('A <title>')
  expect(html).toContain('A &#60;title&#62;')
  expect(html.match(/<svg /g)).toHaveLength(3)
  expect(html).not.toMatch(/NaN|undefined|Infinity/)
  expect(html).not.toMatch(/(?:src|href)=/) // nothing to load
  for (const { kind } of result.warnings) expect(html).toContain(kind)
})

test('a run in which nothing came can be told as well', async () => {
  const { options } = scenarios.steady
  const result = await simulate({ ...options, durationMs: 1_000, workload: poisson(0) })
  expect(result.toHtml()).not.toMatch(/NaN|undefined|Infinity/)
  expect(() => result.toHtml({ title: 'x' } as never)).toThrow('toHtml: title must be a string, got an object')
})

test('what requests failed with is in the report', async () => {
  const { options } = scenarios.failover
  const result = await simulate({ ...options, retries: 0 })
  const { errors, summary } = result
  expect(errors.reduce((sum, { count }) => sum + count, 0)).toBe(summary.failed)
  expect(errors.length).toBeGreaterThan(0)
  for (const { message } of errors) expect(result.toHtml()).toContain(escapeHtml(message))
})

// Slipped through: rows were made of the decisions that are acted on.
test('rows of a controller in the shadow tell the limit that it would have set, and so do CSV and page', async () => {
  const { options } = scenarios['step-up']
  const pool = { ...options.pool, warmUp: 5, limitInitial: 5, controller: shadow(hybrid()) }
  const result = await simulate({ ...options, durationMs: 60_000, pool })
  expect(new Set(result.rows.map(({ limit }) => limit))).toEqual(new Set([5]))
  expect(Math.max(...result.rows.map(({ decision }) => decision.shadowLimit ?? 0))).toBeGreaterThan(5)
  const [head = '', line = ''] = result.toCsv().split('\n')
  expect(head.split(',').at(-1)).toBe('shadowLimit')
  expect(line.split(',').at(-1)).toBe(String(result.rows[0]?.decision.shadowLimit))
  expect(result.toHtml()).toContain('shadow limit')
  const acting = await simulate({ ...options, durationMs: 1_000 })
  expect(acting.toCsv() + acting.toHtml()).not.toMatch(/shadow/)
})

test('the timeline adds up, and has at most 4096 bins however long the run', async () => {
  const { options } = scenarios.trickle
  const { summary, timeline } = await simulate({ ...options, durationMs: 3_600_000 })
  expect(timeline.offered.length).toBeLessThanOrEqual(4_096)
  expect(timeline.offered.length * timeline.binMs).toBeGreaterThanOrEqual(3_600_000)
  expect(timeline.offered.reduce((a, b) => a + b, 0)).toBe(summary.offered)
  expect(timeline.withinSlo.reduce((a, b) => a + b, 0)).toBe(summary.withinSlo)
})
