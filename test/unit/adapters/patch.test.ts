import { expect, test } from 'vitest'
import { ownMembers, patchMembers } from '../../../src/adapters/patch.ts'

class Neighbour {
  own = 'field'
  greet(): string {
    return 'hello'
  }
  get count(): number {
    return 1
  }
}

/** Which members the object itself has, and how. */
const own = (object: object) => Object.getOwnPropertyDescriptors(object)

test('methods and getters are replaced on the object alone, out of sight, and put back', () => {
  const neighbour = new Neighbour()
  const before = own(neighbour)
  const patch = patchMembers(neighbour, { greet: () => 'patched', count: { get: () => 2 } })

  expect(neighbour).toMatchObject({ count: 2 })
  expect(neighbour.greet()).toBe('patched')
  expect(Object.keys(neighbour)).toEqual(['own'])
  expect(new Neighbour().greet()).toBe('hello')

  patch.undo()
  expect(own(neighbour)).toEqual(before)
  expect(neighbour).toMatchObject({ count: 1 })
  expect(neighbour.greet()).toBe('hello')
})

test('a getter refuses to be set, and shows where a plain value was', () => {
  const neighbour = new Neighbour()
  const patch = patchMembers(neighbour, { own: { get: () => 'ours' } })
  expect(() => {
    neighbour.own = 'theirs'
  }).toThrow(TypeError)
  expect({ ...neighbour }).toEqual({ own: 'ours' })
  patch.undo()
  neighbour.own = 'theirs'
  expect(neighbour.own).toBe('theirs')
})

test('what was on the object before is put back as it was', () => {
  const neighbour = new Neighbour()
  neighbour.greet = () => 'theirs'
  const before = own(neighbour)
  const patch = patchMembers(neighbour, { greet: () => 'patched' })
  expect(neighbour.greet()).toBe('patched')
  patch.undo()
  expect(own(neighbour)).toEqual(before)
})

test('what somebody has put over it since is theirs, and stays', () => {
  const neighbour = new Neighbour()
  const patch = patchMembers(neighbour, { greet: () => 'patched', count: { get: () => 2 } })
  neighbour.greet = () => 'theirs'
  patch.undo()
  expect(neighbour.greet()).toBe('theirs')
  expect(neighbour.count).toBe(1)
})

test('undone twice is undone once', () => {
  const neighbour = new Neighbour()
  const patch = patchMembers(neighbour, { greet: () => 'patched' })
  patch.undo()
  neighbour.greet = () => 'later'
  patch.undo()
  expect(neighbour.greet()).toBe('later')
})

test("an object's own members stay callable once others stand in their place", () => {
  const neighbour = new Neighbour()
  const { greet } = ownMembers(neighbour, 'greet')
  patchMembers(neighbour, { greet: () => 'patched' })
  expect(greet()).toBe('hello')
})
