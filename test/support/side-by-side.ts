import theirs from 'generic-pool'
import { vi } from 'vitest'
import * as ours from '../../src/generic-pool/index.ts'

/** generic-pool as it is at run time: its types leave out a few options and arguments. */
export type GenericPool = Pick<typeof ours, 'createPool' | 'Pool' | 'Deque' | 'PriorityQueue' | 'DefaultEvictor'>

const LIBRARIES: readonly [theirs: GenericPool, ours: GenericPool] = [theirs as unknown as GenericPool, ours]

/**
 * Runs one program against generic-pool and against ours, each with a time of its own, and returns what either saw:
 * equal, wherever ours is to be a drop-in.
 */
export async function sideBySide<R>(
  program: (library: GenericPool, time: { advance(ms: number): Promise<void> }) => Promise<R>,
): Promise<{ readonly theirs: R; readonly ours: R }> {
  const [theirs, ours] = [await inItsOwnTime(LIBRARIES[0], program), await inItsOwnTime(LIBRARIES[1], program)]
  return { theirs, ours }
}

/** Runs a program against one of them, under a time that only the program advances. */
export async function inItsOwnTime<R>(
  library: GenericPool,
  program: (library: GenericPool, time: { advance(ms: number): Promise<void> }) => Promise<R>,
): Promise<R> {
  vi.useFakeTimers({ now: 1_000_000, toFake: ['setTimeout', 'clearTimeout', 'Date', 'performance'] })
  try {
    const advance = async (ms: number): Promise<void> => {
      for (let passed = 0; passed < ms; passed += STEP_MS) {
        vi.advanceTimersByTime(Math.min(STEP_MS, ms - passed))
        await rest()
      }
      await rest()
    }
    return await program(library, { advance })
  } finally {
    vi.useRealTimers()
  }
}

/**
 * Between two steps everything gets its turn that is on its way from promise to promise. All times are whole ones: what
 * happens one after the other must not fall into one step, in which the order is each library's own.
 */
const STEP_MS = 1

function rest(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve))
}

export interface FakeConnection {
  readonly id: number
  isOpen: boolean
  /** Its create has ended. */
  isMade: boolean
}

export interface FakeConnections {
  readonly all: FakeConnection[]
  /** In the order of the calls: 'create 1', 'validate 1', 'destroy 1'. */
  readonly calls: string[]
  create(): Promise<FakeConnection>
  destroy(connection: FakeConnection): Promise<void>
  validate(connection: FakeConnection): Promise<boolean>
}

/** A factory that keeps a diary. Its destroys take no time, since generic-pool forgets what is being destroyed. */
export function fakeConnections({ createMs = 0 }: { readonly createMs?: number } = {}): FakeConnections {
  const all: FakeConnection[] = []
  const calls: string[] = []
  return {
    all,
    calls,
    async create() {
      const connection = { id: all.length + 1, isOpen: true, isMade: false }
      all.push(connection)
      calls.push(`create ${connection.id}`)
      // No two are made at one moment: who is served first then, and what it makes room for, is each library's own.
      if (createMs > 0) await new Promise((resolve) => setTimeout(resolve, createMs + connection.id))
      connection.isMade = true
      return connection
    },
    async destroy(connection) {
      calls.push(`destroy ${connection.id}`)
      connection.isOpen = false
    },
    async validate({ id, isOpen }) {
      calls.push(`validate ${id}`)
      return isOpen
    },
  }
}

/** What generic-pool tells of itself. */
export function gauges(pool: ours.Pool<FakeConnection>) {
  const { size, available, borrowed, pending, max, min, spareResourceCapacity } = pool
  return { size, available, borrowed, pending, max, min, spareResourceCapacity }
}

/** An error as its catcher sees it. */
export function asCaught(error: unknown) {
  if (!(error instanceof Error)) return error
  return { name: error.name, message: error.message, isTypeError: error instanceof TypeError }
}
