export {
  type Backend,
  type BackendOptions,
  type Connection,
  type CurveBackendOptions,
  curveBackend,
  type RunningBackend,
  type UslBackendOptions,
  uslBackend,
} from './backend.ts'
export { type BurstsOptions, bursts } from './bursts.ts'
export { type ClosedLoopOptions, closedLoop } from './closed-loop.ts'
export type {
  CapacityDisturbance,
  CeilingDisturbance,
  Disturbance,
  HangDisturbance,
  KillDisturbance,
  KneeDisturbance,
  LeakDisturbance,
  LeapDisturbance,
  LeaseDisturbance,
  NeighbourDisturbance,
  NoiseDisturbance,
  RefusalDisturbance,
  SlowConnectDisturbance,
  Span,
  StallDisturbance,
} from './disturbance.ts'
export {
  type DriveAdoptedOptions,
  type DrivenHandle,
  type DrivenPool,
  type DrivePoolOptions,
  drive,
  type LoadOptions,
} from './drive.ts'
export { type MixedPart, mixed } from './mixed.ts'
export type { Job, RequestKind } from './request.ts'
export type { SimulationResult } from './result.ts'
export type { RetryOptions } from './retries.ts'
export { type Scenario, type ScenarioName, scenarios } from './scenarios.ts'
export type { ServiceTimes } from './service-times.ts'
export { type SimulatedPoolOptions, type SimulatedResource, type SimulateOptions, simulate } from './simulate.ts'
export type { RunError, SimulationRow, SimulationSummary, SimulationWarning, Timeline } from './summary.ts'
export { VirtualClock, type VirtualTimer } from './virtual-clock.ts'
export { type Arrivals, type FromCountsOptions, fromCounts, poisson, type Workload } from './workload.ts'
