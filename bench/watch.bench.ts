/**
 * Does the watch warn in time, and name the right cause? A bank of labelled incidents under the simulator; with
 * `postgres`, ten on a real server; with `traces`, alarms on a day of recorded traffic.
 *
 *   npm run bench:watch [-- [simulated] [postgres [runs]] [seeds=3 | seeds=101-103]]
 */
import { simulate } from '../src/sim/index.ts'
import type { Verdict } from '../src/watch/warning.ts'
import { INCIDENTS, type Incident } from './watch/incidents.ts'
import { KNOTS, runKnot } from './watch/knots.ts'
import { runOnPostgres } from './watch/on-postgres.ts'

interface Outcome {
  readonly name: string
  readonly causes: readonly Verdict[]
  /** Of the first warning since the incident began; undefined: none came. */
  readonly first: Verdict | 'undecided' | undefined
  readonly isRight: boolean
  /** Within five seconds of the first warning. */
  readonly isRightSoon: boolean
  readonly falseAlarms: number
  /** From the first warning to the first failed request, in ms; undefined: none failed, or no warning came. */
  readonly leadMs: number | undefined
  readonly warnedAfterMs: number | undefined
  readonly detail: string
}

const SOON_MS = 5_000

async function simulated({ name, causes, fromMs, options }: Incident, seed: number): Promise<Outcome> {
  const result = await simulate({ ...options, seed })
  const told = result.warnings.filter(({ severity }) => severity !== 'info')
  const since = told.filter(({ atMs }) => atMs >= fromMs)
  const [first] = since
  const failedAtMs = result.rows.find(({ sample }) => {
    return sample.atMs >= fromMs && sample.timedOut + sample.shed + sample.createRefused > 0
  })?.atMs
  const isQuiet = causes.length === 0
  const soon = since.filter(({ atMs }) => atMs <= (first?.atMs ?? 0) + SOON_MS)
  const names = (warning: { cause?: Verdict; otherCauses?: readonly Verdict[] }) =>
    causes.length > 1 ? [warning.cause, ...(warning.otherCauses ?? [])] : [warning.cause]
  const isRight = (warning: { cause?: Verdict; otherCauses?: readonly Verdict[] } | undefined) =>
    warning !== undefined && names(warning).some((cause) => cause !== undefined && causes.includes(cause))
  return {
    name: `${name} #${seed}`,
    causes,
    first: first === undefined ? undefined : (first.cause ?? 'undecided'),
    isRight: isQuiet ? since.length === 0 : isRight(first),
    isRightSoon: isQuiet ? since.length === 0 : soon.some(isRight),
    falseAlarms: isQuiet ? told.length : told.length - since.length,
    leadMs: first === undefined || failedAtMs === undefined ? undefined : failedAtMs - first.atMs,
    warnedAfterMs: first === undefined ? undefined : first.atMs - fromMs,
    detail: since
      .slice(0, 4)
      .map(({ kind, cause, atMs }) => `${kind}/${cause ?? '?'}@${((atMs - fromMs) / 1_000).toFixed(1)}`)
      .join(' '),
  }
}

function report(title: string, outcomes: readonly Outcome[], simulatedMs: number): void {
  console.log(`\n## ${title}\n`)
  const labels = [...new Set(outcomes.map(({ causes }) => (causes.length === 0 ? 'quiet' : causes.join('+'))))]
  const columns = [...new Set(outcomes.map(({ first }) => first ?? 'none'))].sort()
  console.log(`first warning's cause${' '.repeat(9)}| ${columns.join(' | ')}`)
  for (const label of labels) {
    const rows = outcomes.filter(({ causes }) => (causes.length === 0 ? 'quiet' : causes.join('+')) === label)
    const cells = columns.map((column) => {
      return String(rows.filter(({ first }) => (first ?? 'none') === column).length).padStart(column.length)
    })
    console.log(`${label.padEnd(30)}| ${cells.join(' | ')}`)
  }
  const incidents = outcomes.filter(({ causes }) => causes.length > 0)
  const share = (some: readonly unknown[]) =>
    `${some.length}/${incidents.length} (${((100 * some.length) / incidents.length).toFixed(1)} %)`
  const caught = incidents.filter(({ first }) => first !== undefined)
  const falseAlarms = outcomes.reduce((sum, one) => sum + one.falseAlarms, 0)
  const leads = incidents.flatMap(({ leadMs }) => (leadMs === undefined ? [] : [leadMs])).sort((a, b) => a - b)
  console.log(`\nright at the first warning: ${share(incidents.filter(({ isRight }) => isRight))}`)
  console.log(`right within 5 s of it:     ${share(incidents.filter(({ isRightSoon }) => isRightSoon))}`)
  console.log(
    `recall: ${share(caught)}; precision: ${((100 * caught.length) / Math.max(1, caught.length + falseAlarms)).toFixed(1)} %`,
  )
  console.log(`false alarms: ${falseAlarms} in ${(simulatedMs / 3_600_000).toFixed(2)} h`)
  if (leads.length > 0) {
    const ahead = leads.filter((leadMs) => leadMs > 0).length
    console.log(
      `warned before the first failure: ${ahead}/${leads.length}; lead: median ${leads[leads.length >> 1]?.toFixed(0)} ms, least ${leads[0]?.toFixed(0)} ms`,
    )
  }
  for (const { name, causes, first, detail } of outcomes.filter(({ isRight }) => !isRight)) {
    console.log(`  wrong: ${name}: ${causes.join('+') || 'quiet'} seen as ${first ?? 'nothing'}: ${detail}`)
  }
}

const words = process.argv.slice(2)
const [seedTo = 3, seedFrom = 1] = (words.find((word) => word.startsWith('seeds='))?.slice('seeds='.length) ?? '')
  .split('-')
  .filter((one) => one !== '')
  .map(Number)
  .reverse()
const only = words.find((word) => word.startsWith('only='))?.slice('only='.length)
const isAll = !words.includes('simulated') && !words.includes('postgres')

if (isAll || words.includes('simulated')) {
  const outcomes: Outcome[] = []
  let totalMs = 0
  for (const incident of INCIDENTS) {
    if (only !== undefined && !incident.name.includes(only)) continue
    for (let seed = seedFrom; seed <= seedTo; seed++) {
      outcomes.push(await simulated(incident, seed))
      totalMs += incident.options.durationMs
    }
  }
  for (const knot of only === undefined ? KNOTS : []) {
    const { told, afterMs } = await runKnot(knot)
    const [first] = told
    const isRight = first?.cause === 'self-deadlock'
    outcomes.push({
      name: knot.name,
      causes: ['self-deadlock'],
      first: first === undefined ? undefined : (first.cause ?? 'undecided'),
      isRight,
      isRightSoon: told.some(({ cause }) => cause === 'self-deadlock'),
      falseAlarms: 0,
      leadMs: afterMs === undefined ? undefined : 2_000 - afterMs,
      warnedAfterMs: afterMs,
      detail: `${first?.kind}`,
    })
  }
  report('Simulated bank', outcomes, totalMs)
}

if (isAll || words.includes('postgres')) {
  const runs = Number(words[words.indexOf('postgres') + 1] ?? 1) || 1
  await runOnPostgres(runs, only)
}
