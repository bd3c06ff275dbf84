/** Longest text kept: what tells two queries apart comes first. */
const LENGTH_MAX = 200

/**
 * A query without its literals, comments and spacing, so that those that differ in their values only are one; a list of
 * values counts as one value.
 */
export function normaliseQuery(text: string): string {
  return text
    .slice(0, 10 * LENGTH_MAX) // of a bulk insert the rest says nothing new
    .replace(/--[^\n]*|\/\*[\s\S]*?\*\//g, ' ')
    .replace(/'(?:[^'\\]|\\.|'')*'?|\$(\w*)\$[\s\S]*?\$\1\$/g, '?')
    .replace(/(?<![\w$"`.])[+-]?\d+(?:\.\d+)?(?:e[+-]?\d+)?\b/gi, '?')
    .replace(/\s+/g, ' ')
    .replace(/\((?:\s*(?:\?|\$\d+)\s*,)+\s*(?:\?|\$\d+)\s*\)/g, '(…)')
    .replace(/(\(…\)|\(\?\))(?:\s*,\s*(?:\(…\)|\(\?\)))+/g, '$1, …')
    .trim()
    .slice(0, LENGTH_MAX)
}
