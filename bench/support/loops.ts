import type { OpenPool } from './subjects.ts'

/** `callers` at once, each of which acquires and releases, again and again. */
export async function cycles(pool: OpenPool, callers: number, cyclesEach: number): Promise<void> {
  if (callers === 1) return cycle(pool, cyclesEach)
  const all: Promise<void>[] = []
  for (let i = 0; i < callers; i++) all.push(cycle(pool, cyclesEach))
  await Promise.all(all)
}

async function cycle(pool: OpenPool, times: number): Promise<void> {
  for (let i = 0; i < times; i++) {
    const lease = await pool.acquire()
    pool.release(lease)
  }
}

/** All resources are lent, then all are given back, again and again. */
export async function waves(pool: OpenPool, size: number, times: number): Promise<void> {
  const asked: Promise<unknown>[] = new Array(size)
  const leases: unknown[] = new Array(size)
  for (let wave = 0; wave < times; wave++) {
    for (let i = 0; i < size; i++) asked[i] = pool.acquire()
    for (let i = 0; i < size; i++) leases[i] = await asked[i]
    for (let i = 0; i < size; i++) pool.release(leases[i])
  }
}

/** One part of a cycle. */
export type Part = 'acquire' | 'wait' | 'release'

/**
 * How long each part takes by itself, in ns for all `times`: acquires of what is idle, acquires that find nothing and
 * wait, releases that nobody waits for.
 */
export async function partTimes(pool: OpenPool, size: number, times: number): Promise<Record<Part, number>> {
  const spent = { acquire: 0n, wait: 0n, release: 0n }
  const asked: Promise<unknown>[] = new Array(size)
  const waiting: Promise<unknown>[] = new Array(size)
  const leases: unknown[] = new Array(size)
  for (let wave = 0; wave < times; wave += size) {
    let sinceNs = process.hrtime.bigint()
    for (let i = 0; i < size; i++) asked[i] = pool.acquire()
    spent.acquire += process.hrtime.bigint() - sinceNs
    for (let i = 0; i < size; i++) leases[i] = await asked[i]
    sinceNs = process.hrtime.bigint()
    for (let i = 0; i < size; i++) waiting[i] = pool.acquire()
    spent.wait += process.hrtime.bigint() - sinceNs
    for (let i = 0; i < size; i++) pool.release(leases[i])
    for (let i = 0; i < size; i++) leases[i] = await waiting[i]
    sinceNs = process.hrtime.bigint()
    for (let i = 0; i < size; i++) pool.release(leases[i])
    spent.release += process.hrtime.bigint() - sinceNs
  }
  return { acquire: Number(spent.acquire), wait: Number(spent.wait), release: Number(spent.release) }
}
