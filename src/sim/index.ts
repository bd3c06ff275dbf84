export {
  type Backend,
  type CapacityDisturbance,
  type Disturbance,
  type Job,
  type LeaseDisturbance,
  type RefusalDisturbance,
  type RunningBackend,
  type UslBackendOptions,
  uslBackend,
} from './backend.ts'
export type { SimulationResult, SimulationRow, SimulationSummary, SimulationWarning } from './result.ts'
export { type Scenario, type ScenarioName, scenarios } from './scenarios.ts'
export { type SimulatedPoolOptions, type SimulatedResource, type SimulateOptions, simulate } from './simulate.ts'
export { VirtualClock } from './virtual-clock.ts'
export { type Arrivals, type FromCountsOptions, fromCounts, poisson, type Workload } from './workload.ts'
