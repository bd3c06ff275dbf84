import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { AGAIN, BEFORE, OURS } from '../support/subjects.ts'
import type { Figure } from './figure.ts'
import type { Reference } from './reference.ts'

/** Each part of a cycle by itself, where a slowdown of it is not thinned out by the others; and all, with waiters. */
const CASES = ['acquire-alone', 'wait-alone', 'release-alone', '100-on-10']
/** Processes of the same code are up to 10 % apart, the fastest of so many rounds of one hardly: several of each. */
const PROCESSES = '5'
const ROUNDS = '20'
const REPEATS = 3
/** Half of the 30 % that are to be found, in a ratio: as far from no change as from those. */
const RATIO_MAX = 1.15

interface Row {
  readonly case: string
  readonly subject: string
  readonly fastest: number
}

/** By case. */
interface Repeat {
  /** Our time, that of two sets of processes, by the reference's. */
  readonly ratio: Readonly<Record<string, number>>
  /** How far those two are apart, a ratio >= 1: what is no further off may be chance. */
  readonly apart: Readonly<Record<string, number>>
}

/**
 * Today's code beside the reference on the same machine, in processes that take turns. The best of up to three repeats:
 * what is slower is slower each time. (Not by the ratio to peers, which differs by up to 17 % between two machines.)
 */
export function times(reference: Reference): Figure[] {
  const repeats: Repeat[] = []
  const best = (name: string) => Math.min(...repeats.map(({ ratio }) => ratio[name] as number))
  const allowed = (name: string) => RATIO_MAX * Math.max(...repeats.map(({ apart }) => apart[name] as number)) ** 0.5
  do repeats.push(timeOnce(reference))
  while (repeats.length < REPEATS && CASES.some((name) => best(name) > allowed(name)))
  return CASES.map((name) => ({
    name: `time by that of ${reference.commit.slice(0, 7)}, ${name}`,
    value: best(name),
    allowed: { by: allowed(name) - 1, kind: 'ratio' },
    better: 'lower',
  }))
}

function timeOnce({ dist, distToday }: Reference): Repeat {
  const out = fileURLToPath(new URL('../../node_modules/.cache/bench-gate.json', import.meta.url))
  const bench = fileURLToPath(new URL('../pool.bench.ts', import.meta.url))
  const only = [OURS, AGAIN, BEFORE].join(',')
  const options = ['--processes', PROCESSES, '--rounds', ROUNDS, '--only', only, '--json', out]
  const { status } = spawnSync(process.execPath, ['--import', 'tsx', bench, ...options, ...CASES], {
    stdio: ['ignore', 'ignore', 'inherit'],
    env: { ...process.env, BENCH_DIST: distToday, BENCH_BEFORE: dist },
  })
  if (status !== 0) throw new Error(`pool.bench: exit ${status}`)
  const { rows } = JSON.parse(readFileSync(out, 'utf8')) as { rows: Row[] }
  const ratio: Record<string, number> = {}
  const apart: Record<string, number> = {}
  for (const name of CASES) {
    const fastest = (subject: string): number => {
      const row = rows.find((one) => one.case === name && one.subject === subject)
      if (row === undefined || !(row.fastest > 0)) throw new Error(`pool.bench: nothing of ${subject} in ${name}`)
      return row.fastest
    }
    const [once, again] = [fastest(OURS), fastest(AGAIN)]
    ratio[name] = Math.sqrt(once * again) / fastest(BEFORE)
    apart[name] = Math.max(once / again, again / once)
  }
  return { ratio, apart }
}
