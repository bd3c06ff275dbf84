import uplotScript from 'uplot/dist/uPlot.iife.min.js?raw'
import uplotStyle from 'uplot/dist/uPlot.min.css?raw'
import uplotLicense from 'uplot/LICENSE?raw'
import pageStyle from './demo-report-page.css?raw'
import pageScript from './demo-report-page.js?raw'
import type { DemoResult } from './demo-result.ts'
import { comparisonRows, describeRecovery, type WarningLine, warningLines } from './demo-summary.ts'
import type { LimitMove } from './run-record.ts'
import { formatCount, formatMs, formatSeconds, formatShare } from './verdict.ts'

/** The result as one HTML page that needs nothing else: no network, no other file; light and dark. */
export function toReportPage(result: DemoResult): string {
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>adaptive-pool demo: ${escapeHtml(result.verdict.headline)}</title>
<link rel="icon" href="data:,">
<style>${uplotStyle}
${pageStyle}</style>
</head>
<body>
<main>
${headerOf(result)}
${cardsOf(result)}
${CHARTS}
${comparisonOf(result)}
${warningsOf(result)}
${decisionsOf(result)}
${methodOf(result)}
</main>
<script type="application/json" id="result">${inlineJson(result)}</script>
<script>/*!
${uplotLicense.replaceAll('*/', '* /')}
*/
${KNOWN_LANGUAGE}
${inlineScript(uplotScript)}</script>
<script>${inlineScript(pageScript)}</script>
</body>
</html>
`
}

/**
 * Before uPlot, which hands the browser's language to Intl as it is loaded: a browser under LC_ALL=C calls it
 * en-US@posix, which Intl refuses, and there would be no charts.
 */
const KNOWN_LANGUAGE = `try { new Intl.NumberFormat(navigator.language) } catch {
  Object.defineProperty(navigator, 'language', { value: 'en-US' })
}`

/** JSON that may stand inside a script element: without `<`, nothing in it can end the element or open a comment. */
export function inlineJson(value: unknown): string {
  return JSON.stringify(value).replaceAll('<', '\\u003c')
}

function inlineScript(script: string): string {
  return script.replaceAll('</script', '<\\/script')
}

export function escapeHtml(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;')
}

function headerOf({ verdict, setup }: DemoResult): string {
  const load = setup.phases.map((phase) => formatCount(phase.ratePerSecond)).join(' → ')
  return `<header>
<p class="kicker">adaptive-pool demo · ${escapeHtml(setup.server)} · ${load} requests/s</p>
<h1>${escapeHtml(verdict.headline)}</h1>
<ul class="verdict">${verdict.sentences.map((sentence) => `<li>${escapeHtml(sentence)}</li>`).join('')}</ul>
</header>`
}

function cardsOf({ static: fixed, adopted }: DemoResult): string {
  const card = (title: string, before: string, after: string): string => `<div class="card"><h2>${title}</h2>
<p><span class="static">${before}</span><span class="arrow" aria-label="became">→</span>
<span class="adopted">${after}</span></p></div>`
  const [before, after] = [fixed.figures, adopted.figures]
  return `<section class="cards" aria-label="Key figures, static pool to adopted pool">
${card('Requests failed', formatShare(before.failedShare), formatShare(after.failedShare))}
${card('Latency p99', formatMs(before.latencyMsP99), formatMs(after.latencyMsP99))}
${card('95 % served again', describeRecovery(before), describeRecovery(after))}
${card('Most connections', formatCount(before.connectionsMax), formatCount(after.connectionsMax))}
</section>`
}

const CHARTS = `<section aria-label="Both runs on one time axis">
<p class="legend"><span><i class="key static"></i>static pool</span>
<span><i class="key adopted"></i>adopted pool</span>
<span><i class="key offered"></i>offered load</span> <span><i class="key spike"></i>the spike</span>
<span><b class="flag watched">1</b><b class="flag adopted">2</b>warnings, in the lists below</span></p>
<div id="charts"><noscript>The charts need JavaScript; the figures are in the tables below.</noscript></div>
</section>`

function comparisonOf(result: DemoResult): string {
  const [head, ...rows] = comparisonRows(result)
  const cells = ([name = '', ...figures]: readonly string[], tag: 'th' | 'td'): string => {
    const values = figures.map((cell) => `<${tag}>${escapeHtml(cell)}</${tag}>`)
    return `<th scope="row">${escapeHtml(name)}</th>${values.join('')}`
  }
  return `<section><h2>Side by side</h2><div class="scroll"><table class="figures">
<thead><tr>${cells(head ?? [], 'th')}</tr></thead>
<tbody>${rows.map((row) => `<tr>${cells(row, 'td')}</tr>`).join('\n')}</tbody></table></div>
${failuresOf('static', result.static.figures.failures)}
${failuresOf('adopted', result.adopted.figures.failures)}</section>`
}

function failuresOf(name: string, failures: DemoResult['static']['figures']['failures']): string {
  if (failures.length === 0) return ''
  const items = failures.map(
    ({ message, count }) => `<li>${formatCount(count)} × <code>${escapeHtml(message)}</code></li>`,
  )
  return `<p class="note">What callers of the ${name} pool were told:</p><ul class="note">${items.join('')}</ul>`
}

function warningsOf(result: DemoResult): string {
  const lines = warningLines(result).map((line, i) => ({ ...line, number: i + 1 }))
  const sectionOf = (run: WarningLine['run'], title: string): string => {
    const items = lines.filter((line) => line.run === run).map((line) => warningOf(line, line.number))
    const list = items.length === 0 ? '<p>Nothing.</p>' : `<ol class="said">${items.join('\n')}</ol>`
    return `<h2>${title}</h2>${list}`
  }
  return `<section>${sectionOf('watched', 'What the static pool said, when it was watched')}
<p class="note">A run of its own: <code>adapt(pool, { controller: fixed(), queue: 'fifo' })</code> watches,
and changes neither size nor queue.</p>
${sectionOf('adopted', 'What the adopted pool said')}</section>`
}

function warningOf({ run, said, moment, lead }: WarningLine, number: number): string {
  const when = `${moment} from the start of the spike, ${said.severity}${lead === '' ? '' : `, ${lead}`}`
  return `<li><span class="flag ${run}">${number}</span><div><b>${escapeHtml(said.kind)}</b>
<span class="note">${when}</span><br>${escapeHtml(said.message)}</div></li>`
}

function decisionsOf({ adopted, spikeAtMs }: DemoResult): string {
  const line = ({ atMs, from, to, reason }: LimitMove): string =>
    `<tr><td>${formatSeconds(atMs - spikeAtMs)}</td><td>${from} → ${to}</td><td>${escapeHtml(reason)}</td></tr>`
  const count = adopted.limitMoves.length
  return `<section><details><summary>Every move of the adopted pool's limit (${count})</summary>
<div class="scroll"><table class="moves">
<thead><tr><th>from the spike's start</th><th>limit</th><th>the controller's reason</th></tr></thead>
<tbody>${adopted.limitMoves.map(line).join('\n')}</tbody></table></div></details></section>`
}

function methodOf({ setup, static: fixed, adopted }: DemoResult): string {
  const phases = setup.phases.map(
    ({ ratePerSecond, durationMs }) => `${formatCount(ratePerSecond)}/s for ${durationMs / 1000} s`,
  )
  const lateMs = Math.max(fixed.figures.generatorLateMsMax, adopted.figures.generatorLateMsMax)
  const server = `${setup.isServerEmbedded ? 'embedded ' : ''}${escapeHtml(setup.server)}`
  return `<section class="note"><h2>How this was measured</h2>
<p>Runs in turn over the same ${server}: a <code>pg.Pool</code> with <code>max: ${setup.poolMax}</code> and
<code>connectionTimeoutMillis: ${setup.acquireTimeoutMs}</code>, and the same pool after
<code>adapt(pool, { limitMax: ${setup.limitMax} })</code>. All were offered
<code>${escapeHtml(setup.query)}</code> at Poisson arrivals with the same seed (${setup.seed}):
${phases.join(', then ')}.
The load is an open loop: arrivals never wait for answers, and latency counts from the moment a request was meant to
arrive, so nothing is hidden. The generator itself was at most ${formatMs(lateMs)} late. Latencies are of served
requests. Connections are counted by <code>pg_stat_activity</code>, and “past the pool” means the same query on a
connection of its own. ${escapeHtml(setup.machine)}.</p></section>`
}
