/**
 * The question: how much faster is the drop-in than generic-pool 3.9 itself?
 *
 * Acquire and release of resources that cost nothing, alone (uncontended) and by 50 callers on 10 resources, in rounds
 * that alternate between the two; the figure is the median of the rounds' ratios. Compare within one run only.
 *
 *     npm run bench:generic-pool -- [rounds]
 */
import theirs from 'generic-pool'
import type * as Ours from '../src/generic-pool/index.ts'

const dist = new URL('../dist/generic-pool/index.js', import.meta.url)
const ours = (await import(dist.href)) as typeof Ours

type AnyPool = Pick<Ours.Pool<object>, 'acquire' | 'release'>

const CALLERS = 50
const rounds = Number(process.argv[2] ?? 15)
const factory = { create: async () => ({}), destroy: async () => {} }

async function uncontended(pool: AnyPool, times: number): Promise<void> {
  for (let left = times; left > 0; left--) await pool.release(await pool.acquire())
}

async function contended(pool: AnyPool, times: number): Promise<void> {
  const caller = async (): Promise<void> => {
    for (let left = times / CALLERS; left > 0; left--) {
      const resource = await pool.acquire()
      await undefined // work of no length
      await pool.release(resource)
    }
  }
  await Promise.all(Array.from({ length: CALLERS }, caller))
}

const median = (numbers: readonly number[]): number => numbers.toSorted((a, b) => a - b)[numbers.length >> 1] ?? 0

for (const [name, run, times] of [
  ['uncontended', uncontended, 200_000],
  ['contended', contended, 100_000],
] as const) {
  const pools = [theirs.createPool(factory, { max: 10 }), ours.createPool(factory, { max: 10 })] as const
  for (const pool of pools) await run(pool, times / 10)
  const nsPerAcquire: [number[], number[]] = [[], []]
  for (let round = 0; round < rounds; round++) {
    for (const which of round % 2 === 0 ? ([0, 1] as const) : ([1, 0] as const)) {
      const startMs = performance.now()
      await run(pools[which], times)
      nsPerAcquire[which].push(((performance.now() - startMs) * 1e6) / times)
    }
  }
  const [slow, fast] = nsPerAcquire
  const ratios = slow.map((ns, round) => ns / (fast[round] ?? ns))
  const spread = `${Math.min(...ratios).toFixed(2)}..${Math.max(...ratios).toFixed(2)}`
  console.log(
    `${name}: generic-pool ${median(slow).toFixed(0)} ns, ours ${median(fast).toFixed(0)} ns, ` +
      `${median(ratios).toFixed(2)} times as fast (${spread}), Node ${process.version}, ${rounds} rounds`,
  )
}
