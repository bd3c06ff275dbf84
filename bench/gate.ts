/**
 * The gate: has a change made the pool worse? First what is exact and may block a merge on any machine (goodput under
 * virtual time; clock readings, timers and promises per cycle), beside the committed baseline. Then time, beside the
 * code of the commit that last renewed that baseline, built and run on the same machine: it fails only when three of
 * three repeats fall short by more than the same code twice is apart.
 *
 *     npm run bench:ci [-- --json] [--update] [--no-time]
 *
 * Exit code 1: something is worse. `--update` writes a new baseline instead; the commit that has it is what times are
 * compared with from then on.
 */
import { readFileSync, writeFileSync } from 'node:fs'
import { parseArgs } from 'node:util'
import { goodput, operations } from './gate/exact.ts'
import { type Figure, isWorse } from './gate/figure.ts'
import { buildReference } from './gate/reference.ts'
import { times } from './gate/time.ts'

const BASELINE = new URL('./baseline.json', import.meta.url)

const { values } = parseArgs({
  options: {
    json: { type: 'boolean', default: false },
    update: { type: 'boolean', default: false },
    'no-time': { type: 'boolean', default: false },
  },
})
const exact = [...(await goodput()), ...(await operations(1)), ...(await operations(100))]
if (values.update) {
  const figures = Object.fromEntries(exact.map(({ name, value }) => [name, Number(value.toPrecision(4))]))
  // Times need a commit of the file, too, where code has become faster and no figure in it has moved.
  const baseline = { ...figures, 'renewed at, s since 1970': Math.round(Date.now() / 1_000) }
  writeFileSync(BASELINE, `${JSON.stringify(baseline, null, 2)}\n`)
}
const baseline = JSON.parse(readFileSync(BASELINE, 'utf8')) as Readonly<Record<string, number>>
const timed = values.update || values['no-time'] ? [] : timedFigures()
const results = [
  ...exact.map((figure) => judged(figure, baseline[figure.name])),
  ...timed.map((figure) => judged(figure, 1)),
]
const hasWorse = results.some((result) => result.isWorse)
if (values.json) {
  console.log(JSON.stringify({ isWorse: hasWorse, figures: results }, null, 1))
} else {
  for (const { name, value, before, isWorse } of results) {
    const was = before === undefined ? 'new' : `was ${before}`
    console.log(`${isWorse ? 'WORSE' : '   ok'}  ${name.padEnd(48)} ${value.toPrecision(4).padStart(9)}  ${was}`)
  }
}
process.exitCode = hasWorse ? 1 : 0

function judged(figure: Figure, before: number | undefined) {
  return { ...figure, before, isWorse: before !== undefined && isWorse(figure, before) }
}

function timedFigures(): Figure[] {
  const reference = buildReference()
  if (reference !== undefined) return times(reference)
  console.error('TIMES NOT COMPARED: this is no git checkout, so that there is no earlier code to compare with')
  return []
}
