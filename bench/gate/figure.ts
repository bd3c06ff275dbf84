/** One thing the gate looks at. */
export interface Figure {
  readonly name: string
  readonly value: number
  /** How much worse than the baseline it may be: absolute for goodput and counts, a ratio for time. */
  readonly allowed: { readonly by: number; readonly kind: 'points' | 'ratio' }
  readonly better: 'higher' | 'lower'
}

export function isWorse({ value, allowed, better }: Figure, before: number): boolean {
  const slack = allowed.kind === 'points' ? allowed.by : before * allowed.by
  return better === 'lower' ? value > before + slack : value < before - slack
}
