import { ignore } from '../base/ignore.ts'
import type { AdapterGroup, GroupMembers } from '../pool/contract.ts'
import { withCallbackHome } from './caller-scope.ts'
import { isGateRefusing } from './mysql2.ts'
import { type Patch, patchMembers } from './patch.ts'

interface NamespaceLike {
  query(...args: readonly unknown[]): unknown
  execute(...args: readonly unknown[]): unknown
}

interface Mysql2NodeLike {
  readonly pool: { end(): void }
}

/** The part of the core `PoolCluster` of mysql2 3.x that we touch, and no more. */
export interface Mysql2ClusterLike {
  /** Private: its nodes. */
  readonly _nodes: Record<string, Mysql2NodeLike | undefined>
  /** Private: those of them that may be asked. */
  readonly _serviceableNodeIds: string[]
  readonly _namespaces: Readonly<Record<string, NamespaceLike>>
  readonly _canRetry: boolean
  readonly _closed: boolean
  of(...args: readonly unknown[]): NamespaceLike
  add(...args: readonly unknown[]): void
  /** Private: called whenever a node has been added or removed. */
  _clearFindCaches(): void
  _increaseErrorCount(node: unknown): void
}

/** The core of a pool cluster of mysql2, or of the shell around it that promises. */
export function mysql2ClusterOf(candidate: unknown): Mysql2ClusterLike | undefined {
  if (isCluster(candidate)) return candidate
  const core = (candidate as { poolCluster?: unknown } | null | undefined)?.poolCluster
  return isCluster(core) ? core : undefined
}

function isCluster(candidate: unknown): candidate is Mysql2ClusterLike {
  if (typeof candidate !== 'object' || candidate === null) return false
  const cluster = candidate as Record<string, unknown>
  const methods = ['of', 'add', 'getConnection', '_clearFindCaches', '_increaseErrorCount']
  return (
    methods.every((name) => typeof cluster[name] === 'function') &&
    ['_nodes', '_namespaces'].every((name) => typeof cluster[name] === 'object')
  )
}

/** Adopts every node of a cluster, later ones too: each is a pool with a server, and hence a limit, of its own. */
export class Mysql2Cluster implements AdapterGroup {
  readonly kind = 'mysql2 cluster'
  readonly keeps = { idleTimeoutMs: 'idleTimeout and maxIdle' }
  /**
   * The cluster asks its next node at once, and gives one up after five errors: who comes in a pause between two
   * connects would wait for each of them. So there is hardly any, but for the sake of a server that is full.
   */
  readonly createBackoff = { refuseAfter: 1, maxMs: 20 } as const
  readonly #cluster: Mysql2ClusterLike
  readonly #known = new Set<string>()
  readonly #namespaces = new Map<NamespaceLike, Patch>()
  #patch: Patch | undefined

  constructor(cluster: Mysql2ClusterLike) {
    this.#cluster = cluster
  }

  get isClosed(): boolean {
    return this.#cluster._closed
  }

  /**
   * The promise shell's `add` and `remove` pass the instance by, and call the class; whatever they do ends in
   * `_clearFindCaches` of the instance.
   *
   * A caller whom the gate has refused (too late, too many) hears of it at once. The cluster would count it as an error
   * of the node, remove a healthy node at the fifth, and until then ask again without end. Nor is it an error of the
   * node that the cluster itself has ended: removed for it, the node would be ended again, which throws.
   */
  attach(members: GroupMembers): void {
    const cluster = this.#cluster
    const { of, _clearFindCaches, _increaseErrorCount, _canRetry } = cluster
    const isNodesFault = () => !isGateRefusing() && !cluster._closed
    this.#follow(members)
    this.#patch = patchMembers(cluster, {
      _clearFindCaches: () => {
        _clearFindCaches.call(cluster)
        this.#follow(members, (id) => removeNode(cluster, id))
      },
      _increaseErrorCount: (node: unknown) => {
        if (isNodesFault()) _increaseErrorCount.call(cluster, node)
      },
      _canRetry: { get: () => _canRetry && isNodesFault() },
      of: (...args: unknown[]) => this.#bringHome(of.apply(cluster, args)),
    })
    for (const namespace of Object.values(cluster._namespaces)) this.#bringHome(namespace)
  }

  detach(): void {
    this.#patch?.undo()
    for (const patch of this.#namespaces.values()) patch.undo()
  }

  /** @param refuse takes a node out again that cannot be adopted */
  #follow(members: GroupMembers, refuse: (id: string) => void = ignore): void {
    const nodes = this.#cluster._nodes
    for (const id of this.#known) {
      if (nodes[id] !== undefined) continue
      this.#known.delete(id)
      members.removed(id)
    }
    for (const [id, node] of Object.entries(nodes)) {
      if (node === undefined || this.#known.has(id)) continue
      try {
        members.added(id, node.pool)
      } catch (error) {
        refuse(id)
        throw error
      }
      this.#known.add(id)
    }
  }

  /** Its callbacks run in the async context of whoever called. */
  #bringHome(namespace: NamespaceLike): NamespaceLike {
    if (this.#namespaces.has(namespace)) return namespace
    const { query, execute } = namespace
    const patch = patchMembers(namespace, {
      query: (...args: unknown[]) => query.apply(namespace, withCallbackHome(args)),
      execute: (...args: unknown[]) => execute.apply(namespace, withCallbackHome(args)),
    })
    this.#namespaces.set(namespace, patch)
    return namespace
  }
}

/** One that has just been added. The cluster itself can do this only since mysql2 3.12. */
function removeNode({ _nodes, _serviceableNodeIds: ids }: Mysql2ClusterLike, id: string): void {
  ids.splice(ids.indexOf(id), 1)
  _nodes[id]?.pool.end()
  delete _nodes[id]
}
