import type { LeaseInfo } from '../pool/contract.ts'
import { holderOf } from './holders.ts'

/** Leases that have been out for much longer than usual. */
export interface Overdue {
  /** With no query running on them, as far as is known: kept, or forgotten. */
  readonly kept: number
  /** With a query running. */
  readonly running: number
  /** Of those kept, so long that they pass for leaked. */
  readonly leaked: number
  /** They are too many to be somebody's habit: a connection kept for notifications, a lock. */
  readonly isLeaking: boolean
  /** The holder of the oldest that is kept, and where it asked. */
  readonly leakedBy: string | undefined
  readonly leakedSite: string | undefined
  readonly oldestMs: number
  /** Between the oldest and the youngest that is kept, over the age of the oldest: 0: at once; towards 1: by and by. */
  readonly spread: number
  /** What the longest-running query asks. */
  readonly runningText: string | undefined
  readonly runningMs: number
}

export const NONE_OVERDUE: Overdue = {
  kept: 0,
  running: 0,
  leaked: 0,
  isLeaking: false,
  leakedBy: undefined,
  leakedSite: undefined,
  oldestMs: 0,
  spread: 0,
  runningText: undefined,
  runningMs: 0,
}

/** What counts as long. */
export interface OverdueRule {
  readonly overdueMs: number
  /** The longest that a lease of this holder has taken and ended, in ms; 0: none is known to have ended. */
  longestMs(holder: string): number
  /** From when on a lease passes for leaked whose holder has held one for so long and ended it. */
  leakedMs(longestMs: number): number
  /** So many of them are tolerated. */
  readonly leakedMax: number
}

const LONGEST_TIMES = 1.5
/** Forgotten one by one, leases differ in age; stuck on one lock, they do not. */
const SPREAD_MIN = 0.25

/** They have been forgotten by and by, and not all at once. */
export function isGradual({ spread }: Overdue): boolean {
  return spread >= SPREAD_MIN
}

/** Looks through the leases that have not ended. */
export function findOverdue(leases: Iterable<LeaseInfo>, nowMs: number, rule: OverdueRule): Overdue {
  let kept = 0
  let running = 0
  let leaked = 0
  let oldestLeak: LeaseInfo | undefined
  let oldestMs = 0
  let oldestKeptMs = 0
  let youngestKeptMs = Number.POSITIVE_INFINITY
  let runningText: string | undefined
  let runningMs = 0
  for (const lease of leases) {
    const ageMs = nowMs - lease.sinceMs
    oldestMs = Math.max(oldestMs, ageMs)
    if (ageMs < rule.overdueMs) continue
    const { runningSinceMs, text } = lease.work ?? {}
    if (runningSinceMs !== undefined && nowMs - runningSinceMs > rule.overdueMs / 2) {
      running += 1
      if (nowMs - runningSinceMs > runningMs) {
        runningMs = nowMs - runningSinceMs
        runningText = text
      }
      continue
    }
    const longestMs = rule.longestMs(holderOf(lease))
    if (ageMs < LONGEST_TIMES * longestMs) continue // that long, it has been seen to come back
    kept += 1
    oldestKeptMs = Math.max(oldestKeptMs, ageMs)
    youngestKeptMs = Math.min(youngestKeptMs, ageMs)
    if (oldestLeak === undefined || lease.sinceMs < oldestLeak.sinceMs) oldestLeak = lease
    if (ageMs >= rule.leakedMs(longestMs)) leaked += 1
  }
  return {
    kept,
    running,
    leaked,
    isLeaking: leaked > rule.leakedMax,
    leakedBy: oldestLeak === undefined ? undefined : holderOf(oldestLeak),
    leakedSite: oldestLeak?.caller?.site,
    oldestMs,
    spread: kept < 2 ? 0 : (oldestKeptMs - youngestKeptMs) / oldestKeptMs,
    runningText,
    runningMs,
  }
}
