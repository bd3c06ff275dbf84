import { createHook } from 'node:async_hooks'
import { fileURLToPath } from 'node:url'
import type * as Package from '../../src/index.ts'
import type * as Sim from '../../src/sim/index.ts'
import type { Figure } from './figure.ts'

const DIST = process.env.BENCH_DIST ?? fileURLToPath(new URL('../../dist/index.js', import.meta.url))
const { createPool } = (await import(DIST)) as typeof Package
const { simulate, scenarios } = (await import(DIST.replace('index.js', 'sim/index.js'))) as typeof Sim

/** Of the default controller in the whole bank, under virtual time: the same on every machine, to the last digit. */
export async function goodput(): Promise<Figure[]> {
  const figures: Figure[] = []
  for (const [name, { options }] of Object.entries(scenarios)) {
    const { summary } = await simulate({ ...options, seed: 1 })
    const allowed = { by: 0.01, kind: 'points' } as const
    figures.push({ name: `goodput, ${name}`, value: summary.goodput, allowed, better: 'higher' })
  }
  return figures
}

const CYCLES = 20_000

/** What one cycle does, counted: the same on every machine. */
export async function operations(callers: number): Promise<Figure[]> {
  const counted = { readings: 0, timers: 0, promises: 0 }
  const clock: Package.Clock = {
    nowMs: () => {
      counted.readings += 1
      return performance.now()
    },
    startTimer(delayMs, fire, background) {
      counted.timers += 1
      const timer = setTimeout(fire, delayMs)
      if (background) timer.unref()
      return { cancel: () => clearTimeout(timer) }
    },
  }
  const options = { create: async () => ({}), destroy: () => {}, limitMin: 10, limitMax: 10 }
  const pool = createPool({ ...options, clock, waitersMax: 10_000 })
  const cycle = async (times: number): Promise<void> => {
    for (let i = 0; i < times; i++) (await pool.acquire()).release()
  }
  const cycles = (times: number): Promise<unknown> =>
    Promise.all(Array.from({ length: callers }, () => cycle(times / callers)))
  await cycles(CYCLES)
  Object.assign(counted, { readings: 0, timers: 0 })
  const hook = createHook({
    init(_, type) {
      if (type === 'PROMISE') counted.promises += 1
    },
  }).enable()
  await cycles(CYCLES)
  hook.disable()
  await pool.drain()
  const of = `per cycle, ${callers} on 10`
  const count = (name: string, value: number): Figure => {
    return { name: `${name} ${of}`, value, allowed: { by: 0.05, kind: 'points' }, better: 'lower' }
  }
  return [
    count('clock readings', counted.readings / CYCLES),
    count('timers', counted.timers / CYCLES),
    count('promises', counted.promises / CYCLES),
  ]
}
