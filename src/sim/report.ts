import { type ChartMark, chartHtml, escapeHtml, pageHtml } from './chart.ts'
import type { RunError, SimulationRow, SimulationSummary, SimulationWarning, Timeline } from './summary.ts'

/** What the report tells. */
export interface Told {
  readonly summary: SimulationSummary
  readonly rows: readonly SimulationRow[]
  readonly warnings: readonly SimulationWarning[]
  readonly timeline: Timeline
  readonly errors: readonly RunError[]
}

/** Distinct in light and dark, and to most colour-blind people. @source Okabe, Ito 2008, "Color universal design" */
export const COLORS = { blue: '#0072b2', sky: '#56b4e9', green: '#009e73', orange: '#e69f00', red: '#d55e00' } as const

export function reportHtml(title: string, { summary, rows, warnings, timeline, errors }: Told): string {
  const durationMs = timeline.binMs * Math.max(1, timeline.offered.length)
  const marks: ChartMark[] = warnings.map(({ atMs, kind, message }) => ({
    fromMs: atMs,
    label: `${kind}: ${message}`,
    color: COLORS.red,
  }))
  const traffic = chartHtml({ title: 'Requests per second', durationMs, marks, series: trafficSeries(timeline) })
  const limit = chartHtml({
    title: 'Resources',
    durationMs,
    series: [
      { name: 'limit', color: COLORS.blue, isStepped: true, points: rows.map((row) => [row.atMs, row.limit]) },
      ...shadowSeries(rows),
      { name: 'live', color: COLORS.sky, points: rows.map((row) => [row.atMs, row.sample.liveMean]) },
      { name: 'in use', color: COLORS.green, points: rows.map((row) => [row.atMs, row.sample.inUseMean]) },
    ],
  })
  const waits = chartHtml({
    title: 'Wait and lease, ms',
    durationMs,
    series: [
      { name: 'wait p95', color: COLORS.orange, points: rows.map((row) => [row.atMs, row.sample.waitMsP95]) },
      { name: 'lease mean', color: COLORS.green, points: rows.map((row) => [row.atMs, row.sample.leaseMsMean]) },
    ],
  })
  const head = [`<h1>${escapeHtml(title)}</h1>`, figures(summary), errorList(errors)]
  return pageHtml(title, [...head, traffic, limit, waits, warningTable(warnings)].join('\n'))
}

/** What a controller that only watches would have set. */
function shadowSeries(rows: readonly SimulationRow[]) {
  if (rows[0]?.decision.shadowLimit === undefined) return []
  const points = rows.map(({ atMs, decision }): [number, number] => [atMs, decision.shadowLimit ?? 0])
  return [{ name: 'shadow limit', color: COLORS.orange, isStepped: true, points }]
}

/** How many came, and how many of them were served in time, each averaged over so many bins that chance calms down. */
function trafficSeries({ binMs, offered, withinSlo }: Timeline) {
  const group = Math.max(1, Math.round(Math.max(500 / binMs, offered.length / 400)))
  const perSecond = (counts: readonly number[]): [number, number][] => {
    const points: [number, number][] = []
    for (let bin = 0; bin + group <= counts.length; bin += group) {
      const sum = counts.slice(bin, bin + group).reduce((total, count) => total + count, 0)
      points.push([(bin + group / 2) * binMs, (sum * 1000) / (group * binMs)])
    }
    return points
  }
  return [
    { name: 'offered', color: COLORS.orange, points: perSecond(offered), isFilled: true },
    { name: 'served in time', color: COLORS.green, points: perSecond(withinSlo), isFilled: true },
  ]
}

function figures(summary: SimulationSummary): string {
  const { offered, goodput, timedOut, shed, failed, latencyMsP99, waitMsP99, liveMean, liveMax, recoveryMs } = summary
  const told: readonly (readonly [string, string])[] = [
    ['served in time', `${(100 * goodput).toFixed(2)} %`],
    ['requests', String(offered)],
    ['timed out', String(timedOut)],
    ['shed', String(shed)],
    ['failed', String(failed)],
    ['latency p99', `${latencyMsP99.toFixed(0)} ms`],
    ['wait p99', `${waitMsP99.toFixed(0)} ms`],
    ['live, mean / most', `${liveMean.toFixed(1)} / ${liveMax}`],
    ['moves / reversals', `${summary.moves} / ${summary.reversals}`],
    ...(recoveryMs === undefined ? [] : [['recovered after', `${(recoveryMs / 1000).toFixed(1)} s`] as const]),
  ]
  return `<dl>${told.map(([name, value]) => `<div><dt>${name}</dt><dd>${value}</dd></div>`).join('')}</dl>`
}

function errorList(errors: readonly RunError[]): string {
  if (errors.length === 0) return ''
  return `<h2>Failed with</h2><ul>${errors.map(({ message, count }) => `<li>${count} × ${escapeHtml(message)}</li>`).join('\n')}</ul>`
}

function warningTable(warnings: readonly SimulationWarning[]): string {
  if (warnings.length === 0) return '<p class="faint">No warnings.</p>'
  const lines = warnings.map(
    ({ atMs, kind, severity, message }) =>
      `<tr><td>${(atMs / 1000).toFixed(1)} s</td><td class="text">${kind}</td><td class="text">${severity}</td><td class="text">${escapeHtml(message)}</td></tr>`,
  )
  return `<h2>Warnings</h2><table>${lines.join('\n')}</table>`
}
