import { describe, expect, test } from 'vitest'
import {
  type ArrivalRate,
  arrivalsPerMs,
  NO_ARRIVALS,
  NO_LEASES,
  nextArrivalRate,
  nextLeaseTimes,
  staffed,
  unloadedLeaseMs,
} from '../../../src/control/demand.ts'
import type { Sample } from '../../../src/measure/sample.ts'
import { sampleOf } from '../../support/sample-of.ts'

function rateAfter(windows: readonly Partial<Sample>[], rate: ArrivalRate = NO_ARRIVALS): number {
  const last = windows.reduce((before, seen) => nextArrivalRate(before, sampleOf(seen)), rate)
  return arrivalsPerMs(last) * 1_000
}

/** 200 a second, for two seconds. */
const STEADY: Partial<Sample>[] = Array.from({ length: 8 }, () => ({ windowMs: 250, arrivals: 50 }))

describe('the arrival rate', () => {
  test('is a little less than what was counted, and the closer to it the more was counted', () => {
    expect(rateAfter(STEADY.slice(0, 1))).toBeCloseTo((50 - Math.sqrt(50)) * 4)
    expect(rateAfter(STEADY)).toBeCloseTo((400 - Math.sqrt(400)) / 2)
  })

  test('follows a surge within one short window', () => {
    expect(rateAfter([...STEADY, { windowMs: 25, arrivals: 37 }])).toBeGreaterThan(1_200)
  })

  test('sees a surge in the queue that it leaves, before it shows in the window', () => {
    const mixed = { windowMs: 250, arrivals: 65, waiters: 18, oldestWaitMs: 12 }
    expect(rateAfter([...STEADY, mixed])).toBeGreaterThan(1_000)
  })

  test('follows a fall within one window', () => {
    expect(rateAfter([...STEADY, { windowMs: 250, arrivals: 5 }])).toBeLessThan(20)
  })

  test('has not learnt from a rest that traffic comes in bursts: the surge after it is one', () => {
    const calm = Array.from({ length: 20 }, () => ({ windowMs: 250, arrivals: 5 }))
    const rest = { windowMs: 60_000, arrivals: 0 }
    const surge = { windowMs: 25, arrivals: 12, waiters: 12, oldestWaitMs: 20 }
    expect(rateAfter([...calm, rest, ...calm, rest, surge])).toBeGreaterThan(250)
  })

  test('takes noise for noise', () => {
    const noisy = [43, 57, 50, 61, 39].map((arrivals) => ({ windowMs: 250, arrivals }))
    expect(Math.abs(rateAfter([...STEADY, ...noisy]) - 200)).toBeLessThan(15)
  })

  test('does not take a batch of one instant for a rate', () => {
    const batch = { windowMs: 250, arrivals: 70, waiters: 20, oldestWaitMs: 0.02 }
    expect(rateAfter([...STEADY, batch])).toBeLessThan(220)
  })

  test('does not take what a late event loop hands over in the next window for a rate', () => {
    const late = { windowMs: 250, arrivals: 50, loopDelayMs: 70 }
    const handedOver = { windowMs: 10, arrivals: 20, waiters: 15, oldestWaitMs: 6 }
    expect(rateAfter([...STEADY, late, handedOver])).toBeLessThan(250)
    // Late in the middle of a window, and not at its end, it has nothing left to hand over: that is a surge.
    expect(rateAfter([...STEADY, { ...late, closedLateMs: 0 }, handedOver])).toBeGreaterThan(250)
  })

  test('does not take a clump for a rate either, in a window that is closed early', () => {
    expect(rateAfter([...STEADY, { windowMs: 10, arrivals: 12 }])).toBeLessThan(220)
  })

  describe('of traffic that comes in bursts', () => {
    /** 200 a second, thirty at a time, for a minute. */
    const BURSTS: Partial<Sample>[] = Array.from({ length: 240 }, (_, at) => {
      return { windowMs: 250, arrivals: at % 3 === 0 ? 100 : 25 }
    })

    test('is that of many bursts, not of the latest, once bursts are known', () => {
      expect(rateAfter(BURSTS.slice(0, 4))).toBeGreaterThan(300)
      expect(rateAfter(BURSTS.slice(0, -2))).toBeLessThan(250)
      const queue = { windowMs: 250, arrivals: 50, waiters: 16, oldestWaitMs: 10 }
      expect(rateAfter([...BURSTS, queue])).toBeLessThan(250)
      expect(rateAfter([...STEADY, queue])).toBeGreaterThan(1_000)
    })

    test('follows a surge that is more than a burst', () => {
      expect(rateAfter([...BURSTS, { windowMs: 250, arrivals: 300 }])).toBeGreaterThan(1_000)
    })
  })

  test('one surge is no burst: the next is seen as well', () => {
    const surge = Array.from({ length: 8 }, () => ({ windowMs: 250, arrivals: 225 }))
    const next = { windowMs: 50, arrivals: 180, waiters: 60, oldestWaitMs: 15 }
    expect(rateAfter([...STEADY, ...surge, next])).toBeGreaterThan(3_000)
  })

  test('is 0 before anything has arrived, and after a long rest', () => {
    expect(rateAfter([])).toBe(0)
    expect(rateAfter([...STEADY, { windowMs: 600_000, arrivals: 0 }])).toBe(0)
  })
})

