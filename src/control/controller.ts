import type { Sample } from '../measure/sample.ts'
import type { Decision } from '../pool/contract.ts'

/**
 * A pure step from state and sample to state and decision. It reads no clock, keeps nothing outside its state, and
 * its state survives JSON, so that every decision can be replayed.
 */
export interface Controller<S = unknown> {
  /** Kebab-case; labels decisions. */
  readonly name: string
  readonly initial: S
  /** True: a person has sized the pool, and what the backend refuses does not cut the limit. @defaultValue false */
  readonly isManual?: boolean | undefined
  step(state: S, sample: Sample): readonly [S, Decision]
}

/** A decision taken, with what it was taken on. */
export interface DecisionRecord {
  /** On the pool's clock, in ms. */
  readonly atMs: number
  readonly from: number
  readonly to: number
  readonly reason: string
  readonly sample: Sample
  /** Of a controller under `shadow()`: the limit that it would have put in force. */
  readonly shadowLimit?: number
}
