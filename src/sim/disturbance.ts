import { readOptions, show } from '../base/options.ts'

/** From `fromMs` until before `toMs`, in ms from the start of the run. */
export interface Span {
  readonly fromMs: number
  readonly toMs: number
}

/**
 * What happens to the backend, or to the process in front of it: one thing at a time, from `fromMs` until before
 * `toMs`. Several at once add up, or multiply, or the strictest counts.
 */
export type Disturbance = Span &
  (
    | CapacityDisturbance
    | NoiseDisturbance
    | NeighbourDisturbance
    | KneeDisturbance
    | LeaseDisturbance
    | RefusalDisturbance
    | CeilingDisturbance
    | SlowConnectDisturbance
    | HangDisturbance
    | KillDisturbance
    | LeakDisturbance
    | StallDisturbance
    | LeapDisturbance
  )

/** Every statement advances at `capacity` of its usual speed: a ratio >= 0. */
export interface CapacityDisturbance {
  readonly capacity: number
}

/** Capacity wavers: every 500 ms it is another share, evenly between 1 − noise and 1 + noise; a ratio, 0..1. */
export interface NoiseDisturbance {
  readonly noise: number
}

/** So many statements of other clients are inside all the time, and slow ours down as ours would. Integer >= 0. */
export interface NeighbourDisturbance {
  readonly neighbours: number
}

/** The curve itself changes: `kappa` (and `sigma`) of the backend are these. Only of a {@link uslBackend}. */
export interface KneeDisturbance {
  readonly kappa: number
  readonly sigma?: number
}

/** Requests that arrive keep their leases longer: added to the mean hold, in ms, >= 0. */
export interface LeaseDisturbance {
  readonly extraLeaseMs: number
}

/** New connections are refused, as if there were too many. */
export interface RefusalDisturbance {
  readonly refuse: true
}

/** Others hold the rest: from so many connections of ours on, more are refused. Integer >= 0. */
export interface CeilingDisturbance {
  readonly connectionsMax: number
}

/** Opening a connection takes this much longer, in ms, >= 0. */
export interface SlowConnectDisturbance {
  readonly extraConnectMs: number
}

/** Neither statements nor connects make progress; afterwards they go on. */
export interface HangDisturbance {
  readonly hang: true
}

/** At `fromMs` every connection dies, and what was being served fails; until `toMs` nobody is let in (unreachable). */
export interface KillDisturbance {
  readonly kill: true
}

/** Once in so many ms, in ms, > 0, whoever comes next never gives its lease back. */
export interface LeakDisturbance {
  readonly leakEveryMs: number
}

/** The process's own event loop is blocked: nothing of ours runs, while the backend and the callers go on. */
export interface StallDisturbance {
  readonly stall: true
}

/** At `fromMs` the process's clock leaps ahead by so many ms, > 0, in which nothing has happened; `toMs` is moot. */
export interface LeapDisturbance {
  readonly leapMs: number
}

const KINDS = [
  'capacity',
  'noise',
  'neighbours',
  'kappa',
  'extraLeaseMs',
  'refuse',
  'connectionsMax',
  'extraConnectMs',
  'hang',
  'kill',
  'leakEveryMs',
  'stall',
  'leapMs',
] as const

/** Mean times of the model, in ms: eleven days. */
export const DURATION_MS_MAX = 1e9

type Kind = (typeof KINDS)[number]
type Fields = Span & { readonly [K in Kind | 'sigma']?: unknown }

/** Reads the option `disturbances` of `owner`. */
export function readDisturbances(owner: string, given: unknown): readonly Disturbance[] {
  if (!Array.isArray(given)) throw new TypeError(`${owner}: disturbances must be an array, got ${show(given)}`)
  return given.map((it: Disturbance, at) => readDisturbance(`${owner}: disturbances[${at}]`, it))
}

function readDisturbance(owner: string, given: Disturbance): Disturbance {
  const read = readOptions<Fields>(owner, given, {}, ['fromMs', 'toMs', ...KINDS, 'sigma'])
  const span = { fromMs: read.durationMs('fromMs'), toMs: read.durationMs('toMs') }
  if (span.toMs <= span.fromMs) return read.contradiction('toMs', `must be > fromMs (${span.fromMs})`)
  const [kind, ...others] = KINDS.filter((name) => read.has(name))
  if (kind === undefined || others.length > 0) {
    const got = kind === undefined ? 'none of them' : [kind, ...others].join(' and ')
    throw new TypeError(`${owner}: must have one of ${KINDS.join(', ')}, got ${got}`)
  }
  if (kind !== 'kappa' && read.has('sigma')) return read.contradiction('sigma', 'has no meaning without kappa')
  const finite = { max: Number.MAX_VALUE }
  switch (kind) {
    case 'capacity':
      return { ...span, capacity: read.ratio(kind, { min: 0, ...finite }) }
    case 'noise':
      return { ...span, noise: read.ratio(kind, { min: 0, max: 1 }) }
    case 'neighbours':
      return { ...span, neighbours: read.count(kind) }
    case 'kappa': {
      const kappa = read.ratio(kind, { min: 0, ...finite })
      return read.has('sigma') ? { ...span, kappa, sigma: read.ratio('sigma', { min: 0, max: 1 }) } : { ...span, kappa }
    }
    case 'extraLeaseMs':
    case 'extraConnectMs':
      return { ...span, [kind]: read.durationMs(kind, { max: DURATION_MS_MAX }) } as Disturbance
    case 'connectionsMax':
      return { ...span, connectionsMax: read.count(kind) }
    case 'leakEveryMs':
    case 'leapMs':
      return { ...span, [kind]: read.durationMs(kind, { min: Number.MIN_VALUE, max: 2e9 }) } as Disturbance
    default:
      if (!read.flag(kind)) return read.contradiction(kind, 'must be true')
      return { ...span, [kind]: true } as unknown as Disturbance
  }
}
