import { AsyncLocalStorage } from 'node:async_hooks'
import { expect, test, vi } from 'vitest'
import { Emitter } from '../../../src/base/emitter.ts'
import { settled } from '../../../src/sim/virtual-clock.ts'

interface Events {
  opened: { readonly id: number }
  closed: { readonly id: number }
}

function newEmitter() {
  const failures: [unknown, string][] = []
  const emitter = new Emitter<Events>('orders', (error, event) => failures.push([error, event]))
  return { emitter, failures }
}

test('a listener gets the one payload of each of its events, in order, and no other event', () => {
  const { emitter } = newEmitter()
  const seen: number[] = []
  emitter.on('opened', ({ id }) => seen.push(id))
  emitter.emit('opened', { id: 1 })
  emitter.emit('closed', { id: 2 })
  emitter.emit('opened', { id: 3 })
  expect(seen).toEqual([1, 3])
})

test('a listener for once is called once, and can be taken off before', () => {
  const { emitter } = newEmitter()
  const heard = vi.fn()
  const unheard = vi.fn()
  emitter.once('opened', heard)
  emitter.once('opened', unheard)
  emitter.off('opened', unheard)
  emitter.emit('opened', { id: 1 })
  emitter.emit('opened', { id: 2 })
  expect(heard.mock.calls).toEqual([[{ pool: 'orders', id: 1 }]])
  expect(unheard).not.toHaveBeenCalled()
})

test('has() says whether anybody listens', () => {
  const { emitter } = newEmitter()
  const listener = (): void => {}
  expect(emitter.has('opened')).toBe(false)
  emitter.on('opened', listener)
  expect(emitter.has('opened')).toBe(true)
  expect(emitter.has('closed')).toBe(false)
  emitter.off('opened', listener)
  expect(emitter.has('opened')).toBe(false)
})

test('a listener that throws stops neither the emitter nor the listeners after it, and is reported', () => {
  const { emitter, failures } = newEmitter()
  const after = vi.fn()
  const error = new Error('bad listener')
  emitter.on('opened', () => {
    throw error
  })
  emitter.on('opened', after)
  emitter.emit('opened', { id: 1 })
  expect(after).toHaveBeenCalledOnce()
  expect(failures).toEqual([[error, 'opened']])
})

test('the rejection of an async listener is reported, not left unhandled', async () => {
  const { emitter, failures } = newEmitter()
  const error = new Error('bad listener')
  emitter.on('opened', async () => {
    throw error
  })
  emitter.emit('opened', { id: 1 })
  await settled()
  expect(failures).toEqual([[error, 'opened']])
})

test('listeners added or taken off during an event count from the next one', () => {
  const { emitter } = newEmitter()
  const seen: string[] = []
  const second = (): void => void seen.push('second')
  emitter.once('opened', () => {
    emitter.off('opened', second)
    emitter.on('opened', () => seen.push('third'))
  })
  emitter.on('opened', second)
  emitter.emit('opened', { id: 1 })
  expect(seen).toEqual(['second'])
  emitter.emit('opened', { id: 2 })
  expect(seen).toEqual(['second', 'third'])
})

test('listeners run in the async context in which the emitter was made, not in that of who emits', () => {
  const store = new AsyncLocalStorage<string>()
  const emitter = store.run('maker', () => new Emitter<Events>('orders', () => {}))
  const seen: unknown[] = []
  store.run('subscriber', () => emitter.on('opened', () => seen.push(store.getStore())))
  store.run('caller', () => emitter.emit('opened', { id: 1 }))
  expect(seen).toEqual(['maker'])
})

test('an event called error without listeners is nothing special', () => {
  const emitter = new Emitter<{ error: { readonly id: number } }>('orders', () => {})
  expect(() => emitter.emit('error', { id: 1 })).not.toThrow()
})

test('a hundred listeners raise no warning of a leak', () => {
  const { emitter } = newEmitter()
  const warned = vi.spyOn(process, 'emitWarning').mockImplementation(() => {})
  for (let i = 0; i < 100; i++) emitter.on('opened', () => {})
  expect(warned).not.toHaveBeenCalled()
  warned.mockRestore()
})

test.each([undefined, null, 'log', {}])('a listener that is %j is refused with the name of the event', (listener) => {
  const { emitter } = newEmitter()
  expect(() => emitter.on('opened', listener as never)).toThrow(/^on\('opened'\): listener must be a function/)
  expect(() => emitter.once('opened', listener as never)).toThrow(TypeError)
  expect(emitter.has('opened')).toBe(false)
})
