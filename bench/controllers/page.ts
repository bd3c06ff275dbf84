import { chartHtml, escapeHtml, pageHtml } from '../../src/sim/chart.ts'
import { scenarios } from '../../src/sim/index.ts'
import { COLORS } from '../../src/sim/report.ts'
import { meanGoodput, type Oracle } from './oracle.ts'
import type { Outcome, Plot } from './run.ts'
import { percent } from './table.ts'
import type { Cell, Verdict } from './verdict.ts'

/** The whole comparison as a page: the table, then each scenario with a picture of each controller. */
export function pageOf(
  title: string,
  oracles: readonly Oracle[],
  verdicts: readonly Verdict[],
  labels: Readonly<Record<string, string>>,
  outcomes: ReadonlyMap<string, readonly (readonly Outcome[])[]>,
): string {
  const lines = verdicts.map(
    (verdict) =>
      `<tr><td>${escapeHtml(labels[verdict.controller] ?? verdict.controller)}</td><td>${percent(verdict.worst)}</td><td>${percent(verdict.worstLow)}–${percent(verdict.worstHigh)}</td><td class="text">${verdict.worstIn}</td><td>${percent(verdict.mean)}</td><td>${verdict.unrecovered}</td><td>${verdict.liveOverNeed.toFixed(2)}</td><td>${verdict.reversalsPerMinute.toFixed(1)}</td></tr>`,
  )
  const table = `<table><tr><th>controller</th><th>worst, % of oracle</th><th>95 %</th><th>in</th><th>mean</th><th>scenarios not back</th><th>live / need</th><th>reversals / min</th></tr>${lines.join('\n')}</table>`
  const parts = oracles.map((oracle, at) => {
    const pictures = verdicts.map((verdict) => {
      const plot = outcomes.get(verdict.controller)?.[at]?.[0]?.plot
      const cell = verdict.cells[at]
      return plot === undefined || cell === undefined
        ? ''
        : picture(labels[verdict.controller] ?? verdict.controller, oracle, cell, plot)
    })
    const [first = '', ...others] = pictures
    return `<h2>${oracle.scenario}</h2><p>${escapeHtml(scenarios[oracle.scenario].says)} Oracle: ${oracle.size} resources, ${percent(meanGoodput(oracle.outcomes))} %.</p>${first}<details><summary>the others</summary>${others.join('\n')}</details>`
  })
  const how =
    '<p class="faint">Goodput within the SLO over that of the best fixed size of each scenario with the same queue, found by search; the pictures are of the first seed.</p>'
  return pageHtml(title, [`<h1>${escapeHtml(title)}</h1>`, how, table, ...parts].join('\n'))
}

function picture(name: string, { scenario }: Oracle, cell: Cell, { binMs, offered, served, limits }: Plot): string {
  const { durationMs } = scenarios[scenario].options
  const { fromMs, toMs } = scenarios[scenario].trigger
  const marks = [{ fromMs, toMs, label: 'trigger', color: COLORS.red }]
  const perSecond = (rates: readonly number[]) => rates.map((rate, bin) => [(bin + 0.5) * binMs, rate] as const)
  const traffic = chartHtml({
    title: `${name}: ${percent(cell.goodput)} % in time; requests per second`,
    durationMs,
    marks,
    heightPx: 120,
    series: [
      { name: 'offered', color: COLORS.orange, points: perSecond(offered), isFilled: true },
      { name: 'served in time', color: COLORS.green, points: perSecond(served), isFilled: true },
    ],
  })
  const limit = chartHtml({
    title: 'limit, in use',
    durationMs,
    marks,
    heightPx: 100,
    series: [
      { name: 'limit', color: COLORS.blue, isStepped: true, points: limits.map(([ms, value]) => [ms, value] as const) },
      { name: 'in use', color: COLORS.sky, points: limits.map(([ms, , inUse]) => [ms, inUse] as const) },
    ],
  })
  return traffic + limit
}
