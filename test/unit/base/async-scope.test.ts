import { AsyncLocalStorage } from 'node:async_hooks'
import { expect, test } from 'vitest'
import { captureAsyncScope, clockInScope } from '../../../src/base/async-scope.ts'
import type { Clock } from '../../../src/base/clock.ts'
import { VirtualClock } from '../../../src/sim/virtual-clock.ts'
import { contextualClock } from '../../support/contextual-clock.ts'

const store = new AsyncLocalStorage<string>()

test('a function runs in the context in which the scope was made, wherever it is called', () => {
  const scope = store.run('maker', () => captureAsyncScope('Test'))
  expect(store.run('caller', () => scope.run(() => store.getStore()))).toBe('maker')
})

test('the caller has its own context again afterwards, also when the function throws', () => {
  const scope = captureAsyncScope('Test')
  store.run('caller', () => {
    const fail = () => {
      throw new Error('inside')
    }
    expect(() => scope.run(fail)).toThrow('inside')
    expect(store.getStore()).toBe('caller')
  })
})

test('what the function starts goes on in the scope, past an await', async () => {
  const scope = store.run('maker', () => captureAsyncScope('Test'))
  const later = store.run('caller', () =>
    scope.run(async () => {
      await Promise.resolve()
      return store.getStore()
    }),
  )
  expect(await later).toBe('maker')
})

test('timers of a clock in a scope fire in that scope, at their time', async () => {
  const virtual = new VirtualClock(5)
  const scope = store.run('maker', () => captureAsyncScope('Test'))
  const clock = clockInScope(contextualClock(virtual), scope)
  const fired: (string | number | undefined)[] = []
  store.run('caller', () => {
    clock.startTimer(10, () => fired.push(store.getStore(), clock.nowMs()))
    clock.startTimer(10, () => fired.push('cancelled')).cancel()
  })
  await virtual.advance(10)
  expect(fired).toEqual(['maker', 15])
})

test('whether a timer is in the background is passed on', () => {
  const seen: unknown[] = []
  const inner: Clock = {
    nowMs: () => 0,
    startTimer(_delayMs, _fire, background) {
      seen.push(background)
      return { cancel: () => {} }
    },
  }
  const clock = clockInScope(inner, captureAsyncScope('Test'))
  clock.startTimer(1, () => {}, true)
  clock.startTimer(1, () => {})
  expect(seen).toEqual([true, undefined])
})

test('it is nothing that keeps a process alive: jest --detectOpenHandles asks, and took each waiter for one', () => {
  expect(captureAsyncScope('Test')).toMatchObject({ hasRef: expect.any(Function) })
  expect((captureAsyncScope('Test') as unknown as { hasRef(): boolean }).hasRef()).toBe(false)
})
