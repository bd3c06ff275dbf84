import type { AdaptOptions, AdoptedPool } from './adopted-pool.ts'
import { requireListener } from './base/emitter.ts'
import type { DecisionRecord } from './control/controller.ts'
import type { PoolHandleEvents } from './handle.ts'
import type { Distribution } from './measure/quantile.ts'
import type { PoolStats } from './measure/sampler.ts'
import type { AdapterGroup, PoolCounts } from './pool/contract.ts'
import type { DrainResult } from './pool/pool.ts'
import type { Profile } from './watch/profile.ts'
import type { Diagnosis } from './watch/warning.ts'

/** Of a pool that is none. */
export const NO_COUNTS = {
  limit: 0,
  size: 0,
  live: 0,
  creating: 0,
  idle: 0,
  validating: 0,
  inUse: 0,
  destroying: 0,
  waiters: 0,
} as const satisfies PoolCounts

/** Adopts one member under the group's options. */
export type AdoptMember = (pool: object, options: AdaptOptions) => AdoptedPool

type Heard = (payload: PoolHandleEvents[keyof PoolHandleEvents]) => unknown

interface Subscription {
  readonly event: keyof PoolHandleEvents
  /** As it was given, and what is called: of `once`, another. */
  readonly listener: unknown
  readonly heard: Heard
}

/**
 * The handle of several pools behind one object: each has an engine and a limit of its own, since each has a backend of
 * its own. What it counts is their sum; what it does, it does to each of them.
 */
export class AdoptedGroup implements AdoptedPool {
  readonly kind: string
  readonly name: string
  readonly members: ReadonlyMap<string, AdoptedPool>
  readonly #members = new Map<string, AdoptedPool>()
  readonly #group: AdapterGroup
  readonly #forget: () => void
  readonly #subscriptions = new Set<Subscription>()
  #isPaused = false
  #isDetached = false

