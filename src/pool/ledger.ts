import { assert } from '../base/assert.ts'
import type { EntryState, LeaseInfo } from './contract.ts'

const NEXT: Readonly<Record<EntryState, readonly EntryState[]>> = {
  creating: ['idle', 'inUse', 'destroying', 'gone'], // gone: the create failed
  idle: ['validating', 'inUse', 'destroying', 'gone'], // gone: the driver closed it
  validating: ['idle', 'inUse', 'destroying', 'gone'], // idle: its waiter left meanwhile
  inUse: ['idle', 'destroying', 'gone'],
  destroying: ['gone'],
  gone: [],
}

/** The pool's record of one resource. Only the ledger writes `state`. */
export class Entry<T> {
  readonly id: number
  state: EntryState
  /** Undefined while it is being created, and while a driver keeps it idle for us. */
  resource: T | undefined = undefined
  /** When this state began. */
  sinceMs: number
  /** Past this it is not lent any more. */
  expiresAtMs: number = Number.POSITIVE_INFINITY
  /** Its lease began outside the gate of an adopted pool; the resource is unknown to us. */
  isAdopted = false
  /** Leases so far. */
  uses = 0
  /** The lease it is in now, while inUse. */
  lease: LeaseInfo | undefined = undefined
  /** Neighbours in the idle set. */
  older: Entry<T> | undefined = undefined
  newer: Entry<T> | undefined = undefined

  constructor(id: number, state: EntryState, nowMs: number) {
    this.id = id
    this.state = state
    this.sinceMs = nowMs
  }
}

/** All entries, their states and their counts. Every other count derives from these. */
export class Ledger<T> {
  readonly #entries = new Set<Entry<T>>()
  readonly #count: Record<EntryState, number> = {
    creating: 0,
    idle: 0,
    validating: 0,
    inUse: 0,
    destroying: 0,
    gone: 0,
  }
  #lastId = 0

  get creating(): number {
    return this.#count.creating
  }
  get idle(): number {
    return this.#count.idle
  }
  get validating(): number {
    return this.#count.validating
  }
  get inUse(): number {
    return this.#count.inUse
  }
  get destroying(): number {
    return this.#count.destroying
  }
  get live(): number {
    const { creating, idle, validating, inUse } = this.#count
    return creating + idle + validating + inUse
  }
  get size(): number {
    return this.live + this.#count.destroying
  }

  entries(): Iterable<Entry<T>> {
    return this.#entries
  }

  add(state: 'creating' | 'idle' | 'inUse' | 'destroying', nowMs: number): Entry<T> {
    this.#lastId += 1
    const entry = new Entry<T>(this.#lastId, state, nowMs)
    this.#count[state] += 1
    this.#entries.add(entry)
    return entry
  }

  /** The one place where an entry changes state, hence where the counts change (I4). */
  move(entry: Entry<T>, next: EntryState, nowMs: number): void {
    // Not an assert: its message, built each time, would cost more than the move.
    if (!NEXT[entry.state].includes(next)) assert(false, `entry ${entry.id}: ${entry.state} -> ${next}`)
    this.#count[entry.state] -= 1
    this.#count[next] += 1
    entry.state = next
    entry.sinceMs = nowMs
    if (next === 'gone') {
      this.#count.gone -= 1 // gone is no count, only the end
      const wasThere = this.#entries.delete(entry)
      assert(wasThere, 'I4: an entry leaves once')
    }
  }
}
