/**
 * Draws docs/controllers.svg: what each controller does with its limit where the need moves, and where the knee does.
 *
 *     npm run bench:pictures
 */
import { writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { type ScenarioName, scenarios } from '../../src/sim/index.ts'
import { type Outcome, type Plot, run } from './run.ts'

const SCENARIOS: readonly ScenarioName[] = ['very-slow-leases', 'brown-out']
const LAWS = ['hybrid', 'littlesLaw', 'aimd', 'pid', 'vegas', 'gradient2', 'hillClimb', 'flexyPool', 'utilization']
const LIMIT_MAX = 200
const PANEL = { width: 340, height: 80, gap: 14, labelWidth: 90, head: 40 }

const rows: (readonly Outcome[])[] = []
for (const controller of LAWS) {
  const row: Outcome[] = []
  for (const scenario of SCENARIOS) row.push(await run({ scenario, controller, queue: 'codel', seed: 1 }))
  rows.push(row)
}
writeFileSync(fileURLToPath(new URL('../../docs/controllers.svg', import.meta.url)), svg())

function svg(): string {
  const { width, height, gap, labelWidth, head } = PANEL
  const fullWidth = labelWidth + SCENARIOS.length * (width + gap)
  const fullHeight = head + LAWS.length * (height + gap)
  const heads = SCENARIOS.map(
    (name, column) => `<text x="${labelWidth + column * (width + gap)}" y="24" font-weight="bold">${name}</text>`,
  )
  const panels = rows.flatMap((row, line) => {
    const y = head + line * (height + gap)
    const label = `<text x="4" y="${y + height / 2}">${LAWS[line]}</text>`
    return [label, ...row.map((outcome, column) => panel(outcome, column, labelWidth + column * (width + gap), y))]
  })
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${fullWidth} ${fullHeight}" font-family="sans-serif" font-size="12">
<title>Limit and leases out under each controller, in two scenarios</title>
<rect width="100%" height="100%" fill="#fff"/>
${[...heads, ...panels].join('\n')}
</svg>
`
}

function panel({ goodput, plot }: Outcome, column: number, left: number, top: number): string {
  const { width, height } = PANEL
  const { options, trigger } = scenarios[SCENARIOS[column] as ScenarioName]
  const xOf = (ms: number): number => Math.round(left + (ms / options.durationMs) * width)
  const yOf = (size: number): number => Math.round(top + height - (Math.min(size, LIMIT_MAX) / LIMIT_MAX) * height)
  const limits = (plot as Plot).limits.filter((_, at) => at % 2 === 0)
  const limit = limits.map(([ms, size]) => `${xOf(ms)},${yOf(size)}`).join(' ')
  const inUse = limits.map(([ms, , size]) => `${xOf(ms)},${yOf(size)}`).join(' ')
  return [
    `<rect x="${left}" y="${top}" width="${width}" height="${height}" fill="#f6f6f6"/>`,
    `<rect x="${xOf(trigger.fromMs)}" y="${top}" width="${xOf(trigger.toMs) - xOf(trigger.fromMs)}" height="${height}" fill="#fbe3e0"/>`,
    `<polygon points="${left},${top + height} ${inUse} ${left + width},${top + height}" fill="#9fd0f0"/>`,
    `<polyline points="${limit}" fill="none" stroke="#0072b2" stroke-width="1.5"/>`,
    `<text x="${left + 4}" y="${top + 14}">${(100 * goodput).toFixed(1)} % in time</text>`,
  ].join('')
}
