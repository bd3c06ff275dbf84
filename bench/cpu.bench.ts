/**
 * The question: how much of a core do the control loop, the sampler and the watch take in a service that acquires ten
 * thousand times a second? Beside the same pool with `controller: fixed()` and `watch: false`.
 *
 * Each has a process of its own, that counts its own CPU time; they take turns, in an order that alternates, and one
 * sleeps while the other works. The difference of each pair, in per cent of a core; median and quartiles.
 *
 *     npm run bench:cpu -- [pairs] [seconds]
 */
import { cpus } from 'node:os'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { quantile } from './support/quantile.ts'
import { AGAIN, builtPackage } from './support/subjects.ts'
import { answerRounds, Worker } from './support/worker.ts'

const HERE = fileURLToPath(import.meta.url)
const PER_SECOND = 10_000
const TURN_MS = 5
const LEASE_MS = 2
const RESOURCES = 100

const KINDS = ['default', AGAIN, 'fixed, no watch'] as const
type Kind = (typeof KINDS)[number]

const WARM_UP_SECONDS = 2

/** In a process of its own: for so many seconds whenever it is told to; answers the share of a core it took. */
async function work(kind: Kind, seconds: number): Promise<void> {
  const { createPool, fixed } = await builtPackage()
  const create = async () => ({})
  const bounds = { create, destroy: () => {}, limitMin: RESOURCES, limitMax: RESOURCES * 2 }
  const bare = { controller: fixed(), watch: false } as const
  const pool = createPool({ ...bounds, ...(kind === 'fixed, no watch' ? bare : {}) })
  await pool.warmUp(RESOURCES)
  const request = async (): Promise<void> => {
    const lease = await pool.acquire()
    setTimeout(() => lease.release(), LEASE_MS)
  }
  const shareOver = async (forSeconds: number): Promise<number> => {
    const [before, startedAt] = [process.cpuUsage(), performance.now()]
    const endsAt = startedAt + forSeconds * 1_000
    for (let sent = 0, now = startedAt; now < endsAt; now = performance.now()) {
      for (; sent < ((now - startedAt) * PER_SECOND) / 1_000; sent++) void request()
      await sleep(TURN_MS)
    }
    const { user, system } = process.cpuUsage(before)
    return (user + system) / 10 / (performance.now() - startedAt)
  }
  await shareOver(WARM_UP_SECONDS)
  answerRounds(() => shareOver(seconds))
}

async function compare(pairs: number, seconds: number): Promise<void> {
  const workers = new Map<Kind, Worker<number>>()
  const shares = new Map<Kind, number[]>(KINDS.map((kind) => [kind, []]))
  try {
    for (const kind of KINDS) {
      workers.set(kind, await Worker.start(HERE, ['--worker', kind, String(seconds)]))
    }
    for (let pair = 0; pair < pairs; pair++) {
      for (const kind of pair % 2 === 0 ? KINDS : KINDS.toReversed()) {
        shares.get(kind)?.push(await (workers.get(kind) as Worker<number>).round())
      }
      process.stderr.write(`${pair + 1} of ${pairs}\n`)
    }
  } finally {
    for (const worker of workers.values()) worker.stop()
  }
  const bare = shares.get('fixed, no watch') as number[]
  console.log(`${PER_SECOND} acquires/s for ${seconds} s, ${pairs} times; per cent of a core: median (quartiles)`)
  for (const [kind, taken] of shares) {
    const more = taken.map((share, i) => share - (bare[i] as number))
    console.log(`  ${kind.padEnd(22)} ${spread(taken)}   more than fixed: ${spread(more)}`)
  }
  console.log(`${cpus()[0]?.model}, ${cpus().length} cores, Node ${process.versions.node}`)
}

function spread(values: readonly number[]): string {
  const [low, middle, high] = [0.25, 0.5, 0.75].map((q) => quantile(values, q).toFixed(2))
  return `${middle} (${low} to ${high})`
}

const [first, second, third] = process.argv.slice(2)
if (first === '--worker') await work(second as Kind, Number(third))
else await compare(Number(first ?? 6), Number(second ?? 10))
