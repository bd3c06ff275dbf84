import { inspect } from 'node:util'

const LEVELS = '▁▂▃▄▅▆▇█'

/**
 * The newest `width` values as one line of small bars; missing ones are blank.
 *
 * @param max what a full bar stands for; values above it are full bars. 0: everything is flat
 */
export function sparkline(values: readonly number[], width: number, max: number): string {
  const shown = values.slice(-width)
  const bars = shown.map((value) => LEVELS[levelOf(value, max)] ?? ' ').join('')
  return bars.padEnd(width)
}

/** Zero is the lowest bar, and only zero: one failure among thousands must not look like none. */
function levelOf(value: number, max: number): number {
  if (!(value > 0) || !(max > 0)) return 0
  return Math.min(LEVELS.length - 1, Math.max(1, Math.round((value / max) * (LEVELS.length - 1))))
}

/** How much of something is done. `share` is a ratio; what lies outside 0..1 is empty or full. */
export function progressBar(share: number, width: number): string {
  const full = Math.round(Math.min(1, Math.max(0, share)) * width)
  return '█'.repeat(full) + '░'.repeat(width - full)
}

/** Rows of cells as aligned lines: the first column to the left, the others to the right; the first row is the head. */
export function table(rows: readonly (readonly string[])[]): string[] {
  const columns = Math.max(0, ...rows.map((row) => row.length))
  const widths = Array.from({ length: columns }, (_, i) => Math.max(...rows.map((row) => (row[i] ?? '').length)))
  const line = (row: readonly string[]): string =>
    widths
      .map((width, i) => (i === 0 ? (row[i] ?? '').padEnd(width) : (row[i] ?? '').padStart(width)))
      .join('   ')
      .trimEnd()
  const [head, ...body] = rows
  if (head === undefined) return []
  return [line(head), widths.map((width) => '─'.repeat(width)).join('   '), ...body.map(line)]
}

/** Breaks text into lines of at most `width` letters, between words. */
export function wrap(text: string, width: number): string[] {
  const lines: string[] = []
  let line = ''
  for (const word of text.split(' ')) {
    if (line !== '' && line.length + 1 + word.length > width) {
      lines.push(line)
      line = word
    } else {
      line = line === '' ? word : `${line} ${word}`
    }
  }
  return [...lines, line]
}

/** What is written to: a terminal, a file, a pipe. */
export interface Screen {
  readonly isTTY?: boolean
  readonly columns?: number
  readonly rows?: number
  write(text: string): unknown
}

/** How to mark text: by colour where there is colour, else not at all. */
export type Paint = (style: 'bold' | 'dim' | 'red' | 'green' | 'yellow' | 'cyan', text: string) => string

/**
 * Colour for a screen. NO_COLOR (any value but empty) turns it off, as does a screen that is no terminal.
 *
 * @source https://no-color.org
 */
export function paintFor(screen: Screen, env: NodeJS.ProcessEnv): Paint {
  const hasColor = screen.isTTY === true && !env.NO_COLOR && env.TERM !== 'dumb'
  if (!hasColor) return (_, text) => text
  // Not util.styleText: newer ones look at process.stdout and the process's environment, not at this screen.
  return (style, text) => {
    const [on, off] = inspect.colors[style] ?? [0, 0]
    return `\x1b[${on}m${text}\x1b[${off}m`
  }
}
