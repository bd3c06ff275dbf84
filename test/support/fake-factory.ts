import type { Clock, Timer } from '../../src/base/clock.ts'

/** How one call of create, validate or destroy ends. */
export type Behaviour =
  | 'ok' // at once
  | 'slow' // well, after slowMs
  | 'fail' // at once
  | 'failSlowly' // after slowMs
  | 'hang' // when the test lets go of it, if ever
  | 'throw' // by a throw instead of a rejection
  | 'refuse' // of create: the backend has too many connections
  | 'deny' // of create: wrong password
  | 'answerFalse' // of validate: unfit, without an error

export type Operation = 'create' | 'validate' | 'destroy'

/** A resource as its backend sees it. Times in ms on the factory's clock. */
export interface FakeResource {
  readonly id: number
  readonly createdAtMs: number
  /** open: destroy has not been called; closing: it has; closed: that call has ended. */
  state: 'open' | 'closing' | 'closed'
  /** When it was last found to be good. */
  validatedAtMs: number
  isValidating: boolean
}

/**
 * A factory of resources whose every call ends as the test says, and which keeps the books of its backend. Spread it
 * into createPool()'s options.
 *
 * ```ts
 * const factory = new FakeFactory(clock)
 * const pool = createPool({ ...factory.functions, clock })
 * factory.behaviour.create = 'hang'
 * ```
 */
export class FakeFactory {
  /** How calls that begin from now on will end. */
  readonly behaviour: Record<Operation, Behaviour> = { create: 'ok', validate: 'ok', destroy: 'ok' }
  /** Does a create that takes time give up when its signal is aborted? A deaf one delivers late. */
  isDeaf = false
  /** All that were ever created. */
  readonly resources: FakeResource[] = []
  /** What no pool may do: destroy twice, validate what is closed. */
  readonly faults: string[] = []
  /** Called as a create, or a validation, begins. */
  onCreate: () => void = () => {}
  onValidate: () => void = () => {}
  readonly functions: {
    readonly create: (context: { readonly signal: AbortSignal }) => Promise<FakeResource>
    readonly validate: (resource: FakeResource) => Promise<boolean>
    readonly destroy: (resource: FakeResource) => Promise<void>
  }

