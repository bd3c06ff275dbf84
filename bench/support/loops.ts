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

/** How long acquiring alone takes, and releasing alone, of `size` resources that are all idle or all lent: in ns. */
export async function waveTimes(
  pool: OpenPool,
  size: number,
  times: number,
): Promise<{ acquireNs: number; releaseNs: number }> {
  const asked: Promise<unknown>[] = new Array(size)
  const leases: unknown[] = new Array(size)
  let acquireNs = 0n
  let releaseNs = 0n
  for (let wave = 0; wave < times; wave++) {
    const startedAt = process.hrtime.bigint()
    for (let i = 0; i < size; i++) asked[i] = pool.acquire()
    acquireNs += process.hrtime.bigint() - startedAt
    for (let i = 0; i < size; i++) leases[i] = await asked[i]
    const endedAt = process.hrtime.bigint()
    for (let i = 0; i < size; i++) pool.release(leases[i])
    releaseNs += process.hrtime.bigint() - endedAt
  }
  return { acquireNs: Number(acquireNs), releaseNs: Number(releaseNs) }
}
