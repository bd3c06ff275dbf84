import type { LiveCounts } from './contract.ts'
import { StateCounts } from './ledger.ts'
import type { Situation } from './next-move.ts'
import type { WaiterQueue } from './waiter-queue.ts'

/** What the engine can see of itself at any moment, for the next move and for whoever measures: fields, no copies. */
export class PoolView<T> extends StateCounts implements Situation, LiveCounts {
  limit: number
  isPaused = false
  readonly #queue: WaiterQueue<T>
  readonly #creation: CreationView

  constructor(queue: WaiterQueue<T>, limit: number, creation: CreationView) {
    super()
    this.#queue = queue
    this.limit = limit
    this.#creation = creation
  }

  get waiters(): number {
    return this.#queue.length
  }
  get oldestWaitSinceMs(): number | undefined {
    return this.#queue.oldestSinceMs
  }
  get waitingSinceMs(): number | undefined {
    return this.#queue.waitingSinceMs
  }
  get liveWanted(): number {
    return this.#creation.liveWanted()
  }
  get creatingMax(): number {
    return this.#creation.creatingMax()
  }
  get isCreateDue(): boolean {
    return this.#creation.isCreateDue()
  }
}

/** Looked at only while there is room for one more. */
export interface CreationView {
  liveWanted(): number
  creatingMax(): number
  isCreateDue(): boolean
}
