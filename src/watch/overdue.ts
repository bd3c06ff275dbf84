import type { LeaseInfo } from '../pool/contract.ts'
import { holderOf } from './holders.ts'
import { normaliseQuery } from './query-text.ts'

/** Leases that have been out for much longer than usual. */
export interface Overdue {
  /** With no query running on them, as far as is known: kept, or forgotten. */
  readonly kept: ReadonlySet<LeaseInfo>
  /** With a query running. */
  readonly running: number
  /** Of a quarter of that age at least: whose queries are seen, and none runs. */
  readonly held: number
  /** The longest of these: who has it, and for how long. */
  readonly heldBy: string
  readonly heldMs: number
  /** Of those kept, so long that they pass for leaked, or already suspected. */
  readonly leaked: number
  /** Too many to be a habit, like a connection kept for notifications; and it does not seem to be a lock, or a job. */
  readonly isLeaking: boolean
  /** The holder of the oldest that is kept; and where it asked, if it goes by its tag. */
  readonly leakedBy: string
  readonly leakedSite: string | undefined
  readonly oldestMs: number
  /** Between the oldest and the youngest that is kept, over the age of the oldest: 0: at once; towards 1: by and by. */
  readonly spread: number
  /** Mean age of those that are new, in ms: what has been out for longer has become part of the furniture. */
  readonly newMsMean: number
  /** What the longest-running query asks, without its literals. */
  readonly runningText: string | undefined
  readonly runningMs: number
}

export const NONE_OVERDUE: Overdue = {
  kept: new Set(),
  running: 0,
  held: 0,
  heldBy: 'unknown',
  heldMs: 0,
  leaked: 0,
  isLeaking: false,
  leakedBy: 'unknown',
  leakedSite: undefined,
  oldestMs: 0,
  spread: 0,
  newMsMean: 0,
  runningText: undefined,
  runningMs: 0,
}

/** What counts as long. */
export interface OverdueRule {
  readonly overdueMs: number
  /** Leases that a leak was told of: until they end, or work, they pass for leaked. */
  readonly suspects: ReadonlySet<LeaseInfo>
  /** The longest that a lease of this holder has taken and ended, in ms; 0: none is known to have ended. */
  longestMs(holder: string): number
  /** From when on a lease passes for leaked whose holder has held one for so long and ended it. */
  leakedMs(longestMs: number): number
  /** So many of them are tolerated, by the longest that the oldest's holder has taken and ended, in ms. */
  leakedMax(longestMs: number): number
  /** What their age says is certain. */
  readonly isAgeGiven: boolean
  /** No lease has ended for so long that whatever runs does not end. */
  readonly isSilent: boolean
  /** Somebody waits. */
  readonly isFelt: boolean
}

const LONGEST_TIMES = 1.5
/** Forgotten one by one, leases differ in age; stuck on one lock, they do not. */
const SPREAD_MIN = 0.25
/** Of a lease that has been out for no longer, in ms, nobody knows yet whether it will end soon. */
const NEW_MS_MAX = 30_000
/** Nobody waits for a lock for longer, in ms. */
const LOCKED_MS_MAX = 60_000

/** They have been forgotten by and by, and not all at once. */
export function isGradual({ spread }: Overdue): boolean {
  return spread >= SPREAD_MIN
}

/** Leases of an age differ less as they age: what the leak was told of stays suspected while any of it is out. */
export function suspectsOf(
  suspects: ReadonlySet<LeaseInfo>,
  { kept }: Overdue,
  isLeak: boolean,
): ReadonlySet<LeaseInfo> {
  if (!isLeak) return NONE_OVERDUE.kept
  for (const lease of suspects) if (kept.has(lease)) return suspects
  return kept
}

/** Looks through the leases that have not ended. */
export function findOverdue(leases: Iterable<LeaseInfo>, nowMs: number, rule: OverdueRule): Overdue {
  const kept = new Set<LeaseInfo>()
  let running = 0
  let held = 0
  let heldBy = NONE_OVERDUE.heldBy
  let heldMs = 0
  let leaked = 0
  let runningText: string | undefined
  let runningMs = 0
  let fresh = 0
  let freshMs = 0
  for (const lease of leases) {
    const ageMs = nowMs - lease.sinceMs
    if (ageMs <= NEW_MS_MAX) {
      fresh += 1
      freshMs += Math.max(0, ageMs)
    }
    const { runningSinceMs, text } = lease.work ?? {}
    if (lease.work !== undefined && runningSinceMs === undefined && ageMs >= rule.overdueMs / 4) {
      held += 1
      if (ageMs > heldMs) {
        heldMs = ageMs
        heldBy = holderOf(lease)
      }
    }
    const isSuspect = rule.suspects.has(lease)
    const isOverdue = isSuspect || ageMs >= rule.overdueMs
    const runMs = runningSinceMs === undefined ? 0 : nowMs - runningSinceMs
    if (runningSinceMs !== undefined && (rule.isSilent || (isOverdue && runMs > rule.overdueMs / 2))) {
      running += 1
      if (runMs > runningMs) {
        runningMs = runMs
        runningText = text
      }
      continue
    }
    if (!isOverdue) continue
    const longestMs = rule.longestMs(holderOf(lease))
    if (!isSuspect && ageMs < LONGEST_TIMES * longestMs) continue // that long, it has been seen to come back
    kept.add(lease)
    if (isSuspect || ageMs >= rule.leakedMs(longestMs)) leaked += 1
  }
  const byAge = [...kept].sort((a, b) => a.sinceMs - b.sinceMs)
  const oldest = byAge[0]
  const leakedBy = oldest ? holderOf(oldest) : NONE_OVERDUE.leakedBy
  const oldestMs = oldest ? nowMs - oldest.sinceMs : 0
  const youngestMs = nowMs - (byAge.at(-1)?.sinceMs ?? nowMs)
  const spread = oldestMs > 0 ? 1 - youngestMs / oldestMs : 0
  // Where queries are not seen, several that were taken at once may have one running that does not end; and where
  // nobody waits, any may have one that takes long.
  const isUnsure = !rule.isAgeGiven && rule.suspects.size === 0 && oldestMs < LOCKED_MS_MAX
  const isAtOnce = kept.size > 1 && spread < SPREAD_MIN
  const isStuck = isUnsure && (isAtOnce || !rule.isFelt) && byAge.some(({ work }) => work === undefined)
  return {
    kept,
    running,
    held,
    heldBy,
    heldMs,
    leaked,
    isLeaking: leaked > rule.leakedMax(rule.longestMs(leakedBy)) && !isStuck,
    leakedBy,
    leakedSite: oldest?.tag ? oldest.caller?.site : undefined,
    oldestMs,
    spread,
    newMsMean: fresh > 0 ? freshMs / fresh : 0,
    runningText: runningText && normaliseQuery(runningText), // for logs: without anybody's data
    runningMs,
  }
}
