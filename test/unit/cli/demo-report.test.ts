import { runInNewContext } from 'node:vm'
import { expect, test } from 'vitest'
import { escapeHtml, inlineJson, toReportPage } from '../../../src/cli/demo-report.ts'
import { type DemoSetup, toDemoResult } from '../../../src/cli/demo-result.ts'
import type { DemoRunEnd } from '../../../src/cli/demo-run.ts'
import { summaryLines } from '../../../src/cli/demo-summary.ts'
import { newRunRecord } from '../../../src/cli/run-record.ts'

const SETUP: DemoSetup = {
  query: 'select pg_sleep(0.02)',
  seed: 1,
  phases: [
    { name: 'calm before', durationMs: 1_000, ratePerSecond: 100 },
    { name: 'spike', durationMs: 1_000, ratePerSecond: 1_000 },
    { name: 'calm after', durationMs: 1_000, ratePerSecond: 100 },
  ],
  watchedPhases: [
    { name: 'calm before', durationMs: 1_000, ratePerSecond: 100 },
    { name: 'spike', durationMs: 1_000, ratePerSecond: 1_000 },
  ],
  poolMax: 10,
  limitMax: 100,
  acquireTimeoutMs: 1_000,
  server: 'PostgreSQL 18.4',
  isServerEmbedded: true,
  machine: 'Node v20.20.2 on linux x64, 2 processors',
}

/** 3 s of arrivals, every 10 ms; those of the spike fail if `isFailing`. */
function runEnd(isFailing: boolean): DemoRunEnd {
  const record = newRunRecord()
  for (let atMs = 0; atMs < 3_000; atMs += 10) {
    record.arrivalsAtMs.push(atMs)
    const hasFailed = isFailing && atMs >= 1_000 && atMs < 2_000
    record.answers.push({ arrivedAtMs: atMs, latencyMs: 20, ...(hasFailed && { failure: 'no <b>connection</b>' }) })
    record.gauges.push({ atMs, limit: 10, inUse: 4, waiting: 0 })
  }
  record.observations.push({ atMs: 500, connections: 10, queryMs: 21 }, { atMs: 1_500, connections: 10, queryMs: 21 })
  return { record, end: { unanswered: 0, lateMsMax: 3 } }
}

function resultWithWarning(message: string) {
  const [watched, adopted] = [runEnd(true), runEnd(false)]
  watched.record.said.push({ atMs: 900, event: 'warning', kind: 'exhaustion-forecast', severity: 'warn', message })
  adopted.record.limitMoves.push({ atMs: 1_050, from: 10, to: 40, reason: 'demand' })
  return toDemoResult(SETUP, { static: runEnd(true), watched, adopted })
}

const PAGE = toReportPage(resultWithWarning('Callers </script><script>alert(1)</script> wait'))