  readonly #clock: Clock
  readonly #slowMs: number
  readonly #hanging = new Set<() => void>()
  readonly #timers = new Set<Timer>()
  readonly #count: Record<FakeResource['state'], number> = { open: 0, closing: 0, closed: 0 }
  readonly #underWay: Record<Operation, Set<{ readonly sinceMs: number }>> = {
    create: new Set(),
    validate: new Set(),
    destroy: new Set(),
  }

  /** @param slowMs how long a slow call takes, in ms */
  constructor(clock: Clock, { slowMs = 30 }: { readonly slowMs?: number } = {}) {
    this.#clock = clock
    this.#slowMs = slowMs
    this.functions = {
      create: ({ signal }) => this.#create(signal),
      validate: (resource) => this.#validate(resource),
      destroy: (resource) => this.#destroy(resource),
    }
  }

  /** Creates that have not ended, those that their pool has given up included. */
  get creating(): number {
    return this.#underWay.create.size
  }

  /** Calls that have not ended and began less than `ms` ago: what a pool with that timeout still waits for. */
  underWay(operation: Operation, ms: number): number {
    const nowMs = this.#clock.nowMs()
    let count = 0
    for (const { sinceMs } of this.#underWay[operation]) if (nowMs - sinceMs < ms) count += 1
    return count
  }

  /** Resources in this state at the backend. */
  count(state: FakeResource['state']): number {
    return this.#count[state]
  }

  /** Timers of slow calls: not the pool's. */
  get timerCount(): number {
    return this.#timers.size
  }

  /** Everything that hangs ends well. */
  letGo(): void {
    const hanging = [...this.#hanging]
    this.#hanging.clear()
    for (const end of hanging) end()
  }

  /** From now on all goes well, and at once. */
  heal(): void {
    this.behaviour.create = 'ok'
    this.behaviour.validate = 'ok'
    this.behaviour.destroy = 'ok'
    this.letGo()
  }

  #create(signal: AbortSignal): Promise<FakeResource> {
    const behaviour = this.behaviour.create
    this.onCreate()
    if (behaviour === 'throw') throw failure('create', behaviour)
    return this.#run('create', behaviour, this.isDeaf ? undefined : signal, () => this.#open(), ignore)
  }

  #open(): FakeResource {
    const nowMs = this.#clock.nowMs()
    const id = this.resources.length + 1
    const resource: FakeResource = {
      id,
      createdAtMs: nowMs,
      state: 'open',
      validatedAtMs: nowMs,
      isValidating: false,
    }
    this.resources.push(resource)
    this.#count.open += 1
    return resource
  }

  #move(resource: FakeResource, next: FakeResource['state']): void {
    this.#count[resource.state] -= 1
    this.#count[next] += 1
    resource.state = next
  }

  #validate(resource: FakeResource): Promise<boolean> {
    const behaviour = this.behaviour.validate
    this.onValidate()
    if (resource.state !== 'open') this.faults.push(`resource ${resource.id} is validated while ${resource.state}`)
    if (resource.isValidating) this.faults.push(`resource ${resource.id} is validated twice at once`)
    if (behaviour === 'throw') throw failure('validate', behaviour)
    resource.isValidating = true
    const answer = (): boolean => {
      if (behaviour === 'answerFalse') return false
      resource.validatedAtMs = this.#clock.nowMs()
      return true
    }
    return this.#run('validate', behaviour, undefined, answer, () => {
      resource.isValidating = false
    })
  }

  #destroy(resource: FakeResource): Promise<void> {
    const behaviour = this.behaviour.destroy
    if (resource.state !== 'open') this.faults.push(`resource ${resource.id} is destroyed while ${resource.state}`)
    this.#move(resource, 'closing')
    const closed = (): void => {
      this.#move(resource, 'closed') // a failed good-bye closes it too: whoever did not get through sees it time out
    }
    if (behaviour === 'throw') {
      closed()
      throw failure('destroy', behaviour)
    }
    return this.#run('destroy', behaviour, undefined, ignore, closed)
  }

  #run<R>(
    operation: Operation,
    behaviour: Behaviour,
    signal: AbortSignal | undefined,
    well: () => R,
    ended: () => void,
  ): Promise<R> {
    const call = { sinceMs: this.#clock.nowMs() }
    this.#underWay[operation].add(call)
    const work = this.#end(operation, behaviour, signal, well)
    const end = (): void => {
      this.#underWay[operation].delete(call)
      ended()
    }
    work.then(end, end)
    return work
  }

  #end<R>(operation: Operation, behaviour: Behaviour, signal: AbortSignal | undefined, well: () => R): Promise<R> {
    if (behaviour === 'ok' || behaviour === 'answerFalse') return Promise.resolve(well())
    const isFailure = behaviour !== 'slow' && behaviour !== 'hang'
    if (isFailure && behaviour !== 'failSlowly') return Promise.reject(failure(operation, behaviour))
    return new Promise((resolve, reject) => {
      const forget = behaviour === 'hang' ? this.#hang(end) : this.#later(end)
      const giveUp = (): void => {
        forget()
        reject(signal?.reason)
      }
      signal?.addEventListener('abort', giveUp, { once: true })
      function end(): void {
        signal?.removeEventListener('abort', giveUp)
        if (isFailure) reject(failure(operation, behaviour))
        else resolve(well())
      }
    })
  }

  #hang(end: () => void): () => void {
    this.#hanging.add(end)
    return () => this.#hanging.delete(end)
  }

  #later(end: () => void): () => void {
    const timer = this.#clock.startTimer(this.#slowMs, () => {
      this.#timers.delete(timer)
      end()
    })
    this.#timers.add(timer)
    return () => {
      this.#timers.delete(timer)
      timer.cancel()
    }
  }
}

const CODES: { readonly [B in Behaviour]?: string } = { refuse: '53300', deny: '28P01' }

function ignore(): void {}

function failure(operation: Operation, behaviour: Behaviour): Error {
  const code = CODES[behaviour]
  const error = new Error(`${operation}: ${behaviour}`)
  return code === undefined ? error : Object.assign(error, { code })
}
