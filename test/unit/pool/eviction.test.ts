import fc from 'fast-check'
import { expect, test } from 'vitest'
import { evictAtMs, evictionReason, expiryMs } from '../../../src/pool/eviction.ts'

const ENTRY = { sinceMs: 1_000, expiresAtMs: 5_000 }
const POOL = { idleTimeoutMs: 300, live: 3, limitMin: 2 }

test.each([
  ['not yet idle for long', 1_299, POOL, undefined],
  ['idle for idleTimeoutMs', 1_300, POOL, 'idle'],
  ['idle for long, but one of the last limitMin', 4_999, { ...POOL, live: 2 }, undefined],
  ['past its lifetime', 5_000, POOL, 'lifetime'],
  ['past its lifetime, though one of the last limitMin', 5_000, { ...POOL, live: 1 }, 'lifetime'],
  ['idle for ever, without a timeout', 4_999, { ...POOL, idleTimeoutMs: Number.POSITIVE_INFINITY }, undefined],
])('%s, at %d ms: %3$s', (_, nowMs, pool, reason) => {
  expect(evictionReason(ENTRY, nowMs, pool)).toBe(reason)
})

test('an entry falls due at the end of its patience or of its lifetime, whichever is first', () => {
  expect(evictAtMs(ENTRY, 300)).toBe(1_300)
  expect(evictAtMs(ENTRY, 30_000)).toBe(5_000)
  const eternal = { sinceMs: 1_000, expiresAtMs: Number.POSITIVE_INFINITY }
  expect(evictAtMs(eternal, Number.POSITIVE_INFINITY)).toBe(Number.POSITIVE_INFINITY)
})

test('while there are more than limitMin, an entry is evicted exactly from when it falls due', () => {
  const anyMs = fc.integer({ min: 0, max: 1_000 })
  fc.assert(
    fc.property(anyMs, anyMs, anyMs, anyMs, (sinceMs, expiresAtMs, idleTimeoutMs, nowMs) => {
      const entry = { sinceMs, expiresAtMs }
      const isDue = nowMs >= evictAtMs(entry, idleTimeoutMs)
      expect(evictionReason(entry, nowMs, { idleTimeoutMs, live: 3, limitMin: 2 }) !== undefined).toBe(isDue)
    }),
  )
})

test('lifetimes are shortened by chance, up to the jitter, and never lengthened', () => {
  expect(expiryMs(100, 1_000, 0.2, 0)).toBe(1_100)
  expect(expiryMs(100, 1_000, 0.2, 0.5)).toBe(1_000)
  expect(expiryMs(100, 1_000, 0, 0.9)).toBe(1_100)
  expect(expiryMs(100, Number.POSITIVE_INFINITY, 0.2, 0.5)).toBe(Number.POSITIVE_INFINITY)
  fc.assert(
    fc.property(
      fc.double({ min: 0, max: 1, noNaN: true }),
      fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }),
      (jitter, random01) => {
        const atMs = expiryMs(0, 1_000, jitter, random01)
        expect(atMs).toBeGreaterThanOrEqual(1_000 * (1 - jitter) - 1e-9)
        expect(atMs).toBeLessThanOrEqual(1_000)
      },
    ),
  )
})
