import type { DemoResult } from './demo-result.ts'
import type { RunFigures } from './run-figures.ts'
import type { PoolSaid } from './run-record.ts'
import { paintFor, type Screen, table, wrap } from './terminal-plot.ts'
import { formatCount, formatMs, formatSeconds, formatShare } from './verdict.ts'

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
    row('95 % served again, after the spike began', describeRecovery),
    row('same query past the pool, in the spike', (f) => formatMs(f.directQueryMsSpike)),
  ]
}

export function describeRecovery({ recoveryMs }: RunFigures): string {
  if (recoveryMs === undefined) return 'not within the run'
  return recoveryMs === 0 ? 'never below' : formatSeconds(recoveryMs)
}

/** One thing that the adopted pool said, with its lead over the failures that it warns of. */
export interface WarningLine {
  readonly said: PoolSaid
  /** '+0.12 s' from the start of the spike. */
  readonly moment: string
  /** '0.88 s before the first failure of the static pool'; empty when nothing failed. */
  readonly lead: string
}

export function warningLines({ adopted, static: fixed, spikeAtMs }: DemoResult): WarningLine[] {
  return adopted.said.map((said) => {
    const leads =
      said.event === 'recovered'
        ? []
        : [leadOver(said, fixed.figures, 'the static pool'), leadOver(said, adopted.figures, 'its own')]
    const sinceSpikeMs = said.atMs - spikeAtMs
    const moment = `${sinceSpikeMs < 0 ? '−' : '+'}${formatSeconds(Math.abs(sinceSpikeMs))}`
    return { said, moment, lead: leads.filter((lead) => lead !== '').join(', ') }
  })
}

function leadOver({ atMs }: PoolSaid, { firstFailureAtMs }: RunFigures, whose: string): string {
  if (firstFailureAtMs === undefined) return ''
  const leadMs = firstFailureAtMs - atMs
  const first = whose === 'its own' ? 'its own first failure' : `the first failure of ${whose}`
  return `${formatSeconds(Math.abs(leadMs))} ${leadMs < 0 ? 'after' : 'before'} ${first}`
}

/** Wider than this, prose is hard to read. */
const PROSE_WIDTH = 96

/** What the terminal shows at the end. */
export function summaryLines(result: DemoResult, screen: Screen, env: NodeJS.ProcessEnv): string[] {
  const paint = paintFor(screen, env)
  const width = Math.min(PROSE_WIDTH, screen.columns ?? PROSE_WIDTH)
  const { outcome, headline, sentences } = result.verdict
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
    paint('bold', 'What the adopted pool said (time from the start of the spike)'),
    ...warningLines(result).flatMap(({ said, moment, lead }) => {
      const style = said.event === 'recovered' ? 'green' : said.severity === 'critical' ? 'red' : 'yellow'
      const [first = '', ...more] = bullet(
        `${moment} ${said.kind}${lead === '' ? '' : ` (${lead})`}: ${said.message}`,
        width,
      )
      return [first.replace(said.kind, paint(style, said.kind)), ...more]
    }),
    ...(result.adopted.said.length === 0 ? ['  nothing'] : []),
  ]
}

function bullet(text: string, width: number): string[] {
  return wrap(text, width - 4).map((line, i) => `${i === 0 ? '  • ' : '    '}${line}`)
}
