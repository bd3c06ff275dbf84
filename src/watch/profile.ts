import type { Clock } from '../base/clock.ts'
import { Histogram } from '../measure/quantile.ts'
import type { LeaseInfo, LeaseWork, WorkObserver } from '../pool/contract.ts'
import { type Habit, isKnown, newHabit, stepHabit } from './habit.ts'
import { holderOf } from './holders.ts'
import { normaliseQuery } from './query-text.ts'

/** Where the time of a pool's leases goes, most of it first. */
export interface Profile {
  /** Over how long, in ms. */
  readonly overMs: number
  readonly holders: readonly ProfileEntry[]
}

/** Times of one kind, in ms, estimated from the leases that were looked at. */
export interface ProfiledTime {
  /** Of all leases. */
  readonly total: number
  /** Of a lease. */
  readonly mean: number
  readonly p95: number
  readonly max: number
}

/** What one tag, or one place in the code, did with its leases. */
export interface ProfileEntry {
  readonly holder: string
  /** How many ended; of a busy pool's untagged leases an estimate, from those that were looked at. */
  readonly leases: number
  readonly leaseMs: ProfiledTime
  /** With a query running. Undefined: nobody tells of this pool's queries (see `Lease.measure`). */
  readonly queryMs: ProfiledTime | undefined
  /** Held without a query running: say, across an HTTP call. Undefined like queryMs. */
  readonly heldMs: ProfiledTime | undefined
  /** Its share of all leases' time, and of all time held without a query running: ratios in 0..1. */
  readonly leaseShare: number
  readonly heldShare: number
  /** The slowest by p95, literals taken out. */
  readonly queries: readonly ProfiledQuery[]
}

export interface ProfiledQuery {
  readonly text: string
  readonly count: number
  readonly meanMs: number
  /** Of the last 64. */
  readonly p95Ms: number
  readonly maxMs: number
}

/** Something whose times have become longer than they were. */
export interface Slowdown {
  readonly what: string
  /** The last few, against the usual. */
  readonly lateMs: number
  readonly usualMs: number
  readonly sinceMs: number
}

// Memory is bounded: a holder takes 16 KiB and a query 0.5 KiB, and there are never more of them than this.
const HOLDERS_MAX = 100
const QUERIES_MAX = 200
const QUERIES_PER_HOLDER_MAX = 20
const QUERIES_TOLD = 5
/** Of one lease; the rest is in its total. */
const QUERIES_PER_LEASE = 16
/** Texts whose normal form is remembered. */
const TEXTS_MAX = 500
const RING = 64
/** What does not fit in any more is counted together. */
export const OTHERS = 'others'

/** What has been learned of one holder. */
export interface HolderHabits {
  readonly lease: Habit
  readonly query: Habit
  readonly held: Habit
}

/**
 * DOER: sums up what leases are spent on. Per lease it costs a map look-up and a handful of additions; what a query
 * costs is small beside any query.
 */
export class Profiler implements WorkObserver {
  readonly #clock: Clock
  readonly #hasCallSites: boolean
  readonly #rested: ((lease: LeaseInfo) => void) | undefined
  #sinceMs: number
  #holders = new Map<string, HolderTally>()
  #queries = new Map<string, QueryTally>()
  readonly #normal = new Map<string, string>()
  #leaseMs = 0
  #heldMs = 0

  /**
   * @param hasCallSites false: callers are not looked at, so that the end of every lease is told, not of a sample
   * @param rested no query runs on the lease any more
   */
  constructor(clock: Clock, hasCallSites = true, rested?: (lease: LeaseInfo) => void) {
    this.#clock = clock
    this.#hasCallSites = hasCallSites
    this.#rested = rested
    this.#sinceMs = clock.nowMs()
  }

  leaseBegan(lease: LeaseInfo): void {
    this.#workOf(lease)
  }

  queryBegan(lease: LeaseInfo, text: string, sinceMs: number = this.#clock.nowMs()): void {
    const work = this.#workOf(lease)
    if (isMeasured(work)) return
    closeQuery(work, sinceMs) // of a pipeline, each is taken to last until the next begins
    work.runningSinceMs = sinceMs
    work.text = text
  }

