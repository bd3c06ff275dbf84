/** Weight of the newest value: the last ten or so count. */
const WEIGHT = 0.1

/** Exponential smoothing; the first value is taken as it is. */
export function smooth(smoothed: number | undefined, value: number, weight = WEIGHT): number {
  return smoothed === undefined ? value : smoothed + weight * (value - smoothed)
}
