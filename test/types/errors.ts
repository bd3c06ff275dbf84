// What must and must not compile, on the public surface. Never run: `tsc --noEmit` is the test.

import { expectTypeOf } from 'vitest'
import {
  AcquireAbortedError,
  AcquireTimeoutError,
  CreateFailedError,
  DrainingError,
  type Holder,
  LeaseEndedError,
  type PoolCounts,
  PoolError,
  QueueFullError,
  ShedError,
  UnsupportedPoolError,
} from '../../src/index.ts'

export function whatEveryErrorTells(error: PoolError): void {
  expectTypeOf(error).toExtend<Error>()
  expectTypeOf(error.code).toEqualTypeOf<string>()
  expectTypeOf(error.pool).toEqualTypeOf<string>()
  expectTypeOf(error.counts).toEqualTypeOf<PoolCounts>()
  expectTypeOf(error.cause).toEqualTypeOf<unknown>()
}

export function codesAreLiterals(): void {
  expectTypeOf<AcquireTimeoutError['code']>().toEqualTypeOf<'ERR_POOL_ACQUIRE_TIMEOUT'>()
  expectTypeOf<ShedError['code']>().toEqualTypeOf<'ERR_POOL_SHED'>()
  expectTypeOf<QueueFullError['code']>().toEqualTypeOf<'ERR_POOL_QUEUE_FULL'>()
  expectTypeOf<AcquireAbortedError['code']>().toEqualTypeOf<'ERR_POOL_ABORTED'>()
  expectTypeOf<DrainingError['code']>().toEqualTypeOf<'ERR_POOL_DRAINING'>()
  expectTypeOf<CreateFailedError['code']>().toEqualTypeOf<'ERR_POOL_CREATE_FAILED'>()
  expectTypeOf<LeaseEndedError['code']>().toEqualTypeOf<'ERR_POOL_LEASE_ENDED'>()
  expectTypeOf<UnsupportedPoolError['code']>().toEqualTypeOf<'ERR_POOL_UNSUPPORTED'>()
}

export function instanceofNarrows(error: unknown): void {
  if (error instanceof AcquireTimeoutError) {
    expectTypeOf(error).toEqualTypeOf<AcquireTimeoutError>()
    expectTypeOf(error.waitedMs).toEqualTypeOf<number>()
    expectTypeOf(error.holders).toEqualTypeOf<readonly Holder[]>()
  } else if (error instanceof PoolError) {
    expectTypeOf(error.counts.waiters).toEqualTypeOf<number>()
  }
  const all = [AcquireAbortedError, CreateFailedError, DrainingError, LeaseEndedError, QueueFullError, ShedError]
  for (const each of all) if (error instanceof each) expectTypeOf(error.code).toExtend<string>()
  if (error instanceof UnsupportedPoolError) expectTypeOf(error.code).toExtend<string>()
}

export function theBaseIsAbstract(): void {
  // @ts-expect-error errors are made by the pool, of a class of their own
  new PoolError('x', {})
}
