import type { DemoResult, DemoRunResult } from './demo-result.ts'
import type { RunFigures } from './run-figures.ts'
import type { PoolSaid } from './run-record.ts'
import { type Paint, paintFor, type Screen, table, wrap } from './terminal-plot.ts'
import { describeLead, formatCount, formatMs, formatSeconds, formatShare } from './verdict.ts'

/** The two runs side by side: a head, then one row per figure; cells are texts. Terminal and page both show it. */
export function comparisonRows(result: DemoResult): readonly (readonly [string, string, string])[] {
  const { setup, static: fixed, adopted } = result
  const row = (name: string, tell: (figures: RunFigures) => string): readonly [string, string, string] => [
    name,
    tell(fixed.figures),
    tell(adopted.figures),
  ]
  return [
    ['', `static, max ${setup.poolMax}`, `adopted, limitMax ${setup.limitMax}`],
    row('requests offered', (f) => formatCount(f.offered)),
    row('served', (f) => formatCount(f.served)),
    row('failed', (f) => (f.failed === 0 ? '0' : `${formatCount(f.failed)} (${formatShare(f.failedShare)})`)),
    row('latency p50 of the served', (f) => formatMs(f.latencyMsP50)),
    row('latency p95', (f) => formatMs(f.latencyMsP95)),
    row('latency p99', (f) => formatMs(f.latencyMsP99)),
    row('most callers waiting', (f) => formatCount(f.waitingMax)),
    row('most connections on the server', (f) => formatCount(f.connectionsMax)),
    row('95 % served again after', describeRecovery),
    row('same query past the pool', (f) => formatMs(f.directQueryMsSpike)),
  ]
}

export function describeRecovery({ recoveryMs }: RunFigures): string {
  if (recoveryMs === undefined) return 'not within the run'
  return recoveryMs === 0 ? 'never below' : formatSeconds(recoveryMs)
}

/** One thing that a pool said, with its lead over the failures that it warns of. */
export interface WarningLine {
  readonly run: 'watched' | 'adopted'
  readonly said: PoolSaid
  /** '+0.12 s' from the start of the spike. */
  readonly moment: string
  /** '0.88 s before its first failure'; empty when nothing failed. */
  readonly lead: string
}

/** All that was said: first by the static pool that was only watched, then by the adopted one. */
export function warningLines({ watched, adopted, spikeAtMs }: DemoResult): WarningLine[] {
  const linesOf = (run: WarningLine['run'], { said, figures }: DemoRunResult): WarningLine[] =>
    said.map((one) => ({ run, said: one, moment: momentOf(one.atMs - spikeAtMs), lead: leadOf(one, figures) }))
  return [...linesOf('watched', watched), ...linesOf('adopted', adopted)]
}

function momentOf(sinceSpikeMs: number): string {
  return `${sinceSpikeMs < 0 ? '−' : '+'}${formatSeconds(Math.abs(sinceSpikeMs))}`
}

function leadOf({ atMs, event }: PoolSaid, { firstFailureAtMs }: RunFigures): string {
  if (firstFailureAtMs === undefined || event === 'recovered') return ''
  return `${describeLead(firstFailureAtMs - atMs)} its first failure`
}

/** Wider than this, prose is hard to read. */
const PROSE_WIDTH = 96

/** What the terminal shows at the end. */
export function summaryLines(result: DemoResult, screen: Screen, env: NodeJS.ProcessEnv): string[] {
  const paint = paintFor(screen, env)
  const width = Math.min(PROSE_WIDTH, screen.columns ?? PROSE_WIDTH)
  const { outcome, headline, sentences } = result.verdict
  const lines = warningLines(result)
  const [head = '', rule = '', ...rows] = table(comparisonRows(result))
  return [
    ...wrap(headline, width).map((line) =>
      paint('bold', paint(outcome === 'adopted-better' ? 'green' : 'yellow', line)),
    ),
    '',
    ...sentences.flatMap((sentence) => bullet(sentence, width)),
    '',
    paint('bold', head),
    rule,
    ...rows,
    '',
    paint('bold', 'What was said (time from the start of the spike)'),
    ...sectionOf(
      'by the static pool, watched only',
      lines.filter(({ run }) => run === 'watched'),
      width,
      paint,
    ),
    ...sectionOf(
      'by the adopted pool',
      lines.filter(({ run }) => run === 'adopted'),
      width,
      paint,
    ),
  ]
}

function sectionOf(title: string, lines: readonly WarningLine[], width: number, paint: Paint): string[] {
  if (lines.length === 0) return [`  ${title}: nothing`]
  const items = lines.flatMap(({ said, moment, lead }) => {
    const style = said.event === 'recovered' ? 'green' : said.severity === 'critical' ? 'red' : 'yellow'
    const text = `${moment} ${said.kind}${lead === '' ? '' : ` (${lead})`}: ${said.message}`
    const [first = '', ...more] = bullet(text, width)
    return [first.replace(said.kind, paint(style, said.kind)), ...more]
  })
  return [`  ${title}:`, ...items]
}

function bullet(text: string, width: number): string[] {
  return wrap(text, width - 4).map((line, i) => `${i === 0 ? '  • ' : '    '}${line}`)
}