/** The page without the licence of uPlot and the line with its home page: the only addresses that may occur. */
const OWN = PAGE.replace(/\/\*!.*?\*\//gs, '')

test('the report loads nothing: no address, no import, no other file', () => {
  expect(OWN).not.toMatch(/https?:\/\//)
  expect(OWN).not.toMatch(/<(script|img|iframe|object|embed|audio|video)[^>]*\ssrc=/)
  expect(OWN).not.toMatch(/@import|url\(|\bimport\(|\bfetch\(|XMLHttpRequest|WebSocket|sendBeacon/)
  expect([...OWN.matchAll(/<link [^>]*href="([^"]*)"/g)].map(([, href]) => href)).toEqual(['data:,'])
})

// Slipped through: people's browsers have a language. uPlot could not be loaded under LC_ALL=C, and nothing was drawn.
test.each(['en-US@posix', 'de-DE'])('uPlot is loaded in a browser whose language is %s', (language) => {
  const [, script = ''] = /<script>(\/\*!.*?)<\/script>/s.exec(PAGE) ?? []
  const navigator = Object.create({ language })
  const listening = { addEventListener: () => {}, dispatchEvent: () => {} }
  const page = {
    navigator,
    document: listening,
    CustomEvent,
    matchMedia: () => listening,
    devicePixelRatio: 1,
    ...listening,
  }
  const window = Object.assign(page, { window: page })
  expect(runInNewContext(`${script}; typeof uPlot`, window)).toBe('function')
  expect(navigator.language).toBe(language === 'de-DE' ? language : 'en-US')
})

// Slipped through: on an idle machine nothing is said before the spike.
test('the warning that the verdict tells of is the first of the spike, where one came before it as well', () => {
  const [watched, adopted] = [runEnd(true), runEnd(false)]
  for (const [atMs, kind] of [
    [100, 'wait-slo-burn'],
    [1_050, 'exhaustion-forecast'],
  ] as const) {
    watched.record.said.push({ atMs, event: 'warning', kind, severity: 'warn', message: kind })
  }
  const { verdict } = toDemoResult(SETUP, { static: runEnd(true), watched, adopted })
  expect(verdict.sentences[2]).toContain('warned (exhaustion-forecast) 0.05 s into the spike')
})

test('it carries uPlot with its licence', () => {
  expect(PAGE).toContain('The MIT License (MIT)')
  expect(PAGE).toContain('Leon Sorokin')
  expect(PAGE).toContain('var uPlot=function')
  expect(PAGE).toContain('.u-legend')
})

test('nothing that was said can become markup or end a script', () => {
  expect(PAGE.match(/<\/script>/g)).toHaveLength(3) // the data, uPlot, and the page's own script
  expect(PAGE).not.toContain('<script>alert')
  expect(PAGE).not.toContain('<b>connection')
  expect(PAGE).toContain('Callers &lt;/script&gt;')
})

test('its data are the whole result, as the page reads them', () => {
  const [, json = ''] = /<script type="application\/json" id="result">(.*?)<\/script>/s.exec(PAGE) ?? []
  const said = 'Callers </script><script>alert(1)</script> wait'
  expect(JSON.parse(json)).toEqual(JSON.parse(JSON.stringify(resultWithWarning(said))))
})

test('it says in words and figures what happened', () => {
  expect(PAGE).toMatch(
    /<h1>The spike exhausted the static pool while the database was healthy\. .* rode it out\.<\/h1>/,
  )
  expect(PAGE).toContain('100 (33.3 %)')
  expect(PAGE).toContain('select pg_sleep(0.02)')
})

test('inlined JSON is JSON, and has no <', () => {
  expect(inlineJson({ text: '</script><!--' })).toBe('{"text":"\\u003c/script>\\u003c!--"}')
  expect(JSON.parse(inlineJson('<'))).toBe('<')
})

test('text is escaped for elements and attributes', () => {
  expect(escapeHtml('a < b & "c" > d')).toBe('a &lt; b &amp; &quot;c&quot; &gt; d')
})

test('the terminal shows verdict, table and warnings with their lead, within its width', () => {
  const screen = { columns: 80, write: () => {} }
  const lines = summaryLines(resultWithWarning('Callers will wait soon.'), screen, {})
  const text = lines.join('\n')
  expect(text).toMatch(/^The spike exhausted the static pool/)
  expect(text).toMatch(/failed +100 \(33\.3 %\) +0\n/)
  expect(text).toMatch(/95 % served again after +1\.0 s +never below/)
  expect(text).toContain('−0.10 s exhaustion-forecast (0.12 s before its first failure)')
  expect(Math.max(...lines.map((line) => line.length))).toBeLessThanOrEqual(80)
})

test('a pool that said nothing is shown as that', () => {
  const result = toDemoResult(SETUP, { static: runEnd(true), watched: runEnd(true), adopted: runEnd(false) })
  expect(summaryLines(result, { write: () => {} }, {}).at(-1)).toBe('  by the adopted pool: nothing')
  expect(toReportPage(result)).toContain('<p>Nothing.</p>')
})
