/**
 * What do watch and holders cost? A pool of ten with everything by default, beside one with `watch: false`: acquire and
 * release, by one caller and by a hundred. Each in a process of its own, since both would pay for whatever one of them
 * has V8 or Node do for the whole process; they take turns.
 *
 *     npm run bench:watch-cost [-- pairs=8] [ms=1500]
 */
import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { quantile } from './support/quantile.ts'

/** As it is built: what users run. */
const BUILT = new URL(process.env.BENCH_DIST ?? '../dist/index.js', import.meta.url).href

type Mode = 'watched' | 'unwatched'

const CALLERS = [1, 100] as const
const words = process.argv.slice(2)
const numberOf = (name: string, otherwise: number) =>
  Number(words.find((word) => word.startsWith(`${name}=`))?.slice(name.length + 1) ?? otherwise)

/** In ns a cycle. */
async function cycleNs(mode: Mode, callers: number, forMs: number): Promise<number> {
  const { createPool } = (await import(BUILT)) as typeof import('../src/index.ts')
  const pool = createPool<object>({
    create: async () => ({}),
    destroy: () => {},
    limitMin: 10,
    limitMax: 10,
    warmUp: 10,
    ...(mode === 'unwatched' ? { watch: false } : {}),
  })
  let cycles = 0
  let isOver = false
  async function call(): Promise<void> {
    while (!isOver) {
      const lease = await pool.acquire()
      if (callers > 10) await undefined // so that leases overlap, and callers queue
      lease.release()
      cycles += 1
      if (cycles % 1_000 === 0) await new Promise(setImmediate) // timers must have their turn
    }
  }
  const all = Promise.all(Array.from({ length: callers }, call))
  await new Promise((resolve) => setTimeout(resolve, forMs / 3)) // warms up
  cycles = 0
  const fromMs = performance.now()
  await new Promise((resolve) => setTimeout(resolve, forMs))
  const ns = ((performance.now() - fromMs) * 1e6) / cycles
  isOver = true
  await all
  await pool.drain()
  return ns
}

function inProcess(mode: Mode, callers: number, forMs: number): number {
  const argv = ['--import', 'tsx', fileURLToPath(import.meta.url), 'one', mode, String(callers), String(forMs)]
  const { stdout, status, stderr } = spawnSync(process.execPath, argv, { encoding: 'utf8' })
  if (status !== 0) throw new Error(stderr)
  return Number(stdout)
}

if (words[0] === 'one') {
  console.log(await cycleNs(words[1] as Mode, Number(words[2]), Number(words[3])))
} else {
  const pairs = numberOf('pairs', 8)
  const forMs = numberOf('ms', 1_500)
  console.log(`Node ${process.versions.node}, ${pairs} pairs of processes, ${forMs} ms each\n`)
  console.log('| callers | unwatched, ns | watched, ns | watched / unwatched: median (quartiles) |')
  console.log('|---|---|---|---|')
  for (const callers of CALLERS) {
    const ns = { watched: [] as number[], unwatched: [] as number[] }
    for (let pair = 0; pair < pairs; pair++) {
      const order: readonly Mode[] = pair % 2 === 0 ? ['watched', 'unwatched'] : ['unwatched', 'watched']
      for (const mode of order) ns[mode].push(inProcess(mode, callers, forMs))
    }
    const ratios = ns.watched.map((one, i) => one / (ns.unwatched[i] as number))
    const of = (values: readonly number[], q: number, digits = 2) => quantile(values, q).toFixed(digits)
    console.log(
      `| ${callers} | ${of(ns.unwatched, 0.5, 0)} | ${of(ns.watched, 0.5, 0)} | ` +
        `${of(ratios, 0.5)} (${of(ratios, 0.25)} – ${of(ratios, 0.75)}) |`,
    )
  }
}
