/**
 * The question: which rule sizes a pool best, whatever happens, and how near does it come to who knew beforehand?
 *
 * Every controller, over the whole bank of scenarios, against the oracle: the best fixed size of each scenario with the
 * same queue, found by search. And against the best single fixed size for all of them, which is the true rival. The
 * production engine under virtual time; what was run already is kept as long as the code stays the same, so that a run
 * that was interrupted goes on.
 *
 *     npm run bench:controllers
 *     npm run bench:controllers -- --seeds 3 --controllers hybrid --scenarios brown-out,leak
 *     npm run bench:controllers -- --queue fifo --scenarios classic
 *
 * --out FILE writes the page with the pictures, --json FILE the figures; --workers N processes (2). --search looks for
 * the oracle's sizes afresh: to be done when a scenario or the model of the backend has changed.
 */
import { writeFileSync } from 'node:fs'
import { parseArgs } from 'node:util'
import { type ScenarioName, scenarios } from '../src/sim/index.ts'
import { Farm } from './controllers/farm.ts'
import { bestSingleSizes, findOracles } from './controllers/oracle.ts'
import { pageOf } from './controllers/page.ts'
import { CONTROLLERS, limitMaxOf, type Outcome } from './controllers/run.ts'
import { detailTable, scenarioTable, summaryTable } from './controllers/table.ts'
import { judge } from './controllers/verdict.ts'

/** Those that have published figures. */
const CLASSIC = 'step-up,overload,overload-retries,slow-leases,brown-out,cold-start,very-slow-leases'

const { values } = parseArgs({
  options: {
    seeds: { type: 'string', default: '20' },
    controllers: { type: 'string', default: Object.keys(CONTROLLERS).join(',') },
    scenarios: { type: 'string', default: Object.keys(scenarios).join(',') },
    queue: { type: 'string', default: 'codel' },
    workers: { type: 'string', default: '2' },
    search: { type: 'boolean', default: false },
    out: { type: 'string' },
    json: { type: 'string' },
  },
})

const names = (values.scenarios === 'classic' ? CLASSIC : values.scenarios).split(',') as ScenarioName[]
const unknown = names.find((name) => scenarios[name] === undefined)
if (unknown !== undefined)
  throw new RangeError(`no scenario ${unknown}; there are ${Object.keys(scenarios).join(', ')}`)
if (values.queue !== 'codel' && values.queue !== 'fifo') throw new RangeError('--queue is codel or fifo')
const queue: 'codel' | 'fifo' = values.queue
const seeds = Array.from({ length: Number(values.seeds) }, (_, at) => at + 1)

let toldAt = 0
const farm = new Farm(Number(values.workers), (done, all) => {
  const now = performance.now()
  if (done < all && now - toldAt < (process.stderr.isTTY ? 200 : 10_000)) return
  toldAt = now
  process.stderr.write(
    process.stderr.isTTY ? `\r${done} of ${all} runs${done === all ? '\n' : ''}` : `${done} of ${all} runs\n`,
  )
})

const oracles = await findOracles(farm, names, queue, seeds, values.search)
const single = bestSingleSizes(oracles)
const rivals = [...new Set([`fixed-${single.byWorst}`, `fixed-${single.byMean}`])]
const contestants = [...values.controllers.split(',').filter((name) => name !== ''), ...rivals]
const verdicts = []
const plots = new Map<string, readonly (readonly Outcome[])[]>()
for (const controller of contestants) {
  const specs = names.flatMap((scenario) =>
    seeds.map((seed) => ({ scenario, controller: withinMax(controller, scenario), queue, seed })),
  )
  const outcomes = await farm.runAll(specs)
  const byScenario = names.map((_, at) => outcomes.slice(at * seeds.length, (at + 1) * seeds.length))
  plots.set(controller, byScenario)
  verdicts.push(judge(controller, oracles, byScenario))
}

const labels: Record<string, string> = {
  [`fixed-${single.byMean}`]: `fixed ${single.byMean}: the best single size in the mean`,
  [`fixed-${single.byWorst}`]: `fixed ${single.byWorst}: the best single size in its worst`,
}
const title = `Controllers, ${names.length} scenarios, ${seeds.length} seeds, ${queue}, Node ${process.versions.node}`
console.log(`${title}\n\n${summaryTable(verdicts, labels)}\n\n${scenarioTable(oracles, verdicts)}`)
const ours = verdicts.find(({ controller }) => controller === 'hybrid')
if (ours !== undefined) console.log(`\n${detailTable(oracles, ours)}`)
if (values.out !== undefined) writeFileSync(values.out, pageOf(title, oracles, verdicts, labels, plots))
if (values.json !== undefined)
  writeFileSync(
    values.json,
    `${JSON.stringify({ title, oracles: oracles.map(({ curve, outcomes, ...rest }) => ({ ...rest, curve: [...curve] })), verdicts }, null, 1)}\n`,
  )

function withinMax(controller: string, scenario: ScenarioName): string {
  const size = Number(/^fixed-(\d+)$/.exec(controller)?.[1])
  return size > limitMaxOf(scenarios[scenario]) ? `fixed-${limitMaxOf(scenarios[scenario])}` : controller
}