  constructor(group: AdapterGroup, name: string, options: AdaptOptions, adopt: AdoptMember, forget: () => void) {
    this.kind = group.kind
    this.name = name
    this.members = this.#members
    this.#group = group
    this.#forget = forget
    const createBackoff = backoffOf(group, options)
    const added = (member: string, pool: object): void => {
      const handle = adopt(pool, { ...options, ...createBackoff, name: `${name}/${member}` })
      this.#members.set(member, handle)
      for (const { event, heard } of this.#subscriptions) handle.on(event, heard)
      if (this.#isPaused) handle.pause()
    }
    try {
      group.attach({ added, removed: (member) => this.#members.delete(member) })
    } catch (error) {
      this.detach() // all or none
      throw error
    }
  }

  get #all(): readonly AdoptedPool[] {
    return [...this.#members.values()]
  }

  counts(): PoolCounts {
    const all = this.#all.map((member) => member.counts())
    return sumOf<Record<keyof PoolCounts, number>>(all, NO_COUNTS)
  }

  stats(): PoolStats {
    const all = this.#all.map((member) => member.stats())
    const counters = {
      acquired: 0,
      released: 0,
      created: 0,
      createFailed: 0,
      destroyed: 0,
      evicted: 0,
      timedOut: 0,
      shed: 0,
      aborted: 0,
      queueFull: 0,
      createRefused: 0,
      drainRefused: 0,
    }
    return {
      ...sumOf(all, counters),
      waitMs: together(all.map(({ waitMs }) => waitMs)),
      leaseMs: together(all.map(({ leaseMs }) => leaseMs)),
      createMs: together(all.map(({ createMs }) => createMs)),
    }
  }

  diagnose(): Diagnosis {
    const all = this.#all.map((member) => member.diagnose())
    // Where all is well there is nothing to do; a member that is paused is idle, and there is.
    const sick = all.filter(({ advice }) => advice.length > 0).sort((a, b) => b.confidence - a.confidence)
    const none: Diagnosis = { verdict: 'idle', confidence: 1, otherVerdicts: [], evidence: [], advice: [], holders: [] }
    return sick[0] ?? all.find(({ verdict }) => verdict === 'healthy') ?? all[0] ?? none
  }

  profile(): Profile {
    const all = this.#all.map((member) => member.profile())
    const holders = all.flatMap((one) => one.holders)
    holders.sort((a, b) => (b.heldMs?.total ?? 0) - (a.heldMs?.total ?? 0) || b.leaseMs.total - a.leaseMs.total)
    return { overMs: Math.max(0, ...all.map(({ overMs }) => overMs)), holders }
  }

  /** By member. */
  controllerState(): unknown {
    return Object.fromEntries([...this.#members].map(([name, member]) => [name, member.controllerState()]))
  }

  decisions(count = Number.MAX_SAFE_INTEGER): readonly DecisionRecord[] {
    const all = this.#all.flatMap((member) => member.decisions(count))
    all.sort((a, b) => a.atMs - b.atMs)
    return count > 0 ? all.slice(-count) : []
  }

  resize(limit: number): void {
    for (const member of this.#all) member.resize(limit)
  }

  pause(): void {
    this.#isPaused = true
    for (const member of this.#all) member.pause()
  }

  resume(): void {
    this.#isPaused = false
    for (const member of this.#all) member.resume()
  }

  async warmUp(count: number): Promise<void> {
    await Promise.all(this.#all.map((member) => member.warmUp(count)))
  }

  async drain(options?: { readonly timeoutMs?: number }): Promise<DrainResult> {
    const all = await Promise.all(this.#all.map((member) => member.drain(options)))
    const sums = sumOf(all, { leasesCut: 0, waitersRefused: 0, unfinished: 0 })
    return { ...sums, holders: all.flatMap(({ holders }) => holders) }
  }

  detach(): void {
    if (this.#isDetached) return
    this.#isDetached = true
    this.#group.detach()
    for (const [member, handle] of this.#members) {
      if (handle.name === `${this.name}/${member}`) handle.detach() // else it was adopted before, by itself
    }
    this.#forget()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.drain()
  }

  on<K extends keyof PoolHandleEvents>(event: K, listener: (payload: PoolHandleEvents[K]) => void): this {
    return this.#subscribe({ event, listener, heard: listener as Heard })
  }

  once<K extends keyof PoolHandleEvents>(event: K, listener: (payload: PoolHandleEvents[K]) => void): this {
    const heard: Heard = (payload) => {
      this.#unsubscribe((one) => one.heard === heard)
      return (listener as Heard)(payload) // of an async one, a promise: what it rejects with is told
    }
    return this.#subscribe({ event, listener, heard })
  }

  off<K extends keyof PoolHandleEvents>(event: K, listener: (payload: PoolHandleEvents[K]) => void): this {
    this.#unsubscribe((one) => one.event === event && one.listener === listener)
    return this
  }

  #subscribe(one: Subscription): this {
    requireListener(one.event, one.listener)
    for (const member of this.#all) member.on(one.event, one.heard)
    this.#subscriptions.add(one)
    return this
  }

  #unsubscribe(isMeant: (one: Subscription) => boolean): void {
    const one = [...this.#subscriptions].findLast(isMeant)
    if (one === undefined) return
    this.#subscriptions.delete(one)
    for (const member of this.#all) member.off(one.event, one.heard)
  }
}

function sumOf<Z extends Record<string, number>>(all: readonly { readonly [K in keyof Z]: number }[], zero: Z): Z {
  const sum: Record<string, number> = { ...zero }
  for (const one of all) for (const key of Object.keys(zero)) sum[key] = (sum[key] ?? 0) + (one[key] ?? 0)
  return sum as Z
}

/** Quantiles cannot be merged: of each, the worst member's, which the whole does not exceed. */
function together(all: readonly Distribution[]): Distribution {
  const count = all.reduce((sum, one) => sum + one.count, 0)
  const worst = (key: keyof Distribution) => Math.max(0, ...all.filter((one) => one.count > 0).map((one) => one[key]))
  const sum = all.reduce((total, one) => total + (one.count > 0 ? one.count * one.mean : 0), 0)
  return {
    count,
    mean: count === 0 ? 0 : sum / count,
    p50: worst('p50'),
    p95: worst('p95'),
    p99: worst('p99'),
    max: worst('max'),
  }
}

/** What is given goes before what suits such a group. */
function backoffOf({ createBackoff: ours }: AdapterGroup, { createBackoff: given }: AdaptOptions): AdaptOptions {
  if (ours === undefined) return {}
  return { createBackoff: { ...ours, maxMs: Math.max(ours.maxMs, given?.initialMs ?? 0), ...given } }
}
