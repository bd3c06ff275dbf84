/** Probability that a standard normal variable is below `z`, to 1e-7. @source Abramowitz and Stegun 1964, 26.2.17 */
export function normalCdf(z: number): number {
  const x = Math.abs(z)
  const t = 1 / (1 + 0.2316419 * x)
  const poly = t * (0.31938153 + t * (-0.356563782 + t * (1.781477937 + t * (-1.821255978 + t * 1.330274429))))
  const tail = normalDensity(x) * poly
  return z >= 0 ? 1 - tail : tail
}

/** Density of the standard normal distribution at `z`. */
export function normalDensity(z: number): number {
  return 0.3989422804 * Math.exp((-z * z) / 2)
}
