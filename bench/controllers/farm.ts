import { type ChildProcess, fork } from 'node:child_process'
import { createHash } from 'node:crypto'
import { appendFileSync, existsSync, mkdirSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { type Outcome, type RunSpec, run, sizeOf } from './run.ts'

const ROOT = fileURLToPath(new URL('../..', import.meta.url))
const CACHE = join(ROOT, 'node_modules/.cache/adaptive-pool')

/** What a run of a fixed size depends on, besides its options. */
const ENGINE = ['src/base', 'src/pool', 'src/measure', 'src/sim', 'src/handle.ts', 'src/create-pool.ts']
const LOOP = ['src/control/control-loop.ts', 'src/control/guards.ts', 'src/control/fixed.ts']
/** What a decision of somebody's depends on besides; what only one decider is made of is no matter of the others. */
const DECIDERS = ['src/control', 'bench/controllers/rivals.ts', 'bench/controllers/run.ts']
const HYBRID_ONLY = ['hybrid.ts', 'arm.ts']

/**
 * Runs simulations in processes of their own, and keeps what came out for as long as the code that made it stays the
 * same: a run that was interrupted goes on where it was.
 */
export class Farm {
  readonly #workers: number
  readonly #tell: (done: number, all: number) => void
  readonly #file: string
  readonly #known = new Map<string, Outcome>()
  readonly #hybridHash = hashOf(DECIDERS)
  readonly #othersHash = hashOf(DECIDERS, HYBRID_ONLY)

  constructor(workers: number, tell: (done: number, all: number) => void) {
    this.#workers = workers
    this.#tell = tell
    mkdirSync(CACHE, { recursive: true })
    this.#file = join(CACHE, `controllers-${hashOf([...ENGINE, ...LOOP])}.jsonl`)
    if (!existsSync(this.#file)) return
    for (const line of readFileSync(this.#file, 'utf8').split('\n')) {
      try {
        const [key, outcome] = JSON.parse(line) as [string, Outcome]
        this.#known.set(key, outcome)
      } catch {} // the last line of a run that was cut off
    }
  }

  /** The outcome of each, in their order. */
  async runAll(specs: readonly RunSpec[]): Promise<readonly Outcome[]> {
    const todo = new Map(specs.map((spec) => [this.#keyOf(spec), spec]))
    for (const key of this.#known.keys()) todo.delete(key)
    if (todo.size > 0) await this.#work([...todo.values()])
    return specs.map((spec) => this.#known.get(this.#keyOf(spec)) as Outcome)
  }

  async #work(todo: readonly RunSpec[]): Promise<void> {
    let next = 0
    let done = 0
    const one = (child: ChildProcess, resolve: () => void, reject: (error: Error) => void): void => {
      let spec: RunSpec | undefined
      const give = (): void => {
        spec = todo[next++]
        if (spec === undefined) {
          child.removeAllListeners('exit')
          child.disconnect()
          resolve()
        } else child.send(spec)
      }
      child.on('message', (outcome: Outcome) => {
        this.#keep(spec as RunSpec, outcome)
        this.#tell(++done, todo.length)
        give()
      })
      child.on('exit', (code) => reject(new Error(`a worker ended with ${code} at ${JSON.stringify(spec)}`)))
      give()
    }
    await Promise.all(
      Array.from({ length: Math.min(this.#workers, todo.length) }, () => {
        const child = fork(fileURLToPath(new URL('./worker.ts', import.meta.url)))
        return new Promise<void>((resolve, reject) => one(child, resolve, reject))
      }),
    )
  }

  #keep(spec: RunSpec, outcome: Outcome): void {
    const key = this.#keyOf(spec)
    this.#known.set(key, outcome)
    appendFileSync(this.#file, `${JSON.stringify([key, outcome])}\n`)
  }

  #keyOf({ scenario, controller, queue, seed }: RunSpec): string {
    const hash = controller === 'hybrid' ? this.#hybridHash : this.#othersHash
    return `${scenario} ${sizeOf(controller) === undefined ? `${controller}@${hash}` : controller} ${queue} ${seed}`
  }
}

/** What a worker does: a run per message. */
export function serveRuns(): void {
  process.on('message', (spec: RunSpec) => void run(spec).then((outcome) => process.send?.(outcome)))
}

function hashOf(paths: readonly string[], without: readonly string[] = []): string {
  const hash = createHash('sha256')
  for (const path of paths) {
    const full = join(ROOT, path)
    const files = path.endsWith('.ts')
      ? [full]
      : readdirSync(full)
          .filter((name) => !without.includes(name))
          .sort()
          .map((name) => join(full, name))
    for (const file of files) hash.update(readFileSync(file))
  }
  return hash.digest('hex').slice(0, 12)
}
