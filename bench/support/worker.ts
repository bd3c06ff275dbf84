import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'

/**
 * A process of its own that measures a round whenever it is told to, and sleeps meanwhile: so nobody pays for another's
 * garbage, timers or async hooks, and whatever the machine does meets all who take turns.
 */
export class Worker<R> {
  readonly #process: ChildProcess

  private constructor(process: ChildProcess) {
    this.#process = process
  }

  /** @param file whose code calls {@link answerRounds} when it has these arguments */
  static async start<R>(file: string, args: readonly string[], execArgv: readonly string[] = []): Promise<Worker<R>> {
    const worker = new Worker<R>(fork(file, args, { execArgv: [...execArgv, '--import', 'tsx'] }))
    await worker.#answer()
    return worker
  }

  round(): Promise<R> {
    this.#process.send('round')
    return this.#answer()
  }

  stop(): void {
    this.#process.kill()
  }

  async #answer(): Promise<R> {
    const exited = new AbortController()
    const gone = once(this.#process, 'exit', { signal: exited.signal }).then(([code]) => {
      throw new Error(`a worker left with exit code ${code}`)
    })
    const [answer] = (await Promise.race([once(this.#process, 'message'), gone])) as [R]
    exited.abort()
    gone.catch(() => {})
    return answer
  }
}

/** The worker's side: it is ready, and answers each call for a round. */
export function answerRounds<R>(run: () => Promise<R>): void {
  process.on('message', async () => {
    process.send?.(await run())
  })
  process.send?.('ready')
}

/** All in turn, round by round, another one first each time: to and fro, whoever is at an end would run twice in a row. */
export async function inTurns<R>(workers: readonly Worker<R>[], rounds: number): Promise<readonly (readonly R[])[]> {
  const answers: R[][] = workers.map(() => [])
  for (let round = 0; round < rounds; round++) {
    for (let turn = 0; turn < workers.length; turn++) {
      const at = (round + turn) % workers.length
      answers[at]?.push(await (workers[at] as Worker<R>).round())
    }
  }
  return answers
}
