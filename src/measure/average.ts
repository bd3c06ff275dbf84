/** Mean over time of a quantity that changes in steps: each value counts for as long as it held. */
export class TimeAverage {
  #ms = 0
  #area = 0

  /** The quantity was `value` for `forMs` more. */
  add(value: number, forMs: number): void {
    this.#ms += forMs
    this.#area += value * forMs
  }

  /** 0 if no time has passed. */
  get mean(): number {
    return this.#ms > 0 ? this.#area / this.#ms : 0
  }

  reset(): void {
    this.#ms = 0
    this.#area = 0
  }
}

/**
 * Exponential smoothing in continuous time, so that it means the same for windows of any length.
 *
 * @param elapsedMs for how long `seen` was the case
 * @param tauMs time constant: after it, 63 % of a step have arrived; 0: at once
 */
export function smoothed(before: number, seen: number, elapsedMs: number, tauMs: number): number {
  return seen + (before - seen) * Math.exp(-elapsedMs / tauMs)
}