describe('lease times', () => {
  const seconds = (count: number, leaseMsMean: number): Sample[] =>
    Array.from({ length: count }, () => {
      return sampleOf({ windowMs: 1_000, completions: 100, leaseMsMean, inUseMean: leaseMsMean / 10 })
    })

  function timesAfter(samples: readonly Sample[], isUnloaded: (sample: Sample) => boolean = () => true) {
    return samples.reduce((times, sample) => nextLeaseTimes(times, sample, isUnloaded(sample), 60_000), NO_LEASES)
  }

  test('are those of the last few dozen leases', () => {
    const times = timesAfter([...seconds(5, 10), ...seconds(2, 40)])
    expect(times.recentMs).toBeGreaterThan(38)
  })

  test('unloaded, are the shortest that were seen', () => {
    expect(unloadedLeaseMs(timesAfter([...seconds(4, 10), ...seconds(20, 40)]))).toBe(10)
  })

  test('are known from the first window on', () => {
    expect(unloadedLeaseMs(timesAfter(seconds(1, 12)))).toBe(12)
  })

  test('that come down count at once', () => {
    expect(unloadedLeaseMs(timesAfter([...seconds(4, 40), ...seconds(2, 10)]))).toBe(10)
  })

  test('that stay longer are the new normal when the memory has passed', () => {
    expect(unloadedLeaseMs(timesAfter([...seconds(4, 10), ...seconds(70, 40)]))).toBe(40)
  })

  test('of a loaded backend never are', () => {
    const isUnloaded = ({ leaseMsMean }: Sample): boolean => leaseMsMean < 20
    expect(unloadedLeaseMs(timesAfter([...seconds(4, 10), ...seconds(500, 40)], isUnloaded))).toBe(10)
  })

  test('are not short because two leases were', () => {
    const lucky = sampleOf({ windowMs: 1_000, completions: 2, leaseMsMean: 1 })
    expect(unloadedLeaseMs(timesAfter([...seconds(2, 10), lucky, ...seconds(4, 10)]))).toBeGreaterThan(9)
  })

  test('before any lease has ended are 0', () => {
    expect(unloadedLeaseMs(timesAfter([sampleOf({})]))).toBe(0)
  })
})

test('staffing adds two standard deviations, which are those of Poisson unless they are known', () => {
  expect(staffed(0)).toBe(1)
  expect(staffed(25)).toBe(25 + 10 + 1)
  expect(staffed(25, 100)).toBe(25 + 20 + 1)
})

describe('lease times at a cold start', () => {
  const window = (completions: number, leaseMsMean: number, inUseMean: number, limit = 10) =>
    sampleOf({ windowMs: 50, completions, leaseMsMean, inUseMean, limit })
  const timesOf = (...samples: Sample[]) =>
    samples.reduce((times, sample) => nextLeaseTimes(times, sample, false, 60_000), NO_LEASES)

  test('are not those of the short ones, which end first', () => {
    expect(unloadedLeaseMs(timesOf(window(1, 5, 10), window(1, 30, 10), window(2, 60, 10)))).toBe(1_500 / 4)
  })

  test('are those of all that have ended where nobody waits: one that never ends does not count', () => {
    const calm = [window(0, 0, 1), window(0, 0, 1), window(1, 5, 1.1)]
    const times = calm.reduce((so, sample) => nextLeaseTimes(so, sample, true, 60_000), NO_LEASES)
    expect(unloadedLeaseMs(times)).toBe(5)
  })

  test('are not those under the load that more have caused, once ten have ended', () => {
    const known = [window(6, 50, 6), window(4, 50, 4)]
    expect(unloadedLeaseMs(timesOf(...known))).toBe(50)
    expect(unloadedLeaseMs(timesOf(...known, window(1, 90, 40, 40), window(2, 140, 40, 40)))).toBe(50)
    expect(unloadedLeaseMs(timesOf(...known, window(3, 90, 10)))).toBeGreaterThan(70) // as many are lent as at first
  })

  test('may be found to be shorter, not longer, after that', () => {
    const known = timesOf(window(10, 50, 10), window(0, 0, 40, 40))
    const longer = nextLeaseTimes(known, window(40, 200, 40, 40), false, 60_000)
    const shorter = nextLeaseTimes(known, window(40, 20, 40, 40), false, 60_000)
    expect(unloadedLeaseMs(longer)).toBe(50)
    expect(unloadedLeaseMs(shorter)).toBe(30)
  })
})
