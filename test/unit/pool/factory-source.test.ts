import { expect, test, vi } from 'vitest'
import { captureAsyncScope } from '../../../src/base/async-scope.ts'
import { type FactoryOptions, factorySource } from '../../../src/pool/factory-source.ts'
import { VirtualClock } from '../../../src/sim/virtual-clock.ts'

function newSource(factory: Partial<FactoryOptions<string>> = {}) {
  const clock = new VirtualClock()
  const source = factorySource(
    { create: () => 'resource', destroy: () => {}, ...factory },
    { validateAfterIdleMs: 500, validateTimeoutMs: 100 },
    clock,
    captureAsyncScope('Test'),
  )
  return { source, clock }
}

const { signal } = new AbortController()

test('create is given the signal, and may answer or throw at once', async () => {
  const create = vi.fn(() => 'resource')
  expect(await newSource({ create }).source.create(signal)).toBe('resource')
  expect(create.mock.calls).toEqual([[{ signal }]])
  const fail = (): never => {
    throw new Error('down')
  }
  await expect(newSource({ create: fail }).source.create(signal)).rejects.toThrow('down')
})

test('destroy is given the resource, and is done when its promise is', async () => {
  const destroy = vi.fn(async () => 'ignored')
  expect(await newSource({ destroy }).source.destroy('resource', 'broken')).toBeUndefined()
  expect(destroy.mock.calls).toEqual([['resource']])
})

test('there is nothing to prepare without validate, or before validateAfterIdleMs', () => {
  const validate = vi.fn()
  expect(newSource().source.prepare('resource', 1e9)).toBeUndefined()
  expect(newSource({ validate }).source.prepare('resource', 499)).toBeUndefined()
  expect(validate).not.toHaveBeenCalled()
})

test.each([undefined, true, null, 0, ''])('what validate answers with %j is fit', async (answer) => {
  const { source } = newSource({ validate: () => answer })
  expect(await source.prepare('resource', 500)).toBe('resource')
})

test.each([
  ['answers false', () => false, 'validate answered false'],
  ['promises false', async () => false, 'validate answered false'],
  ['rejects', () => Promise.reject(new Error('gone')), 'gone'],
  [
    'throws',
    () => {
      throw new Error('gone')
    },
    'gone',
  ],
])('what validate %s is unfit', async (_, validate, text) => {
  await expect(newSource({ validate }).source.prepare('resource', 500)).rejects.toThrow(text)
})

test('a validation past validateTimeoutMs finds the resource unfit', async () => {
  const { source, clock } = newSource({ validate: () => new Promise(() => {}) })
  const answer = source.prepare('resource', 500)
  answer?.catch(() => {})
  await clock.advance(100)
  await expect(answer).rejects.toThrow('validate did not finish within validateTimeoutMs (100 ms)')
})

test('a good resource is kept at the end of its lease', () => {
  expect(newSource().source.giveBack('resource')).toBe(true)
})
