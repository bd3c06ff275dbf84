import type { Controller } from '../../src/control/controller.ts'

/** Rules that others have published or use, to be compared with; nobody should want them, so the library has none. */

/**
 * Every acquire that took too long, or timed out, raises the maximum by one; nothing lowers it.
 *
 * @source vladmihalcea/flexy-pool, IncrementPoolOnTimeoutConnectionAcquisitionStrategy
 */
export function flexyPool(waitMsMax = 100): Controller<null> {
  return {
    name: 'flexy-pool',
    initial: null,
    step(state, { limit, timedOut, grants, waitMsP95, waitMsP50 }) {
      // How many of the grants waited too long is known to within what two quantiles tell.
      const share = waitMsP50 > waitMsMax ? 0.5 : waitMsP95 > waitMsMax ? 0.05 : 0
      const slow = timedOut + Math.round(share * grants)
      return [state, { limit: limit + slow, reason: slow > 0 ? 'slow-acquires' : 'fine' }]
    },
  }
}

/** Holds the share of leases out at a setpoint: what autoscalers do. Up at once, down by a twentieth. */
export function utilization(setpoint = 0.75): Controller<{ readonly wanted: number; readonly limit: number }> {
  return {
    name: 'utilization',
    initial: { wanted: 0, limit: 0 },
    step(state, { limit, waiters, inUseMean, limitMin, limitMax }) {
      const from = state.limit === limit ? state.wanted : limit
      const demand = (waiters > 0 ? limit : inUseMean) / setpoint
      const wanted = Math.min(limitMax, Math.max(limitMin, demand > from ? demand : 0.95 * from + 0.05 * demand))
      const rounded = Math.round(wanted)
      return [
        { wanted, limit: rounded },
        { limit: rounded, reason: 'utilization' },
      ]
    },
  }
}

/**
 * Every 5 s: four more above 85 % in use, four less below 30 %, not below ten.
 *
 * @source zoolutions/pgbus, which does so every 5 min
 */
export function pgbus(everyMs = 5_000): Controller<{ readonly ms: number; readonly inUseMs: number }> {
  return {
    name: 'pgbus',
    initial: { ms: 0, inUseMs: 0 },
    step(state, { limit, inUseMean, windowMs }) {
      const ms = state.ms + windowMs
      const inUseMs = state.inUseMs + inUseMean * windowMs
      if (ms < everyMs)
        return [
          { ms, inUseMs },
          { limit, reason: 'measuring' },
        ]
      const ratio = inUseMs / ms / limit
      const next = ratio >= 0.85 ? limit + 4 : ratio < 0.3 ? Math.max(Math.min(limit, 10), limit - 4) : limit
      return [
        { ms: 0, inUseMs: 0 },
        { limit: next, reason: 'busy-share' },
      ]
    },
  }
}

/** As `littlesLaw`, but believing lease times as they are measured: what most who try it write first. */
export function littlesLawNaive(): Controller<{ readonly rate: number; readonly leaseMs: number }> {
  return {
    name: 'littles-law-naive',
    initial: { rate: 0, leaseMs: 0 },
    step(state, { limit, arrivals, completions, leaseMsMean, windowMs }) {
      const seen = arrivals / windowMs
      const rate = Math.max(seen, state.rate + (seen - state.rate) * Math.min(1, windowMs / 2_500))
      const gain = Math.min(1, windowMs / 1_500)
      const leaseMs =
        completions === 0
          ? state.leaseMs
          : state.leaseMs === 0
            ? leaseMsMean
            : state.leaseMs + (leaseMsMean - state.leaseMs) * gain
      const wanted = rate * leaseMs
      if (leaseMs === 0)
        return [
          { rate, leaseMs },
          { limit, reason: 'no-leases' },
        ]
      return [
        { rate, leaseMs },
        { limit: Math.ceil(wanted + 2 * Math.sqrt(wanted) + 1), reason: 'demand' },
      ]
    },
  }
}
