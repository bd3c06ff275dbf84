import type { Oracle } from './oracle.ts'
import { mean, meanGoodput } from './oracle.ts'
import type { Verdict } from './verdict.ts'

/** A line per controller: how it did in the whole bank. Ratios to the oracle, in per cent. */
export function summaryTable(verdicts: readonly Verdict[], labels: Readonly<Record<string, string>>): string {
  const head = ['controller', 'worst', '95 %', 'in', 'mean', 'not back', 'live/need', 'without wait', 'rev/min']
  const lines = verdicts.map((verdict) => [
    labels[verdict.controller] ?? verdict.controller,
    percent(verdict.worst),
    `${percent(verdict.worstLow)}-${percent(verdict.worstHigh)}`,
    verdict.worstIn,
    percent(verdict.mean),
    String(verdict.unrecovered),
    verdict.liveOverNeed.toFixed(2),
    verdict.liveOverCalm.toFixed(2),
    verdict.reversalsPerMinute.toFixed(1),
  ])
  return markdown([head, ...lines])
}

/** A line per scenario: what one controller needed, and how soon it was back. */
export function detailTable(oracles: readonly Oracle[], { controller, cells }: Verdict): string {
  const head = [
    'scenario',
    'need',
    'without wait',
    'live',
    '/ need',
    '/ without wait',
    'ratio',
    '95 %',
    'back',
    'rev/min',
  ]
  const lines = oracles.map(({ scenario, need, needWithoutWait }, at) => {
    const cell = cells[at]
    if (cell === undefined) return [scenario]
    return [
      scenario,
      String(need),
      String(needWithoutWait),
      cell.live.toFixed(1),
      cell.liveOverNeed.toFixed(2),
      cell.liveOverCalm.toFixed(2),
      percent(cell.ratio),
      `${percent(cell.low)}-${percent(cell.high)}`,
      cell.recoveryMs === null ? 'never' : `${cell.recoveryMs} ms`,
      cell.reversalsPerMinute.toFixed(1),
    ]
  })
  return `${controller}: open resources, goodput as a share of the oracle's, median recovery\n\n${markdown([head, ...lines])}`
}

/** A line per scenario: goodput of the oracle and of each, in per cent. */
export function scenarioTable(oracles: readonly Oracle[], verdicts: readonly Verdict[]): string {
  const head = ['scenario', 'oracle', 'size', 'need', ...verdicts.map(({ controller }) => controller)]
  const lines = oracles.map((oracle, at) => [
    oracle.scenario,
    percent(meanGoodput(oracle.outcomes)),
    String(oracle.size),
    String(oracle.need),
    ...verdicts.map(({ cells }) => {
      const cell = cells[at]
      return cell === undefined ? '' : `${percent(cell.goodput)}${cell.unrecovered > 0 ? '*' : ''}`
    }),
  ])
  const means = ['mean', percent(mean(oracles.map(({ outcomes }) => meanGoodput(outcomes)))), '', '']
  const last = [...means, ...verdicts.map(({ cells }) => percent(mean(cells.map(({ goodput }) => goodput))))]
  return `${markdown([head, ...lines, last])}\n\n\`*\`: with some seed not back 10 s after the trigger, where the oracle was.`
}

export function percent(ratio: number): string {
  return (100 * ratio).toFixed(1)
}

function markdown(rows: readonly (readonly string[])[]): string {
  const [head = [], ...lines] = rows
  const widths = head.map((_, at) => Math.max(...rows.map((row) => row[at]?.length ?? 0)))
  const lineOf = (row: readonly string[]): string =>
    `| ${row.map((cell, at) => cell.padEnd(widths[at] ?? 0)).join(' | ')} |`
  return [lineOf(head), `|${widths.map((width) => '-'.repeat(width + 2)).join('|')}|`, ...lines.map(lineOf)].join('\n')
}
