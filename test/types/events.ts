// What must and must not compile, on the public surface. Never run: `tsc --noEmit` is the test.

import { expectTypeOf } from 'vitest'
import type {
  AdaptivePool,
  CreateFailureClass,
  DecisionRecord,
  DestroyReason,
  PoolCounts,
  PoolHandle,
  Warning,
} from '../../src/index.ts'

export function payloadsAreTyped(pool: AdaptivePool<object>): void {
  pool
    .on('limitChanged', (event) =>
      expectTypeOf(event).toExtend<{ pool: string; from: number; to: number; reason: string }>(),
    )
    .on('acquired', ({ waitMs, tag }) => {
      expectTypeOf(waitMs).toEqualTypeOf<number>()
      expectTypeOf(tag).toEqualTypeOf<string | undefined>()
    })
    .on('createFailed', ({ error, failure, retryInMs, counts }) => {
      expectTypeOf(error).toEqualTypeOf<unknown>()
      expectTypeOf(failure).toEqualTypeOf<CreateFailureClass>()
      expectTypeOf(retryInMs).toEqualTypeOf<number>()
      expectTypeOf(counts).toEqualTypeOf<PoolCounts>()
    })
    .once('destroyed', ({ reason }) => expectTypeOf(reason).toEqualTypeOf<DestroyReason>())
    .once('decided', (record) => expectTypeOf(record).toExtend<DecisionRecord & { pool: string }>())
    .on('warning', (warning) => expectTypeOf(warning).toExtend<Warning & { pool: string }>())
    .on('exhausted', ({ cause }) => expectTypeOf(cause).toExtend<string>())
    .on('listenerFailed', ({ event }) => expectTypeOf(event).toEqualTypeOf<string>())
  const listener = ({ leaseMs }: { leaseMs: number }): number => leaseMs
  pool.on('released', listener).off('released', listener)
  pool.on('acquired', async ({ waitMs }) => {
    await Promise.resolve(waitMs)
  })
}

export function wrongListenersDoNotCompile(pool: AdaptivePool<object>): void {
  // @ts-expect-error no such event
  pool.on('released!', () => {})
  // @ts-expect-error another event's payload
  pool.on('acquired', ({ leaseMs }) => leaseMs)
  // @ts-expect-error one object each, no positions
  pool.on('limitChanged', (from: number, to: number) => from + to)
  // @ts-expect-error not a function
  pool.on('acquired', 'log')
  pool.on('limitChanged', (event) => {
    // @ts-expect-error payloads are read-only
    event.to = 5
  })
}

export function bothKindsOfPoolSpeakAlike<T>(handle: PoolHandle<T>): void {
  handle.on('warning', ({ kind, severity, message }) => expectTypeOf([kind, severity, message]).toExtend<string[]>())
  handle.counts()
  // @ts-expect-error people go on using their own pool object
  handle.acquire()
}
