import fc from 'fast-check'
import { program } from './command.ts'
import type { QueueName } from './model.ts'
import { runProgram } from './run-program.ts'

/** Programs per queue policy, of which there are three; others each time. MODEL_RUNS asks for more, e.g. for a night. */
const RUNS = Number(process.env.MODEL_RUNS ?? 3_400)

/** A failing program is shrunk before it is shown, which may take its time. In ms. */
export const MODEL_TIMEOUT_MS = 60_000 + RUNS * 30

/**
 * Runs random programs; a failure prints the shrunk program, and how to run it again.
 *
 * @throws Error for the first program of which the model disapproves
 */
export async function checkPrograms(queue: QueueName): Promise<void> {
  const { MODEL_SEED, MODEL_PATH } = process.env
  // A refusal is the ordinary end of an acquire here, and collecting its stack the greater part of its price.
  Error.stackTraceLimit = 0
  const details = await fc.check(
    fc.asyncProperty(program, (one) => runProgram(one, queue)),
    {
      numRuns: RUNS,
      endOnFailure: process.env.MODEL_SHRINK === 'no',
      ...(MODEL_SEED === undefined ? {} : { seed: Number(MODEL_SEED) }),
      ...(MODEL_PATH === undefined ? {} : { path: MODEL_PATH }),
    },
  )
  if (!details.failed) return
  const { seed, counterexamplePath, counterexample, errorInstance, numRuns } = details
  const text = [
    errorInstance instanceof Error ? errorInstance.message : String(errorInstance),
    `program ${numRuns}, shrunk: ${JSON.stringify(counterexample, showInfinity)}`,
    `again: MODEL_SEED=${seed} MODEL_PATH=${counterexamplePath} npx vitest run test/model -t ${queue}`,
  ]
  throw new Error(text.join('\n'), { cause: errorInstance })
}

function showInfinity(_key: string, value: unknown): unknown {
  return value === Number.POSITIVE_INFINITY ? 'Infinity' : value
}
