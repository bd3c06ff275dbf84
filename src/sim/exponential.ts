import type { Random } from '../base/random.ts'

/** An exponentially distributed number with mean 1, from one draw. */
export function exponential(random: Random): number {
  return 0 - naturalLog(1 - random.next()) // not a sign: -0 is no gap
}

/** The series below has converged to the last bit for |s| <= 0.172: 0.172^22 < 2^-53. */
const SERIES_TERMS = 11
const SQRT_HALF = Math.SQRT1_2

/**
 * ln x for 0 < x <= 1, to within 1e-15. Not Math.log, whose last bit the language leaves to the engine and its
 * compiler: one bit in one gap between arrivals moves every event after it, and the same seed must give the same
 * result on every machine. Only operations that IEEE 754 rounds exactly are used.
 */
export function naturalLog(x: number): number {
  let mantissa = x
  let exponent = 0
  while (mantissa < SQRT_HALF) {
    mantissa *= 2 // exact; for a uniform draw, one turn on average
    exponent -= 1
  }
  const s = (mantissa - 1) / (mantissa + 1)
  const z = s * s
  let sum = 0
  for (let term = SERIES_TERMS; term >= 1; term--) sum = z * (sum + 1 / (2 * term + 1))
  return exponent * Math.LN2 + 2 * s * (1 + sum)
}

/** The series below has converged to the last bit for |r| <= ln 2 / 2: 0.35^15 / 15! < 2^-53. */
const EXP_TERMS = 15

/** e to the x, to within a few units of the last place; as exactly repeatable as {@link naturalLog}. */
export function naturalExp(x: number): number {
  const halvings = Math.round(x / Math.LN2)
  const r = x - halvings * Math.LN2
  let sum = 1
  for (let term = EXP_TERMS; term >= 1; term--) sum = 1 + (sum * r) / term
  for (let left = Math.abs(halvings); left > 0; left--) sum *= halvings > 0 ? 2 : 0.5
  return sum
}
