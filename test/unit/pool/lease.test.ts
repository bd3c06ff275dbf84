import { expect, test, vi } from 'vitest'
import type { Caller } from '../../../src/pool/contract.ts'
import { PoolLease } from '../../../src/pool/lease.ts'
import { Entry } from '../../../src/pool/ledger.ts'

function lent(caller?: Caller) {
  const entry = new Entry<string>(1, 'inUse', 0)
  entry.resource = 'resource'
  const lender = { endLease: vi.fn(), leaseEndedError: () => new Error('ended already') }
  const lease = new PoolLease(lender, entry, 5, 'orders', caller)
  entry.lease = lease
  return { entry, lender, lease }
}

test('a lease shows its resource, its tag, and since when it is held', () => {
  expect(lent().lease).toMatchObject({ resource: 'resource', tag: 'orders', sinceMs: 5 })
})

// Slipped through, since nobody had logged one: it knows who asked, who knows his lease.
test('in a log it tells its tag and whether it has ended, and nothing of its resource or of who asked', () => {
  const caller: Caller = { site: undefined, path: [], run: 1, isFollowed: false, above: undefined, lease: undefined }
  const { lease } = lent(caller)
  expect(JSON.parse(JSON.stringify({ lease }))).toEqual({ lease: { tag: 'orders', hasEnded: false } })
  lease.release()
  expect(JSON.parse(JSON.stringify([lease]))).toEqual([{ tag: 'orders', hasEnded: true }])
})

test('its release and its destruction are told to the lender, with the reason', () => {
  const released = lent()
  released.lease.release()
  expect(released.lender.endLease.mock.calls).toEqual([[released.entry, released.lease, 'release', undefined]])
  const destroyed = lent()
  destroyed.lease.destroy('torn')
  expect(destroyed.lender.endLease.mock.calls).toEqual([[destroyed.entry, destroyed.lease, 'destroy', 'torn']])
})

const ENDS = ['release', 'destroy'] as const

test.each(ENDS.flatMap((first) => ENDS.map((second) => ({ first, second }))))(
  'I5: after $first, $second is an error, and the lender hears nothing of it',
  ({ first, second }) => {
    const { lease, lender } = lent()
    lease[first]()
    expect(() => lease[second]()).toThrow('ended already')
    expect(lender.endLease).toHaveBeenCalledOnce()
  },
)

test('disposal releases, and is harmless once the lease has ended', () => {
  const { lease, lender } = lent()
  lease[Symbol.dispose]()
  lease[Symbol.dispose]()
  expect(lender.endLease).toHaveBeenCalledOnce()
  expect(() => lease.release()).toThrow('ended already')
})

test('a lease that was cut by a drain ends without an error the first time, and touches nothing', () => {
  const { entry, lease, lender } = lent()
  entry.lease = undefined
  expect(() => lease.release()).not.toThrow()
  expect(lender.endLease).not.toHaveBeenCalled()
  expect(() => lease.release()).toThrow('ended already')
})

test('a lease that has ended still cannot end another of the same entry', () => {
  const { entry, lease, lender } = lent()
  lease.release()
  entry.lease = { tag: undefined, sinceMs: 9 }
  expect(() => lease.destroy()).toThrow('ended already')
  expect(lender.endLease).toHaveBeenCalledOnce()
})
