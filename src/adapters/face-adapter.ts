import { ignore } from '../base/ignore.ts'
import type { Adapter, Gate, GateLease, GateSettings, LiveCounts } from '../pool/contract.ts'
import type { DriverWork } from './driver-work.ts'
import { FaceSource } from './face-source.ts'
import { LookRound } from './look-round.ts'
import type { AskOptions, Doors, FacePatch, PoolFace } from './pool-face.ts'
import { resourceWork } from './resource-work.ts'

/** Puts the engine in front of a pool that has a face. */
export function faceAdapter<T>(face: PoolFace<T>): Adapter<T> {
  return new FaceAdapter(face)
}

class FaceAdapter<T> implements Adapter<T>, Doors<T> {
  readonly source: FaceSource<T>
  readonly #face: PoolFace<T>
  /** By resource, since that is all its holder has in hands; the latest first. */
  readonly #leases = new Map<T, GateLease<T>[]>()
  #gate: Gate<T> | undefined
  settings!: GateSettings
  #patch: FacePatch | undefined
  #work: DriverWork<object> | undefined
  readonly #lookRound = new LookRound(() => this.#look())

  constructor(face: PoolFace<T>) {
    this.#face = face
    this.source = new FaceSource(
      face,
      () => this.lookSoon(),
      (resource) => this.#retire(resource),
    )
  }

  get kind() {
    return this.#face.kind
  }

  get inherited() {
    return this.#face.inherited
  }

  get liveMin() {
    return this.#face.liveMin
  }

  get keeps() {
    return this.#face.keeps
  }

  get isClosed() {
    return this.#face.isClosed
  }

  isFull(counts: LiveCounts): boolean {
    return this.#face.isFull?.(counts) === true
  }

  attach(gate: Gate<T>, settings: GateSettings): void {
    this.#gate = gate
    this.settings = settings
    this.#patch = this.#face.attach(this)
    if (settings.work !== undefined && this.#face.resources) this.#work = resourceWork(settings.work)
    this.#look()
  }

  detach(): void {
    this.#gate = undefined
    this.#lookRound.stop()
    this.#patch?.undo()
    this.#work?.detach((this.#face.resources?.() ?? []) as Iterable<T & object>)
    this.#leases.clear()
    // Whom the limit has kept waiting in the pool's own queue: a raise of its maximum wakes nobody.
    const owed = this.source.owed()
    if (owed > 0) this.#face.kick(owed)
    for (let left = Math.min(this.#face.idle(), this.#excess()); left > 0; left--) {
      void this.#face.closeIdle()?.catch(ignore)
    }
    if (this.#excess() <= 0) this.#patch?.release?.undo()
  }

  /** How many more there are than its own maximum; detached, such a pool never closes them, and lends all of them. */
  #excess(): number {
    return this.#face.total() - (this.#face.inherited.limitMax ?? 0)
  }

  /** Detached: closes what comes back while there are too many. */
  #retire(resource: T): boolean {
    if (this.#gate !== undefined) return false
    const before = this.#face.total()
    if (this.#excess() > 0) void this.#face.close(resource, undefined)?.catch(ignore)
    else this.#patch?.release?.undo()
    return this.#face.total() < before
  }

  // ------------------------------------------------------------------------------------------------ for the doors

  readonly limit = (): number => this.#gate?.counts().limit ?? this.settings.limitMax
  readonly waiters = (): number => (this.#gate?.counts().waiters ?? 0) + this.source.strangersWaiting()

  ask(options: AskOptions, translate: (error: Error) => unknown): Promise<T> {
    const gate = this.#gate
    // Somebody who wrapped us while we were here still calls us.
    if (gate === undefined) return this.#face.take(options.signal)
    return new Promise<T>((resolve, reject) => {
      gate.request(options, {
        granted: (lease) => {
          this.#hold(lease)
          resolve(lease.resource)
        },
        refused: (error) => {
          // Detached: the pool's own queue takes over who still waits.
          if (this.#gate === undefined) this.#face.take(options.signal).then(resolve, reject)
          else Promise.resolve(translate(error)).then(reject, reject)
        },
      })
    })
  }

  end(resource: T, how: 'release' | 'destroy', cause?: unknown): boolean {
    const leases = this.#leases.get(resource)
    const lease = leases?.pop()
    if (leases === undefined || lease === undefined) {
      this.lookSoon()
      return how === 'release' && this.#retire(resource)
    }
    if (leases.length === 0) this.#leases.delete(resource)
    if (how === 'release') lease.release()
    else lease.destroy(cause)
    return true
  }

  destroy(resource: T, own: () => unknown): unknown {
    return this.end(resource, 'destroy') ? this.source.closingOf(resource) : own()
  }

  drain(): Promise<unknown> {
    return this.settings.drain()
  }

  #hold(lease: GateLease<T>): void {
    const { resource } = lease
    if (typeof resource === 'object' && resource !== null) this.#work?.lend(resource, lease as GateLease<T & object>)
    const leases = this.#leases.get(resource)
    if (leases === undefined) this.#leases.set(resource, [lease])
    else leases.push(lease)
  }

  // ------------------------------------------------------------------------------------------------ the look round

  lookSoon(): void {
    if (this.#gate !== undefined) this.#lookRound.soon()
  }

  #look(): void {
    if (this.#gate === undefined) return
    const kicks = Math.min(this.source.owed(), this.#face.idle() + Math.max(0, this.limit() - this.#face.total()))
    if (kicks > 0) this.#face.kick(kicks)
    // Not before: what is kicked off for somebody who waits since before adoption is a stranger's.
    const strangers = this.source.strangersOut()
    this.#gate.reconcile(strangers)
    this.#lookRound.sawStrangers(strangers)
  }
}
