import { assert } from '../base/assert.ts'
import type { EntryState, LeaseInfo } from './contract.ts'

/** The legal moves. A switch and not a table of lists: it is asked twice in every acquire with its release. */
function isLegal(from: EntryState, next: EntryState): boolean {
  switch (next) {
    case 'creating':
      return false // only born so
    case 'idle':
      return from === 'inUse' || from === 'validating' // validating: its waiter left meanwhile
    case 'validating':
      // creating: about to be lent, or to rest; inUse: about to be passed on to a waiter
      return from === 'idle' || from === 'creating' || from === 'inUse'
    case 'inUse':
      return from === 'idle' || from === 'validating'
    case 'destroying':
      return from === 'idle' || from === 'validating' || from === 'inUse'
    case 'gone':
      return from !== 'gone' // creating: the create failed; idle, validating, inUse: the driver closed it
  }
}

/** The pool's record of one resource. Only the ledger writes `state`. */
export class Entry<T> {
  /** Where the ledger has it; no order. */
  place: number
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

  constructor(place: number, state: EntryState, nowMs: number) {
    this.place = place
    this.state = state
    this.sinceMs = nowMs
  }
}

/**
 * How many entries are in each state. Plain fields, written by the ledger alone: everything of the hot path reads them,
 * several times for each lease.
 */
export class StateCounts {
  creating = 0
  idle = 0
  validating = 0
  inUse = 0
  destroying = 0

  get live(): number {
    return this.creating + this.idle + this.validating + this.inUse
  }
  get size(): number {
    return this.creating + this.idle + this.validating + this.inUse + this.destroying
  }
}

/** All entries, their states and their counts. Every other count derives from these. */
export class Ledger<T> {
  /** In no order: the last one takes the place of one that leaves. */
  readonly #entries: Entry<T>[] = []
  readonly #counts: StateCounts

  /** @param counts where it keeps them; all 0 */
  constructor(counts: StateCounts = new StateCounts()) {
    this.#counts = counts
  }

  get counts(): Readonly<StateCounts> {
    return this.#counts
  }

  /** Not to be kept over a move to `gone`. */
  entries(): readonly Entry<T>[] {
    return this.#entries
  }

  add(state: 'creating' | 'idle' | 'inUse' | 'destroying', nowMs: number): Entry<T> {
    const entry = new Entry<T>(this.#entries.length, state, nowMs)
    this.#add(state, 1)
    this.#entries.push(entry)
    return entry
  }

  /** The one place where an entry changes state, hence where the counts change (I4). */
  move(entry: Entry<T>, next: EntryState, nowMs: number): void {
    const from = entry.state
    // Not an assert: its message, built each time, would cost more than the move.
    if (!isLegal(from, next)) assert(false, `I4: an entry went ${from} -> ${next}`)
    this.#add(from, -1)
    this.#add(next, 1)
    entry.state = next
    entry.sinceMs = nowMs
    if (next === 'gone') this.#drop(entry)
  }

  #drop(entry: Entry<T>): void {
    const last = this.#entries.pop() as Entry<T>
    if (last === entry) return
    this.#entries[entry.place] = last
    last.place = entry.place
  }

  /** By name and not by key: the engine's compiler sees through the one, not through the other. */
  #add(state: EntryState, change: 1 | -1): void {
    switch (state) {
      case 'creating':
        this.#counts.creating += change
        break
      case 'idle':
        this.#counts.idle += change
        break
      case 'validating':
        this.#counts.validating += change
        break
      case 'inUse':
        this.#counts.inUse += change
        break
      case 'destroying':
        this.#counts.destroying += change
    }
  }
}
