export { adapt } from './adapt.ts'
export type { ResizableSource } from './adapters/resizable-source.ts'
export type { AdaptOptions, AdoptedPool } from './adopted-pool.ts'
export type { Clock, Timer } from './base/clock.ts'
export type { Random } from './base/random.ts'
export { seededRandom } from './base/random.ts'
export type { AimdOptions } from './control/aimd.ts'
export { aimd } from './control/aimd.ts'
export type { Controller, DecisionRecord } from './control/controller.ts'
export { fixed } from './control/fixed.ts'
export type { Gradient2Options, Gradient2State } from './control/gradient2.ts'
export { gradient2 } from './control/gradient2.ts'
export type { Bounds, CooldownOptions, CooldownState, StepMaxOptions } from './control/guards.ts'
export { shadow, withBounds, withCooldown, withStepMax } from './control/guards.ts'
export type { HillClimbOptions, HillClimbState } from './control/hill-climb.ts'
export { hillClimb } from './control/hill-climb.ts'
export type { HybridOptions } from './control/hybrid.ts'
export { hybrid } from './control/hybrid.ts'
export type { HybridState } from './control/hybrid-state.ts'
export type { LittlesLawOptions, LittlesLawState } from './control/littles-law.ts'
export { littlesLaw } from './control/littles-law.ts'
export type { PidOptions, PidState } from './control/pid.ts'
export { pid } from './control/pid.ts'
export type { Day, Peak, ScheduleOptions } from './control/schedule.ts'
export { schedule } from './control/schedule.ts'
export type { VegasOptions, VegasState } from './control/vegas.ts'
export { vegas } from './control/vegas.ts'
export type { AdaptivePool, CreatePoolOptions } from './create-pool.ts'
export { createPool } from './create-pool.ts'
export type { ControlOptions, PoolHandle, PoolHandleEvents } from './handle.ts'
export type { Distribution } from './measure/quantile.ts'
export type { Sample } from './measure/sample.ts'
export type { PoolStats } from './measure/sampler.ts'
export type {
  AcquireOptions,
  CreateFailureClass,
  Decision,
  DestroyReason,
  Holder,
  Lease,
  PoolCounts,
  PoolEvents,
} from './pool/contract.ts'
export type { CreateBackoff } from './pool/creation-pace.ts'
export type { DrainResult } from './pool/pool.ts'
export {
  AcquireAbortedError,
  AcquireTimeoutError,
  CreateFailedError,
  DrainingError,
  LeaseEndedError,
  PoolError,
  QueueFullError,
  ShedError,
  UnsupportedPoolError,
} from './pool/pool-errors.ts'
export type { PoolOptions } from './pool/pool-options.ts'
export type { AdaptiveLifoOptions, CodelOptions, QueueDecider, QueuePolicy } from './pool/queue-policy.ts'
export { adaptiveLifo, codel, fifo } from './pool/queue-policy.ts'
export type { Profile, ProfiledQuery, ProfiledTime, ProfileEntry } from './watch/profile.ts'
export type {
  Diagnosis,
  Evidence,
  Forecast,
  Severity,
  Verdict,
  Warning,
  WarningKind,
  WatchEvents,
} from './watch/warning.ts'
export type { WatchOptions } from './watch/watch-options.ts'
