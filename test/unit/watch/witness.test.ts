import { setTimeout as sleep } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { createPool } from '../../../src/create-pool.ts'
import type { Caller, LeaseInfo } from '../../../src/pool/contract.ts'
import { Witness } from '../../../src/watch/witness.ts'
import { countsByHand } from '../../support/counts-by-hand.ts'

function newWitness({ inUse = 0, waiters = 0, sitesPerMs = 1 } = {}) {
  const counts = {
    ...countsByHand({ limit: 10, inUse, waiters }),
    oldestWaitSinceMs: undefined,
    waitingSinceMs: undefined,
  }
  const ended: [lease: LeaseInfo, weight: number][] = []
  const witness = new Witness({
    counts,
    sitesPerMs,
    follows: true,
    ended: (lease, _, weight) => ended.push([lease, weight]),
  })
  return { witness, counts, ended }
}

function askFrom(witness: Witness, nowMs = 0): Caller | undefined {
  return witness.asked(nowMs)
}

test('the call site is the first place outside of the library', () => {
  expect(askFrom(newWitness().witness)?.site).toMatch(
    /^askFrom \(test[\\/]unit[\\/]watch[\\/]witness\.test\.ts:\d+:\d+\)$/,
  )
})

test('sixteen of a burst are seen, then a thousand a second, and four times as many while callers wait', () => {
  const { witness, counts } = newWitness()
  const seen = (times: number, atMs: number) =>
    Array.from({ length: times }, () => witness.asked(atMs)).filter((caller) => caller !== undefined).length
  expect(seen(200, 0)).toBe(16)
  expect(seen(200, 10)).toBe(10)
  counts.waiters = 1
  const sites = Array.from({ length: 200 }, () => witness.asked(13)).filter((caller) => caller?.site !== undefined)
  expect(sites).toHaveLength(12)
})

test('with no budget nobody is looked at', () => {
  expect(newWitness({ sitesPerMs: 0 }).witness.asked(0)).toBeUndefined()
})

test('while most leases are in the cupboard, nobody is followed', () => {
  expect(newWitness({ inUse: 4 }).witness.asked(0)?.isFollowed).toBe(false)
  expect(newWitness({ inUse: 5 }).witness.asked(0)?.isFollowed).toBe(true)
})

test('nobody is followed any more once the pool is at rest', () => {
  const { witness, counts } = newWitness({ inUse: 9 })
  expect(witness.asked(0)?.isFollowed).toBe(true)
  counts.inUse = 0
  expect(witness.asked(1)?.isFollowed).toBe(true) // it was busy a moment ago
  witness.rest()
  expect(witness.asked(2)?.isFollowed).toBe(false)
})

test('a lease that was looked at stands for those before it that were not', () => {
  const { witness, ended } = newWitness()
  const caller = witness.asked(0)
  for (let i = 0; i < 3; i++) witness.ended({ tag: undefined, sinceMs: 0 }, 5)
  witness.ended({ tag: undefined, sinceMs: 0, caller }, 5)
  witness.ended({ tag: '/cart', sinceMs: 0 }, 5)
  expect(ended.map(([, weight]) => weight)).toEqual([4, 1])
})

/** Has callers ask of a real pool, and tells who asked for the last lease while it held another. */
async function aboveIn(ask: (acquire: () => Promise<{ release(): void }>) => Promise<unknown>) {
  const pool = createPool({ create: () => ({}), destroy: () => {}, limitMax: 4, limitInitial: 4, warmUp: 4 })
  await sleep(1)
  const above: (string | undefined)[] = []
  await ask(async () => {
    const lease = await pool.acquire()
    above.push((lease as unknown as LeaseInfo).caller?.above?.site) // now: once a lease ends, it is forgotten
    return lease
  })
  await pool.drain({ timeoutMs: 1 })
  return above
}

test('who holds a lease and asks for another is known, across timers and functions', async () => {
  const above = await aboveIn(async (acquire) => {
    const warm = [await acquire(), await acquire()]
    async function holder() {
      const lease = await acquire()
      await sleep(1)
      await asker()
      lease.release()
    }
    const asker = async () => (await acquire()).release()
    for (const lease of warm) lease.release()
    const held = await acquire() // busy enough to be followed
    const other = await acquire()
    await holder()
    held.release()
    other.release()
  })
  expect(above.at(-1)).toMatch(/witness.test.ts/)
})

test('siblings that ask at once hold nothing of each other', async () => {
  const above = await aboveIn(async (acquire) => {
    const leases = await Promise.all([acquire(), acquire(), acquire(), acquire()])
    for (const lease of leases) lease.release()
  })
  expect(above).toEqual([undefined, undefined, undefined, undefined])
})

test('nor does one that asks from the same interval, later', async () => {
  const pool = createPool({ create: () => ({}), destroy: () => {}, limitMax: 4, limitInitial: 4, warmUp: 4 })
  await sleep(1)
  const above: (Caller | undefined)[] = []
  await new Promise<void>((resolve) => {
    const interval = setInterval(() => {
      void pool.acquire().then(
        (lease) => above.push((lease as unknown as LeaseInfo).caller?.above),
        () => {},
      )
      if (above.length < 4) return
      clearInterval(interval)
      resolve()
    }, 1)
  })
  await pool.drain({ timeoutMs: 5 })
  expect(above.every((one) => one === undefined)).toBe(true)
})

test('a lease that has ended is held no more', async () => {
  const above = await aboveIn(async (acquire) => {
    for (let i = 0; i < 6; i++) {
      const lease = await acquire()
      await sleep(0)
      lease.release()
    }
  })
  expect(above.every((one) => one === undefined)).toBe(true)
})