  queriesEnded(lease: LeaseInfo): void {
    const { work } = lease
    if (work === undefined || isMeasured(work)) return
    if (work.ended === undefined) work.runningSinceMs = undefined
    else closeQuery(work, this.#clock.nowMs())
    this.#rested?.(lease)
  }

  measureBegan(lease: LeaseInfo, text: string): () => void {
    const sinceMs = this.#clock.nowMs()
    const work = this.#workOf(lease)
    work.measured ??= []
    const { measured } = work
    measured.push(text)
    work.runningSinceMs ??= sinceMs
    work.text = text
    return () => {
      const nowMs = this.#clock.nowMs()
      addEnded(work, text, nowMs - sinceMs)
      measured.splice(measured.lastIndexOf(text), 1)
      const other = measured.at(-1)
      if (other === undefined) {
        stopRunning(work, nowMs)
        this.#rested?.(lease)
      } else work.text = other
    }
  }

  leaseEnded(lease: LeaseInfo, nowMs: number, weight: number): void {
    const leaseMs = nowMs - lease.sinceMs
    const tally = this.#holderTally(holderOf(lease))
    tally.leases += weight
    tally.leaseMsTotal += weight * leaseMs
    tally.lease.add(leaseMs)
    stepHabit(tally.habits.lease, leaseMs, nowMs)
    this.#leaseMs += weight * leaseMs
    const { work } = lease
    if (work?.ended === undefined) return
    closeQuery(work, nowMs)
    const heldMs = Math.max(0, leaseMs - work.queryMs)
    tally.worked += weight
    tally.queryMsTotal += weight * work.queryMs
    tally.queryMsMax = Math.max(tally.queryMsMax, work.queryMs)
    tally.heldMsTotal += weight * heldMs
    tally.query.add(work.queryMs)
    tally.held.add(heldMs)
    this.#heldMs += weight * heldMs
    stepHabit(tally.habits.query, work.queryMs, nowMs)
    stepHabit(tally.habits.held, heldMs, nowMs)
    for (const { text, queryMs } of work.ended) this.#addQuery(tally, text, queryMs, nowMs)
  }

  profile(): Profile {
    const nowMs = this.#clock.nowMs()
    const holders = Array.from(this.#holders, ([holder, tally]) => this.#entry(holder, tally))
    holders.sort((a, b) => (b.heldMs?.total ?? 0) - (a.heldMs?.total ?? 0) || b.leaseMs.total - a.leaseMs.total)
    return { overMs: nowMs - this.#sinceMs, holders }
  }

  /** Queries whose times have become longer, those that cost most first. */
  slowQueries(nowMs: number): readonly Slowdown[] {
    return slowdownsOf(
      Array.from(this.#queries, ([what, { habit }]) => ({ what, habit })),
      nowMs,
    )
  }

  /** Of the queries asked lately whose usual time is known, the share that have not become slower; 0: none is. */
  steadyShare(nowMs: number): number {
    return shareOf(this.#queries, ({ habit }) => habit, false, nowMs)
  }

  /** Of the leases that ended lately, the share of holders whose have become longer, if their usual time is known. */
  slowShare(nowMs: number): number {
    return shareOf(this.#holders, ({ habits }) => habits.lease, true, nowMs)
  }

  /** Holders whose leases have become longer, by which kind of time. */
  slowHolders(kind: keyof HolderHabits, nowMs: number): readonly Slowdown[] {
    return slowdownsOf(
      Array.from(this.#holders, ([what, { habits }]) => ({ what, habit: habits[kind] })),
      nowMs,
    )
  }

  /** The longest that a lease of this holder has taken and ended, in ms; undefined: none is known to have ended. */
  longestOf(holder: string): number | undefined {
    return this.#holders.get(holder)?.lease.max
  }

  #workOf(lease: LeaseInfo): LeaseWork {
    lease.work ??= new Work(this.#isTold(lease) ? [] : undefined)
    return lease.work
  }

  /** Will it be told of when it ends? Of a busy pool's leases, only those of which it is known who asked. */
  #isTold({ tag, caller }: LeaseInfo): boolean {
    return tag !== undefined || caller !== undefined || !this.#hasCallSites
  }

  #entry(holder: string, tally: HolderTally): ProfileEntry {
    const { leases, lease, leaseMsTotal, worked, query, queryMsTotal, queryMsMax, held, heldMsTotal } = tally
    const hasWork = worked > 0
    const queries = Array.from(tally.queries.values(), tellQuery).sort((a, b) => b.p95Ms - a.p95Ms)
    return {
      holder,
      leases,
      leaseMs: timeOf(lease, leaseMsTotal, leases, lease.max),
      queryMs: hasWork ? timeOf(query, queryMsTotal, worked, queryMsMax) : undefined,
      heldMs: hasWork ? timeOf(held, heldMsTotal, worked, held.max) : undefined,
      leaseShare: this.#leaseMs > 0 ? leaseMsTotal / this.#leaseMs : 0,
      heldShare: this.#heldMs > 0 ? heldMsTotal / this.#heldMs : 0,
      queries: queries.slice(0, QUERIES_TOLD),
    }
  }

  #holderTally(holder: string): HolderTally {
    const known = this.#holders.get(holder)
    if (known !== undefined) return known
    const name = this.#holders.size < HOLDERS_MAX ? holder : OTHERS
    const tally = this.#holders.get(name) ?? newHolderTally()
    this.#holders.set(name, tally)
    return tally
  }

  #addQuery(holder: HolderTally, text: string, queryMs: number, nowMs: number): void {
    const name = this.#normalOf(text)
    for (const [queries, max] of [
      [this.#queries, QUERIES_MAX],
      [holder.queries, QUERIES_PER_HOLDER_MAX],
    ] as const) {
      const key = queries.has(name) || queries.size < max ? name : OTHERS
      let tally = queries.get(key)
      if (tally === undefined) {
        tally = newQueryTally(key)
        queries.set(key, tally)
      }
      tally.ring[tally.count % RING] = queryMs
      tally.count += 1
      tally.msTotal += queryMs
      tally.msMax = Math.max(tally.msMax, queryMs)
      stepHabit(tally.habit, queryMs, nowMs)
    }
  }

  #normalOf(text: string): string {
    const known = this.#normal.get(text)
    if (known !== undefined) return known
    if (this.#normal.size >= TEXTS_MAX) this.#normal.clear() // literals in the texts: nothing worth remembering
    const normal = normaliseQuery(text)
    if (text.length <= 1_000) this.#normal.set(text, normal)
    return normal
  }
}

/** By `new`: what it makes of a literal, V8 may come to put among what is old, and keep from there what is young. */
class Work implements LeaseWork {
  readonly ended: LeaseWork['ended']
  measured: string[] | undefined
  runningSinceMs: number | undefined
  queryMs = 0
  text = ''

  constructor(ended: LeaseWork['ended']) {
    this.ended = ended
  }
}

function isMeasured({ measured }: LeaseWork): boolean {
  return measured !== undefined && measured.length > 0
}

function closeQuery(work: LeaseWork, nowMs: number): void {
  if (work.ended === undefined || work.runningSinceMs === undefined) return
  addEnded(work, work.text, stopRunning(work, nowMs))
}

/** Answers for how long one or another was running, in ms. */
function stopRunning(work: LeaseWork, nowMs: number): number {
  const runMs = Math.max(0, nowMs - (work.runningSinceMs ?? nowMs))
  work.runningSinceMs = undefined
  work.queryMs += runMs
  return runMs
}

function addEnded({ ended }: LeaseWork, text: string, queryMs: number): void {
  if (ended !== undefined && ended.length < QUERIES_PER_LEASE) ended.push({ text, queryMs })
}

interface HolderTally {
  leases: number
  leaseMsTotal: number
  /** Leases whose queries were seen. */
  worked: number
  queryMsTotal: number
  queryMsMax: number
  heldMsTotal: number
  readonly lease: Histogram
  readonly query: Histogram
  readonly held: Histogram
  readonly habits: HolderHabits
  readonly queries: Map<string, QueryTally>
}

interface QueryTally {
  readonly text: string
  count: number
  msTotal: number
  msMax: number
  readonly ring: Float64Array
  readonly habit: Habit
}

function newHolderTally(): HolderTally {
  return {
    leases: 0,
    leaseMsTotal: 0,
    worked: 0,
    queryMsTotal: 0,
    queryMsMax: 0,
    heldMsTotal: 0,
    lease: new Histogram(),
    query: new Histogram(),
    held: new Histogram(),
    habits: { lease: newHabit(), query: newHabit(), held: newHabit() },
    queries: new Map(),
  }
}

function newQueryTally(text: string): QueryTally {
  return { text, count: 0, msTotal: 0, msMax: 0, ring: new Float64Array(RING), habit: newHabit() }
}

function tellQuery({ text, count, msTotal, msMax, ring }: QueryTally): ProfiledQuery {
  const seen = ring.slice(0, Math.min(count, RING)).sort()
  const p95Ms = seen[Math.max(0, Math.ceil(0.95 * seen.length) - 1)] ?? 0
  return { text, count, meanMs: msTotal / count, p95Ms, maxMs: msMax }
}

function timeOf(times: Histogram, total: number, count: number, max: number): ProfiledTime {
  return { total, mean: count > 0 ? total / count : 0, p95: times.quantile(0.95), max }
}

/** Those of the last seconds. */
const LATELY_MS = 10_000

/** By how often it happens, the share of what is known that is slow, or is not; 0: nothing is known. */
function shareOf<T>(seen: Map<string, T>, habitOf: (one: T) => Habit, isSlow: boolean, nowMs: number): number {
  let all = 0
  let some = 0
  for (const one of seen.values()) {
    const habit = habitOf(one)
    if (!isKnown(habit) || nowMs - habit.seenAtMs > LATELY_MS) continue
    const perMs = 1 / Math.max(0.01, habit.everyMs)
    all += perMs
    if ((habit.slow !== undefined) === isSlow) some += perMs
  }
  return all > 0 ? some / all : 0
}

function slowdownsOf(
  seen: readonly { readonly what: string; readonly habit: Habit }[],
  nowMs: number,
): readonly Slowdown[] {
  const costOf = ({ lateMs, usualMs, everyMs }: Habit): number => (lateMs - usualMs) / Math.max(0.01, everyMs)
  return seen
    .filter(({ habit }) => habit.slow !== undefined && nowMs - habit.seenAtMs <= LATELY_MS)
    .sort((a, b) => costOf(b.habit) - costOf(a.habit))
    .map(({ what, habit: { lateMs, slow } }) => ({ what, lateMs, ...(slow as NonNullable<typeof slow>) }))
}
