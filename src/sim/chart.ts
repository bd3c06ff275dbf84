/** A line of a chart. */
export interface ChartSeries {
  readonly name: string
  /** Any CSS colour. */
  readonly color: string
  /** [time in ms, value], in order of time. */
  readonly points: readonly (readonly [number, number])[]
  /** The value holds until the next point, rather than moving there. */
  readonly isStepped?: boolean
  readonly isFilled?: boolean
}

/** A moment, or a span, that a chart marks. */
export interface ChartMark {
  readonly fromMs: number
  readonly toMs?: number
  readonly label: string
  readonly color: string
}

export interface ChartOptions {
  readonly title: string
  readonly durationMs: number
  readonly series: readonly ChartSeries[]
  readonly marks?: readonly ChartMark[]
  readonly heightPx?: number
}

const WIDTH = 960
const LEFT = 56
const RIGHT = 12
const TOP = 8
const BOTTOM = 22
/** More points than this cannot be told apart on the page. */
const COLUMNS = 640

/** A figure of one chart over time, as HTML with an SVG of our own: nothing to load, and it prints. */
export function chartHtml({ title, durationMs, series, marks = [], heightPx = 170 }: ChartOptions): string {
  const top = niceCeiling(Math.max(...series.map(({ points }) => points.reduce((most, [, v]) => Math.max(most, v), 0))))
  const x = (ms: number): string => (LEFT + (ms / durationMs) * (WIDTH - LEFT - RIGHT)).toFixed(1)
  const y = (value: number): string => (heightPx - BOTTOM - (value / top) * (heightPx - TOP - BOTTOM)).toFixed(1)
  const bottom = y(0)
  const grid = [0, 0.5, 1].map((share) => {
    const at = y(share * top)
    return `<line x1="${LEFT}" x2="${WIDTH - RIGHT}" y1="${at}" y2="${at}"/><text x="${LEFT - 6}" y="${Number(at) + 4}" text-anchor="end">${shortNumber(share * top)}</text>`
  })
  const times = [0, 0.25, 0.5, 0.75, 1].map((share) => {
    const anchor = share === 0 ? 'start' : share === 1 ? 'end' : 'middle'
    return `<text x="${x(share * durationMs)}" y="${heightPx - 6}" text-anchor="${anchor}">${shortNumber((share * durationMs) / 1000)} s</text>`
  })
  const marked = marks.map(({ fromMs, toMs, label, color }) => {
    const from = Number(x(Math.min(fromMs, durationMs)))
    const width = toMs === undefined ? 1.5 : Number(x(Math.min(toMs, durationMs))) - from
    const opacity = toMs === undefined ? 0.9 : 0.12
    return `<rect x="${from}" y="${TOP}" width="${width.toFixed(1)}" height="${Number(bottom) - TOP}" fill="${color}" opacity="${opacity}"><title>${escapeHtml(label)}</title></rect>`
  })
  const lines = series.map(({ points, color, isStepped, isFilled }) => {
    const drawn = thinned(points, durationMs)
    if (drawn.length === 0) return ''
    const path = pathOf(drawn, x, y, isStepped === true)
    const area = isFilled
      ? `<path d="${path}L${x(drawn.at(-1)?.[0] ?? 0)},${bottom}L${x(drawn[0]?.[0] ?? 0)},${bottom}Z" fill="${color}" opacity="0.18"/>`
      : ''
    return `${area}<path d="${path}" fill="none" stroke="${color}" stroke-width="1.5" stroke-linejoin="round"/>`
  })
  const legend = series.map(({ name, color }) => `<span><i style="background:${color}"></i>${escapeHtml(name)}</span>`)
  return [
    `<figure><figcaption><b>${escapeHtml(title)}</b>${legend.join('')}</figcaption>`,
    `<svg viewBox="0 0 ${WIDTH} ${heightPx}" role="img" aria-label="${escapeHtml(title)}">`,
    ...marked,
    `<g class="grid">${grid.join('')}${times.join('')}</g>`,
    ...lines,
    '</svg></figure>',
  ].join('\n')
}

/** Of each column of the picture the largest value, so that no peak is lost. */
function thinned(points: ChartSeries['points'], durationMs: number): ChartSeries['points'] {
  if (points.length <= COLUMNS) return points
  const peaks = new Map<number, readonly [number, number]>()
  for (const point of points) {
    const column = Math.floor((point[0] / durationMs) * COLUMNS)
    const peak = peaks.get(column)
    if (peak === undefined || point[1] > peak[1]) peaks.set(column, point)
  }
  return [...peaks.values()]
}

function pathOf(
  points: ChartSeries['points'],
  x: (ms: number) => string,
  y: (value: number) => string,
  isStepped: boolean,
): string {
  return points
    .map(([ms, value], at) =>
      at === 0 ? `M${x(ms)},${y(value)}` : isStepped ? `H${x(ms)}V${y(value)}` : `L${x(ms)},${y(value)}`,
    )
    .join('')
}

function niceCeiling(value: number): number {
  if (!(value > 0)) return 1
  let unit = 1
  while (unit * 10 <= value) unit *= 10
  while (unit > value) unit /= 10
  return ([1, 1.5, 2, 3, 4, 5, 7.5, 10].find((step) => step * unit >= value) ?? 10) * unit
}

function shortNumber(value: number): string {
  if (value >= 1e6) return `${+(value / 1e6).toPrecision(3)}M`
  if (value >= 1e4) return `${+(value / 1e3).toPrecision(3)}k`
  return String(+value.toPrecision(3))
}

export function escapeHtml(text: string): string {
  return text.replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`)
}

/** A page around what is to be shown: it follows the reader's choice of light or dark, and loads nothing. */
export function pageHtml(title: string, body: string): string {
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>${escapeHtml(title)}</title>
<style>
:root { color-scheme: light dark; --ink: light-dark(#1c2330, #e3e8f0); --faint: light-dark(#66707f, #8b95a5);
  --line: light-dark(#e2e6ec, #2c3442); --paper: light-dark(#fff, #12161d) }
body { font: 15px/1.5 system-ui, sans-serif; color: var(--ink); background: var(--paper); max-width: 1000px;
  margin: 2rem auto; padding: 0 1rem }
h1 { font-size: 1.5rem } h2 { font-size: 1.15rem; margin-top: 2.2rem }
figure { margin: 1.2rem 0 } figcaption { display: flex; gap: 1.1rem; flex-wrap: wrap; font-size: 13px }
figcaption i { display: inline-block; width: 12px; height: 3px; margin-right: 5px; vertical-align: middle }
figure { overflow-x: auto } svg { width: 100%; min-width: 600px; height: auto; display: block } svg text { font-size: 11px; fill: var(--faint) }
.grid line { stroke: var(--line) }
dl { display: grid; grid-template-columns: repeat(auto-fill, minmax(150px, 1fr)); gap: .6rem }
dt { font-size: 12px; color: var(--faint) } dd { margin: 0; font-size: 1.15rem; font-variant-numeric: tabular-nums }
table { border-collapse: collapse; font-size: 13px; font-variant-numeric: tabular-nums } th { font-weight: 600 }
td, th { padding: .25rem .6rem; border-bottom: 1px solid var(--line); text-align: right }
td:first-child, th:first-child, td.text { text-align: left } .faint { color: var(--faint) }
</style></head><body>
${body}
</body></html>
`
}
